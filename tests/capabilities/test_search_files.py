"""`search_files` over more than a run may read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tacit
from tacit.config import Settings
from tacit.errors import CapabilityFailed
from tacit.models import Permissions

Search = Callable[..., dict[str, Any]]
LARGEST = 16 << 20
"""What the sandbox lets a capability read of one file, by default."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder that is searched: one in the files folder, which has the sample as well."""
    folder = tmp_path / "files" / "given"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def search(tmp_path: Path, files: Path) -> Iterator[Search]:
    """Run the shipped capability on that folder and return its output."""
    granted = Permissions(read=("**",))
    settings = Settings.load(data=tmp_path / "data", files=files.parent, embedder="none", grants=granted)
    with tacit.open(settings) as app:
        yield lambda **given: app.service.run("search_files", {"folder": "given", **given}).output


def write_large(files: Path, count: int) -> None:
    """Write files of 16 MB each, of which no two are alike."""
    for number in range(count):
        with (files / f"large_{number}.txt").open("wb") as file:
            file.write(f"needle {number}\n".encode())
            file.truncate(LARGEST - number)


def test_a_folder_of_more_than_a_run_may_read_is_searched_in_part(files: Path, search: Search) -> None:
    """What was found so far is answered, and that there is more, with what to do."""
    write_large(files, 8)
    found = search(query="NEEDLE")
    assert [match["path"] for match in found["matches"]] == [f"given/large_{number}.txt" for number in range(3)]
    assert (found["files_searched"], found["complete"]) == (3, False)
    assert found["stopped"] == "50 MB were read; narrow it down with folder or glob to see the rest"


def test_the_rest_is_found_by_a_narrower_search(files: Path, search: Search) -> None:
    """A glob leaves out what is unread of no interest."""
    write_large(files, 8)
    found = search(query="needle", glob="large_7*")
    assert ([match["text"] for match in found["matches"]], found["complete"]) == (["needle 7"], True)


def test_a_file_that_is_too_large_is_named(files: Path, search: Search) -> None:
    """The others are searched."""
    (files / "b.txt").write_text("needle\n")
    with (files / "a.bin").open("wb") as file:
        file.truncate(100 << 20)
    found = search(query="needle")
    assert (len(found["matches"]), found["files_skipped"], found["complete"]) == (1, 1, True)
    (skipped,) = found["skipped"]
    assert skipped["path"] == "given/a.bin"
    assert str(LARGEST) in skipped["why"]


@pytest.mark.parametrize("query", ["needle$", r"^needle|x{3}", r"\bneedle\b"])
def test_an_expression_is_looked_for_in_all_of_the_largest_file(files: Path, search: Search, query: str) -> None:
    """Eight million short lines take less than the default energy, and the last one is found."""
    (files / "lines.txt").write_bytes(b"a\n" * (LARGEST // 2 - 4) + b"needle\n")
    found = search(query=query, regex=True)
    assert ([match["line"] for match in found["matches"]], found["complete"]) == ([LARGEST // 2 - 3], True)


def test_an_expression_that_costs_much_stops_before_its_energy_ends(files: Path, search: Search) -> None:
    """The answer says up to which line it looked: edges of words beyond ASCII are asked for at every letter."""
    (files / "lines.txt").write_bytes("größere wörter ohne ende\n".encode() * 400_000)
    found = search(query=r"\b\w+e \b\w+ \bohne ende\B", regex=True)
    assert (found["matches"], found["complete"]) == ([], False)
    assert found["stopped"].startswith("given/lines.txt was looked at up to line ")
    assert search(query="finde")["complete"] is True


@pytest.mark.parametrize("regex", [False, True])
def test_lines_are_those_that_end_with_a_line_feed(files: Path, search: Search, *, regex: bool) -> None:
    """With or without a carriage return, the last one with or without an end; a line end may be looked for itself."""
    (files / "a.txt").write_bytes(b"one x\r\ntwo\n\n\rx three x\nfour\nx")
    found = [(match["line"], match["text"]) for match in search(query="X", regex=regex)["matches"]]
    assert found == [(1, "one x"), (4, "\rx three x"), (6, "x")]
    assert [match["line"] for match in search(query="two\n", regex=regex)["matches"]] == [2]


NOTES = {
    "a.txt": "invoice one\n",
    "b.md": "invoice two\n",
    "bom.txt": "\ufeffinvoice first\n",
    "multi.txt": "first line\nsecond line\n",
    "nbsp.txt": "total\u00a0amount\n",
    "nfd.md": "Modellu\u0308berpru\u0308fung\n",
    "U\u0308bersicht.md": "invoice four\n",
    "sub/UP.TXT": "invoice three\n",
    "sub/STRASSE.TXT": "die Stra\u00dfe\n",
}


@pytest.fixture
def notes(files: Path) -> None:
    """Write files of many names, forms and line ends."""
    for name, text in NOTES.items():
        path = files / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("*.{txt,md}", ["a.txt", "b.md", "bom.txt", "sub/UP.TXT", "U\u0308bersicht.md"]),
        ("*.txt,*.md", ["a.txt", "b.md", "bom.txt", "sub/UP.TXT", "U\u0308bersicht.md"]),
        ("sub/*", ["sub/UP.TXT"]),
        ("given/sub/*", ["sub/UP.TXT"]),
        ("./*.txt", ["a.txt", "bom.txt"]),
        ("/a.txt", ["a.txt"]),
        ("**/*.md", ["b.md", "U\u0308bersicht.md"]),
        ("[!a]*.txt", ["bom.txt", "sub/UP.TXT"]),
        ("[a-b].*", ["a.txt", "b.md"]),
        ("\u00fcbersicht.*", ["U\u0308bersicht.md"]),
        ("{a,{b,bom}}.{t{xt},md}", ["a.txt", "b.md", "bom.txt"]),
        ("?.txt", ["a.txt"]),
    ],
)
def test_globs_of_every_common_form_find_their_files(search: Search, glob: str, names: list[str]) -> None:
    """Whatever the case and the normal form of names; paths are those from the folder on."""
    found = search(query="invoice", glob=glob)
    paths = {match["path"].removeprefix("given/") for match in found["matches"]}
    assert (paths, found["complete"]) == (set(names), True)


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("glob", ["!*.md", "*.@(txt|md)", "{1..3}.txt", "*.{txt,md", "[a.txt", "../*"])
def test_a_glob_of_another_form_is_an_error(search: Search, glob: str) -> None:
    """It would match nothing, and that would look like an answer."""
    with pytest.raises(CapabilityFailed, match=r"invalid_glob: The glob .* Known are"):
        search(query="invoice", glob=glob)


@pytest.mark.usefixtures("notes")
def test_a_search_that_looked_at_nothing_is_not_complete(files: Path, search: Search) -> None:
    """Neither where the glob means no file, nor where the folder has none, nor where all were skipped."""
    (files / "empty").mkdir()
    (files / "binary").mkdir()
    (files / "binary" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\xff\xff")
    for given, why in (
        ({"glob": "*.csv"}, "none of the 10 files"),
        ({"folder": "given/empty"}, "there is no file"),
        ({"folder": "given/binary"}, "1 of 1 files"),
    ):
        found = search(query="invoice", **given)
        assert (found["files_searched"], found["complete"]) == (0, False)
        assert found["stopped"].startswith(f"no file was searched: {why}")


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(
    ("query", "given", "found"),
    [
        ("Modell\u00fcberpr\u00fcfung", {}, ("nfd.md", 1)),
        ("Modellu\u0308berpru\u0308fung", {}, ("nfd.md", 1)),
        ("total amount", {}, ("nbsp.txt", 1)),
        ("strasse", {}, ("sub/STRASSE.TXT", 1)),
        ("STRA\u00dfE", {}, ("sub/STRASSE.TXT", 1)),
        (r"first line\s+second", {"regex": True}, ("multi.txt", 1)),
        ("line\nsecond", {}, ("multi.txt", 1)),
        ("^invoice first", {"regex": True}, ("bom.txt", 1)),
    ],
)
def test_what_reads_alike_is_found(search: Search, query: str, given: dict[str, Any], found: tuple[str, int]) -> None:
    """Normal forms, spaces, case beyond ASCII, line ends and byte order marks hide nothing."""
    (match,) = search(query=query, **given)["matches"]
    assert (match["path"].removeprefix("given/"), match["line"]) == found


def test_files_of_other_encodings_are_searched_with_a_note(files: Path, search: Search) -> None:
    """UTF-16 by its mark, and Windows-1252 where a file is no UTF-8."""
    (files / "a.txt").write_bytes("Zo\u00eb\r\n".encode("utf-16"))
    (files / "b.txt").write_bytes("Zo\u00eb\r\n".encode("cp1252"))
    found = search(query="zo\u00eb")
    assert len(found["matches"]) == 2
    assert found["notes"] == ["given/a.txt was read as UTF-16LE.", "given/b.txt was read as Windows-1252."]

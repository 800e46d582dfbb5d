"""`search_files` over more than a run may read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tacit
from tacit.config import Settings
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
def test_an_expression_over_many_short_lines_stops_before_its_energy_ends(
    files: Path, search: Search, query: str
) -> None:
    """The answer says up to which line it looked; a text is found in all of them."""
    (files / "lines.txt").write_bytes(b"a\n" * (7 << 20) + b"needle\n")
    found = search(query=query, regex=True)
    assert (found["matches"], found["complete"]) == ([], False)
    assert found["stopped"].startswith("given/lines.txt was looked at up to line 3")
    found = search(query="needle")
    assert (found["matches"][0]["line"], found["complete"]) == ((7 << 20) + 1, True)


@pytest.mark.parametrize("regex", [False, True])
def test_lines_are_those_that_end_with_a_line_feed(files: Path, search: Search, *, regex: bool) -> None:
    """With or without a carriage return, the last one with or without an end; a match in two lines is none."""
    (files / "a.txt").write_bytes(b"one x\r\ntwo\n\n\rx three x\nfour\nx")
    found = [(match["line"], match["text"]) for match in search(query="X", regex=regex)["matches"]]
    assert found == [(1, "one x"), (4, "\rx three x"), (6, "x")]
    assert search(query="two\n", regex=regex)["matches"] == []

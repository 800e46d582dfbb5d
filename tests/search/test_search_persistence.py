"""What outlives a process: vectors in the store, the snapshot in the folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from search_samples import CARDS, LetterEmbedder

from tacit.errors import StoreReadOnly
from tacit.models import Card
from tacit.search import MemoryVectors, SearchIndex
from tacit.search.index import SNAPSHOT
from tacit.search.snapshot import read_snapshot, write_snapshot


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return a folder with the snapshot of an index of the sample cards."""
    index = SearchIndex(LetterEmbedder(), MemoryVectors(), tmp_path)
    index.sync(CARDS)
    index.embed_missing()
    index.close()
    return tmp_path


def reopened(folder: Path, cards: tuple[Card, ...] = CARDS) -> tuple[SearchIndex, LetterEmbedder]:
    """Open the folder with an empty vector store, so that vectors can only come from the snapshot."""
    embedder = LetterEmbedder()
    index = SearchIndex(embedder, MemoryVectors(), folder)
    index.sync(cards)
    assert index.embed_missing() == 0
    return index, embedder


def test_a_start_embeds_nothing_again() -> None:
    """With the vectors in the store, a second index of the same cards asks the embedder for none."""
    vectors = MemoryVectors()
    for expected in (len(CARDS), 0):
        embedder = LetterEmbedder()
        index = SearchIndex(embedder, vectors)
        index.sync(CARDS)
        assert index.embed_missing() == 0
        assert len(embedder.embedded) == expected
        index.close()


def test_the_snapshot_has_everything(saved: Path) -> None:
    """A start from the snapshot embeds nothing and finds the same with the same scores."""
    index, embedder = reopened(saved)
    assert embedder.embedded == []
    fresh = SearchIndex(LetterEmbedder(), MemoryVectors())
    fresh.sync(CARDS)
    fresh.embed_missing()
    for query in ("resize a picture", "roll_dice", "必应"):
        found, expected = index.search(query, 40), fresh.search(query, 40)
        assert [match.id for match in found] == [match.id for match in expected]
        assert [match.score for match in found] == pytest.approx([match.score for match in expected], abs=1e-6)


def test_only_what_differs_from_the_snapshot_is_done(saved: Path) -> None:
    """Cards added, changed and removed since the snapshot are indexed so; only new texts are embedded."""
    changed = CARDS[1].model_copy(update={"summary": "Sells seashells."})
    added = Card(id="brew_tea", summary="Steeps leaves.")
    index, embedder = reopened(saved, (changed, *CARDS[2:], added))
    assert len(embedder.embedded) == 2
    assert len(index) == len(CARDS)
    assert index.search("Sells seashells", 1)[0].id == changed.id
    assert index.search("brew_tea", 1)[0].id == "brew_tea"
    assert "convert_currency" not in [match.id for match in index.search("convert_currency", 50)]
    index.close()


@pytest.mark.parametrize("place", [0, 20, 50, 60, 400, -5000, -2000, -1])
def test_a_damaged_snapshot_is_made_anew(saved: Path, place: int, caplog: pytest.LogCaptureFixture) -> None:
    """One wrong byte anywhere, FAISS's part included, and the index is rebuilt from the cards, silently but logged."""
    data = bytearray((saved / SNAPSHOT).read_bytes())
    data[place] ^= 0x55
    (saved / SNAPSHOT).write_bytes(data)
    index, embedder = reopened(saved)
    assert "made anew" in caplog.text
    assert len(embedder.embedded) == len(CARDS)
    assert index.search("resize a picture", 1)[0].id == "resize_image"
    index.close()
    assert reopened(saved)[1].embedded == []


@pytest.mark.parametrize("kept", [0, 10, 50, 300, 0.5, 0.999])
def test_a_snapshot_cut_short_is_made_anew(saved: Path, kept: float) -> None:
    """A snapshot cut short anywhere is not used."""
    data = (saved / SNAPSHOT).read_bytes()
    (saved / SNAPSHOT).write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    assert len(reopened(saved)[1].embedded) == len(CARDS)


def test_a_pickle_in_a_snapshot_is_not_opened(tmp_path: Path) -> None:
    """A file that is another kind of file, a pickled array for one, is not read."""
    with (tmp_path / SNAPSHOT).open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert read_snapshot(tmp_path / SNAPSHOT) is None


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    """A snapshot whose checksums are right but which holds objects is refused."""
    write_snapshot(tmp_path / "s", {}, {"fine": np.arange(3)})
    assert read_snapshot(tmp_path / "s") is not None
    write_snapshot(tmp_path / "s", {}, {"complex": np.ones(3, np.complex128)})
    assert read_snapshot(tmp_path / "s") is None


def test_a_snapshot_of_another_model_is_not_used(saved: Path) -> None:
    """After a change of model every card is embedded anew, and found by its words meanwhile."""
    embedder = LetterEmbedder(name="other letters")
    index = SearchIndex(embedder, MemoryVectors(), saved)
    index.sync(CARDS)
    assert index.search("resize a picture", 1)[0].id == "resize_image"
    assert index.embed_missing() == 0
    assert len(embedder.embedded) == len(CARDS)
    index.close()


def test_a_snapshot_without_vectors_serves_lexically(tmp_path: Path) -> None:
    """An index without an embedder has its own snapshot, and uses no one's vectors."""
    for _ in range(2):
        index = SearchIndex(None, MemoryVectors(), tmp_path)
        index.sync(CARDS)
        assert index.search("resize a picture", 1)[0].id == "resize_image"
        index.close()
    assert (tmp_path / SNAPSHOT).exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the folder is a file, search works and the log says that nothing was saved."""
    (tmp_path / "index").write_text("in the way")
    index = SearchIndex(None, MemoryVectors(), tmp_path / "index")
    index.sync(CARDS)
    index.close()
    assert "cannot be written" in caplog.text


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A snapshot that cannot be completed leaves the one before, and no stray file."""
    path = tmp_path / "s"
    write_snapshot(path, {"version": 1}, {"numbers": np.arange(3)})

    class Unwritable:
        dtype = np.dtype(np.int64)

    with pytest.raises((TypeError, ValueError, AttributeError)):
        write_snapshot(path, {"version": 2}, {"numbers": np.arange(3), "bad": np.array([object()])})
    with pytest.raises(TypeError):
        write_snapshot(path, {"version": {1}}, {"numbers": np.arange(3)})
    snapshot = read_snapshot(path)
    assert snapshot is not None
    assert snapshot[0] == {"version": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["s"]


WRITER = """
import sys
from collections.abc import Iterator
from pathlib import Path
import numpy as np
from tacit.search.snapshot import write_snapshot
number = int(sys.argv[2])
for _ in range(60):
    write_snapshot(Path(sys.argv[1]), {"by": number}, {"numbers": np.full(20_000 + number, number)})
"""


def test_of_several_writers_none_tears_the_file(tmp_path: Path) -> None:
    """While two processes write one snapshot over and over, every read finds one of them, whole."""
    path = tmp_path / "s"
    write_snapshot(path, {"by": 0}, {"numbers": np.full(20_000, 0)})
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)]) for number in (1, 2)]
    seen = set[int]()
    while any(writer.poll() is None for writer in writers):
        snapshot = read_snapshot(path)
        assert snapshot is not None
        by = snapshot[0]["by"]
        assert snapshot[1]["numbers"].tolist() == [by] * (20_000 + by)
        seen.add(by)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen & {1, 2}


@pytest.mark.parametrize("damage", [b"", b"abc", b"\0" * 108, np.full(27, np.nan, "<f4").tobytes(), bytes(1536)])
def test_a_damaged_vector_in_the_store_is_made_again(damage: bytes) -> None:
    """A stored vector that is not a whole unit vector is embedded anew, never indexed."""
    vectors = MemoryVectors()
    first = SearchIndex(LetterEmbedder(), vectors)
    first.sync(CARDS)
    first.embed_missing()
    first.close()
    key = next(iter(vectors._vectors))
    vectors.put({key: damage})
    embedder = LetterEmbedder()
    index = SearchIndex(embedder, vectors)
    index.sync(CARDS)
    assert index.embed_missing() == 0
    assert len(embedder.embedded) == 1
    index.close()


def test_a_read_only_store_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Where vectors cannot be stored they are used all the same, and the log says so."""

    class ReadOnly(MemoryVectors):
        def put(self, vectors: object) -> None:
            raise StoreReadOnly("The data folder cannot be written.")

    index = SearchIndex(LetterEmbedder(), ReadOnly())
    index.sync(CARDS)
    assert index.embed_missing() == 0
    assert "cannot be stored" in caplog.text
    index.close()


_WRITES = """
import os, sys
from pathlib import Path
import numpy as np
from tacit.search.snapshot import write_snapshot
synced = os.fsync
def pause(file):
    synced(file)
    print("written", flush=True)
    sys.stdin.readline()
os.fsync = pause
write_snapshot(Path(sys.argv[1]), {"whose": "other"}, {"a": np.zeros(3, "<f4")})
print("in place", flush=True)
"""
"""Writes a snapshot, and stops before it is put in place until it is told to go on."""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return another process in the middle of saving a snapshot in the folder."""
    command = [sys.executable, "-c", _WRITES, str(tmp_path / SNAPSHOT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


def test_what_a_killed_save_left_goes_at_the_next_start(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    """A SIGKILL in the middle of a save leaves a file, which the next index of the folder removes."""
    writer.kill()
    writer.wait()
    assert len([*tmp_path.glob("*.part")]) == 1
    index, _ = reopened(tmp_path)
    assert [*tmp_path.glob("*.part")] == []
    index.close()
    assert read_snapshot(tmp_path / SNAPSHOT) is not None


def test_what_another_process_is_saving_stays(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    """A start beside it does not take its file away: the other puts it in place."""
    index, _ = reopened(tmp_path)
    assert len([*tmp_path.glob("*.part")]) == 1
    told, _ = writer.communicate("\n")
    assert told == "in place\n"
    found = read_snapshot(tmp_path / SNAPSHOT)
    assert found is not None
    assert found[0] == {"whose": "other"}
    index.close()


def test_nothing_else_in_the_folder_is_removed(saved: Path) -> None:
    """Only what has the form of an unfinished snapshot goes."""
    kept = ["other.part", f"{SNAPSHOT}x.part", f"{SNAPSHOT}.old"]
    for name in (*kept, f"{SNAPSHOT}.abc.part"):
        (saved / name).write_text("")
    index, _ = reopened(saved)
    index.close()
    assert sorted(path.name for path in saved.iterdir()) == sorted([*kept, SNAPSHOT])

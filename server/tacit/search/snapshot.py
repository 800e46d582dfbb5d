"""A file of named arrays that is whole or not there: written beside and moved into place, checked before it is used.

Layout: the magic, SHA-256 of the header, the header's length, the header (JSON: `meta`, the arrays' names, types and
lengths, and SHA-256 over their bytes), the arrays. Nothing in it is code, and no array is handed out before the
checksum over all of them is right. It guards against damage, not against someone who may write the folder.

Who writes one holds a lock on the unfinished file, so what a kill left behind is told from what is being written.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

_MAGIC = b"tacit search 1\n\0"
_LONGEST_HEADER = 1 << 20
_UNFINISHED = ".part"
_TYPES = frozenset({"<i4", "<i8", "<f4", "<f8", "|u1", "|b1"})
_log = logging.getLogger(__name__)


def write_snapshot(path: Path, meta: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Put the file in place at once, for its owner alone; of several writers the last wins. Raises `OSError`."""
    flat = {name: np.ascontiguousarray(array).reshape(-1) for name, array in arrays.items()}
    digest = hashlib.sha256()
    for array in flat.values():
        digest.update(array.view(np.uint8).data)
    listed = [[name, array.dtype.str, len(array)] for name, array in flat.items()]
    header = json.dumps({"meta": meta, "arrays": listed, "sha256": digest.hexdigest()}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = _begun(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(header).digest() + len(header).to_bytes(8, "little") + header)
            for array in flat.values():
                file.write(array.view(np.uint8).data)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)  # before the lock goes with the file
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(path: Path) -> None:
    """Remove what writers of this file left unfinished that are gone; what cannot be removed stays."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*{_UNFINISHED}"):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: somebody is writing it
            left.unlink(missing_ok=True)


def _begun(path: Path) -> tuple[int, Path]:
    """Return a new unfinished file, open and locked by this process. Raises `OSError`."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=_UNFINISHED, dir=path.parent)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor, Path(name)
        except BaseException:
            os.close(descriptor)
            Path(name).unlink(missing_ok=True)
            raise
        os.close(descriptor)  # taken for a leftover before it was locked


def read_snapshot(path: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return `meta` and the arrays, which may be written to; None, with a line in the log, without a whole file."""
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("The search snapshot %s is unreadable and will be made anew: %s", path, error)
        return None


def _read(file: BinaryIO) -> tuple[dict[str, Any], dict[str, Any]]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it is of another kind or version")
    expected = file.read(32)
    header = file.read(min(int.from_bytes(file.read(8), "little"), _LONGEST_HEADER))
    if hashlib.sha256(header).digest() != expected:
        raise ValueError("its header is damaged")
    contents = json.loads(header)
    digest = hashlib.sha256()
    arrays: dict[str, Any] = {}
    for name, kind, length in contents["arrays"]:
        if kind not in _TYPES:
            raise ValueError(f"it has an array of the type {kind}")
        array = np.fromfile(file, np.dtype(kind), length)
        digest.update(array.view(np.uint8).data)
        arrays[name] = array
    if digest.hexdigest() != contents["sha256"]:
        raise ValueError("its arrays are damaged")
    return contents["meta"], arrays

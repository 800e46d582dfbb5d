"""What Python hands to the use cases, checked before anything is done: whatever it is, the answer is a clear error.

Entry points check what comes from outside; this is for Python, where nothing else stands between a mistake and the
store. Each function takes arguments by name, and raises `InvalidArgument` for the first that is not as it has to be.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from tacit.errors import InvalidArgument

MAX_TEXT = 1_000_000
"""Characters of a text; no task, query or id needs as many."""
MAX_NAME = 1000
"""Characters of what is written down with each run or decision: who, in which session, through which client."""
MAX_PATH = 4000
"""Bytes of a path; Linux takes 4,095, and an id and the names of files are still added to it."""
MAX_PART = 255
"""Bytes of a name in a path, as many as Linux takes."""
_LARGEST = 1 << 63


def present(**given: object) -> dict[str, object]:
    """Return what is not None, of arguments that may be left out."""
    return {name: value for name, value in given.items() if value is not None}


def require_texts(**given: object) -> None:
    """Accept strings that are not huge."""
    for name, value in given.items():
        _check_text(name, value, MAX_TEXT)


def require_names(**given: object) -> None:
    """Accept strings of at most `MAX_NAME` characters."""
    for name, value in given.items():
        _check_text(name, value, MAX_NAME)


def require_whole_numbers(**given: object) -> None:
    """Accept integers of 64 bits, and no boolean; whether they are in range is the use case's to say."""
    for name, value in given.items():
        if type(value) is not int:
            raise _wrong(name, value, "a whole number")
        if not -_LARGEST <= value < _LARGEST:
            raise InvalidArgument(f"{name} is a number of more than 64 bits.", hint="Give a smaller one.")


def require_seconds(**given: object) -> None:
    """Accept finite numbers that are not negative."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(name, value, "a number of seconds")
        if not (isinstance(value, int) or math.isfinite(value)) or not 0 <= value < _LARGEST:
            raise InvalidArgument(f"{name} has to be a finite number of seconds, not negative.")


def require(kind: type, **given: object) -> None:
    """Accept what is of a kind."""
    for name, value in given.items():
        if not isinstance(value, kind):
            raise _wrong(name, value, f"a {kind.__name__}")


def require_callables(**given: object) -> None:
    """Accept what can be called."""
    for name, value in given.items():
        if not callable(value):
            raise _wrong(name, value, "a function")


def folder_of(folder: object) -> Path:
    """Return a path, given as one or as a text, that an operating system can be asked for."""
    if not isinstance(folder, str | Path):
        raise _wrong("folder", folder, "a path")
    try:
        encoded = os.fsencode(folder)
    except UnicodeEncodeError as error:
        raise InvalidArgument("The folder's path is no Unicode text.") from error
    if b"\0" in encoded:
        raise InvalidArgument("The folder's path holds the character U+0000, which no path may.")
    if len(encoded) > MAX_PATH or any(len(part) > MAX_PART for part in encoded.split(os.fsencode(os.sep))):
        raise InvalidArgument("The folder's path, or a name in it, is too long.", hint="Choose another folder.")
    return Path(folder)


def _check_text(name: str, value: object, longest: int) -> None:
    if not isinstance(value, str):
        raise _wrong(name, value, "a text")
    if len(value) > longest:
        raise InvalidArgument(
            f"{name} has {len(value)} characters; the limit is {longest}.", hint="Give a shorter one."
        )


def _wrong(name: str, value: object, wanted: str) -> InvalidArgument:
    given = "None" if value is None else f"of type {type(value).__name__}"
    return InvalidArgument(f"{name} is {given}; it has to be {wanted}.")

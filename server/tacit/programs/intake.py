"""What callers in Python hand in as values, checked, so that whatever is made of it can be written as JSON.

What they get is a copy: values are shared within a program, so none may be changed in place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tacit.errors import InvalidArgument
from tacit.programs.sizes import Sized, sized, too_deep
from tacit.programs.values import Value, from_json, to_json


def taken(value: object) -> Sized:
    """Return a value, measured, maps that have the form of a reference as references.

    Raises `ValueTooLarge`, and `InvalidArgument` for what is no value, NaN and infinities included, or cannot be
    written: whole numbers of over 4,300 digits, and texts with half of a character.
    """
    (measured,) = taken_all([value])
    return measured


def taken_all(values: Sequence[object]) -> list[Sized]:
    """Return several values as `taken` does."""
    try:
        for each in values:
            sized(each)  # pyright: ignore[reportArgumentType]  # first of all: what is shared may never end
        given = [from_json(to_json(each)) for each in values]  # pyright: ignore[reportArgumentType]
        _write(given)
        return [sized(each) for each in given]
    except UnicodeEncodeError as error:
        lone = ascii(error.object[error.start])[1:-1]
        raise InvalidArgument(f"A text has {lone} in it, half of a character.", hint="Leave it out.") from error
    except RecursionError as error:  # of lists of a class of the caller's own, which are not looked into at first
        raise too_deep() from error
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"That is no value of programs: {error}.", hint="Hand in what JSON can write.") from error


def copied(value: Value) -> Value:
    """Return a value whose lists and maps are new ones, for callers who may change them."""
    if isinstance(value, list):
        return [copied(each) for each in value]
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return value


def _write(values: list[Any]) -> None:
    json.dumps([to_json(each) for each in values], ensure_ascii=False).encode()

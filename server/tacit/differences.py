"""Comparing JSON values as tests do: where they differ, by path and in few words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from tacit.json_path import path_of
from tacit.schemas.validator import shorten

MAX_SHOWN = 300
_MAX_PATH = 150


def differences(expected: Any, got: Any, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Yield where two JSON values differ, by path; numbers are equal by value (1 and 1.0), true is no number."""
    if isinstance(expected, dict) and isinstance(got, dict):
        yield from _of_objects(cast("dict[str, Any]", expected), cast("dict[str, Any]", got), path)
    elif isinstance(expected, list) and isinstance(got, list):
        yield from _of_lists(cast("list[Any]", expected), cast("list[Any]", got), path)
    elif isinstance(expected, bool) is not isinstance(got, bool) or expected != got:
        yield f"at {_at(path)}: expected {shown(expected)}, got {shown(got)}"


def same_value(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal as `differences` compares them."""
    return next(differences(one, other), None) is None


def same_file(path: str, one: str, other: str) -> bool:
    """Return whether two texts of a file are equal, or, in a `.json` file, hold the same value however spaced."""
    if one == other:
        return True
    if not path.endswith(".json"):
        return False
    try:
        return same_value(json.loads(one), json.loads(other))
    except (ValueError, RecursionError):
        return False


def shown(value: Any) -> str:
    """Return the value as JSON, shortened to `MAX_SHOWN` characters."""
    return shorten(json.dumps(value, ensure_ascii=False), MAX_SHOWN)


def _of_objects(expected: dict[str, Any], got: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[str]:
    for name, value in expected.items():
        if name in got:
            yield from differences(value, got[name], (*path, name))
        else:
            yield f"at {_at((*path, name))}: expected {shown(value)}, got nothing"
    for name, value in got.items():
        if name not in expected:
            yield f"at {_at((*path, name))}: expected nothing, got {shown(value)}"


def _of_lists(expected: list[Any], got: list[Any], path: tuple[str | int, ...]) -> Iterator[str]:
    for number, (value, other) in enumerate(zip(expected, got, strict=False)):
        yield from differences(value, other, (*path, number))
    if len(expected) != len(got):
        yield f"at {_at(path)}: expected {len(expected)} items, got {len(got)}: {shown(got)}"


def _at(path: tuple[str | int, ...]) -> str:
    return shorten(path_of(list(path)), _MAX_PATH)

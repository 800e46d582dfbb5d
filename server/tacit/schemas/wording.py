"""How violations are worded: where in a value each is, what was expected, and no more than a reader can use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import cast

import jsonschema_rs

from tacit.json_path import path_of

MAX_MESSAGE = 300


def violation_of(error: jsonschema_rs.ValidationError) -> dict[str, str]:
    """Return the `{path, message}` of what the library found."""
    return {"path": shorten(path_of(error.instance_path)), "message": message_of(error)}


def message_of(error: jsonschema_rs.ValidationError) -> str:
    """Return what was expected, with the value, shortened; an anyOf or oneOf says why some branches did not fit."""
    alternatives = [shorten(reason, 80) for reason in islice(_alternatives(error), 3)]
    if not alternatives:
        return shorten(error.message)
    return shorten(f"{shorten(error.message, 150)}: {'; or '.join(alternatives)}", 2 * MAX_MESSAGE)


def shorten(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return the text with its middle left out when it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]} … {text[head + 3 - limit :]}"


def _alternatives(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    """Yield why each branch of an anyOf or oneOf did not fit."""
    context = cast("list[list[jsonschema_rs.ValidationError]]", getattr(error.kind, "context", []))
    for branch in context:
        for reason in branch[:1]:
            path = shorten(path_of(reason.instance_path))
            yield reason.message if path == "$" else f"{path}: {reason.message}"

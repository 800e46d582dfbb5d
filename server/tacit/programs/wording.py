"""The built-ins for texts and JSON, and the one that fails."""

from __future__ import annotations

import json
import re
from typing import Any

from tacit.errors import CapabilityFailed, OutOfRange, ValueTooLarge, WrongType
from tacit.programs.arguments import Arguments
from tacit.programs.sizes import MAX_WEIGHT, Sized, sized, too_large
from tacit.programs.values import as_number as number_in
from tacit.programs.values import from_json, to_json

MAX_PARTS = 100_000
MAX_PARSED = 1 << 20
"""Characters of JSON that `json_parse` reads."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def as_text(given: Arguments) -> Sized:
    """Return a value as text: texts as they are, everything else as JSON."""
    return sized(_text(given.value(0)))


def as_number(given: Arguments) -> Sized:
    """Return the number in a text; a number stays as it is."""
    value = given.value(0)
    if number_in(value) is not None:
        return given.sized[0]
    text = given.text(0).strip()
    if not _NUMBER.fullmatch(text):
        raise OutOfRange(f"number: {text[:60]!r} is no number.")
    digits = text.lstrip("+-")
    number = int(text) if digits.isdecimal() and len(digits) <= 18 else float(text)
    if number in (float("inf"), float("-inf")):
        raise OutOfRange(f"number: {text[:60]!r} is too large.")
    return sized(number)


def upper(given: Arguments) -> Sized:
    """Return a text in capitals."""
    return sized(given.text(0).upper())


def lower(given: Arguments) -> Sized:
    """Return a text in small letters."""
    return sized(given.text(0).lower())


def trim(given: Arguments) -> Sized:
    """Return a text without the white space around it."""
    return sized(given.text(0).strip())


def split(given: Arguments) -> Sized:
    """Return the parts of a text between separators; an empty separator gives its characters."""
    text, separator = given.text(0), given.text(1)
    parts = text.split(separator, MAX_PARTS) if separator else list(text[: MAX_PARTS + 1])
    if len(parts) > MAX_PARTS:
        raise ValueTooLarge(f"split gives at most {MAX_PARTS} parts.")
    return sized(parts)


def join(given: Arguments) -> Sized:
    """Return the texts of a list with a separator between; other values are written as JSON."""
    parts, separator = [_text(item) for item in given.items(0)], given.text(1)
    return _fitting(sum(map(len, parts)) + len(separator) * len(parts), lambda: separator.join(parts))


def replace(given: Arguments) -> Sized:
    """Return a text with every such part replaced."""
    text, part, other = given.text(0), given.text(1), given.text(2)
    if not part:
        raise WrongType("replace takes a part that is not empty.")
    return _fitting(len(text) + text.count(part) * len(other), lambda: text.replace(part, other))


def starts_with(given: Arguments) -> Sized:
    """Return whether a text begins with another."""
    return sized(given.text(0).startswith(given.text(1)))


def ends_with(given: Arguments) -> Sized:
    """Return whether a text ends with another."""
    return sized(given.text(0).endswith(given.text(1)))


def formatted(given: Arguments) -> Sized:
    """Return a text with each `{name}` replaced by that value of a map."""
    text, named = given.text(0), given.named(1)
    names = _PLACE.findall(text)
    missing = sorted(set(names) - named.keys())
    if missing:
        raise OutOfRange(f"format: the map has no {', '.join(missing[:5])}.")
    filled = {name: _text(named[name]) for name in set(names)}
    most = len(text) + sum(len(filled[name]) for name in names)
    return _fitting(most, lambda: _PLACE.sub(lambda place: filled[place[1]], text))


def json_parse(given: Arguments) -> Sized:
    """Return the value in a JSON text."""
    text = given.text(0)
    if len(text) > MAX_PARSED:
        raise ValueTooLarge(f"json_parse reads at most {MAX_PARSED} characters.", hint="Read it in parts.")
    try:
        value = json.loads(text)
        return sized(from_json(sized(value).value))
    except RecursionError as error:
        raise ValueTooLarge("json_parse: the text nests too deep.") from error
    except ValueError as error:
        raise OutOfRange(f"json_parse: {error}.") from error


def json_text(given: Arguments) -> Sized:
    """Return a value as JSON."""
    return sized(_json(given.value(0)))


def fail(given: Arguments) -> Sized:
    """End the run with the program's own error."""
    code, message = given.text(0), given.text(1)
    raise CapabilityFailed(f"{code}: {message}", details={"code": code, "message": message})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))


def _fitting(most: int, make: Any) -> Sized:
    """Return the text that `make` gives, unless it may be too long; asked before it is made."""
    if most > MAX_WEIGHT:
        raise too_large(most)
    return sized(make())

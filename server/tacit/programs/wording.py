"""The built-ins for texts and JSON, and the one that fails."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from json import JSONEncoder
from typing import Any

from tacit import strict_json
from tacit.errors import CapabilityFailed, OutOfRange, ValueTooLarge, WrongType
from tacit.models import MAX_CODE, MAX_MESSAGE
from tacit.programs.arguments import Arguments
from tacit.programs.numerals import read_number
from tacit.programs.sizes import MAX_WEIGHT, Sized, sized, too_deep, too_large
from tacit.programs.values import as_number as number_in
from tacit.programs.values import from_json, to_json

MAX_PARTS = 100_000
MAX_PARSED = 1 << 20
"""Characters of JSON that `json_parse` reads."""
_ENCODER = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=to_json)
"""Only references come to `to_json`; values hold no circles, for none is ever changed in place."""
_CONTROLS = "".join(chr(code) for code in range(32) if chr(code) not in "\b\t\n\f\r")
"""What JSON writes with six characters each."""
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def as_text(given: Arguments) -> Sized:
    """Return a value as text: texts as they are, everything else as JSON."""
    _check_texts(given.sized[0], [given.value(0)])
    return sized(_text(given.value(0)))


def as_number(given: Arguments) -> Sized:
    """Return the number in a text; a number stays as it is."""
    value = given.value(0)
    if number_in(value) is not None:
        return given.sized[0]
    text = given.text(0).strip()
    number = read_number(text)
    if number is None:
        raise OutOfRange(f"number: {text[:60]!r} is no number.")
    if isinstance(number, float) and math.isinf(number):
        raise OutOfRange(f"number: {text[:60]!r} is too large.")
    if isinstance(number, float) and not strict_json.holds_digits(text):
        raise OutOfRange(
            f"number: {text[:60]!r} has more digits than a number keeps.", hint="Round it, or keep it text."
        )
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
    _check_texts(given.sized[0], given.items(0))
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


def places(given: Arguments) -> int:
    """Return how many places of a format there may be; each costs a hundredth of a unit to look at."""
    return given.text(0).count("{")


def formatted(given: Arguments) -> Sized:
    """Return a text with each `{name}` replaced by that value of a map."""
    parts, named = _PLACE.split(given.text(0)), given.named(1)
    _check_texts(given.sized[1], given.named(1).values())
    names = parts[1::2]
    missing = sorted(set(names) - named.keys())
    if missing:
        raise OutOfRange(f"format: the map has no {', '.join(name[:60] for name in missing[:5])}.")
    filled = {name: _text(named[name]) for name in set(names)}
    parts[1::2] = [filled[name] for name in names]
    return _fitting(sum(map(len, parts)), lambda: "".join(parts))


def json_parse(given: Arguments) -> Sized:
    """Return the value in a JSON text."""
    text = given.text(0)
    if len(text) > MAX_PARSED:
        raise ValueTooLarge(f"json_parse reads at most {MAX_PARSED} characters.", hint="Read it in parts.")
    try:
        value = strict_json.parse_exact(text.encode())
    except ValueError as error:
        if "recursion" in str(error):
            raise too_deep() from error
        raise OutOfRange(f"json_parse: {error}.") from error
    measured = sized(value)
    return sized(from_json(value)) if "$" in text or "\\u" in text else measured


def json_text(given: Arguments) -> Sized:
    """Return a value as JSON."""
    _check_escapes(given.sized[0], [given.value(0)])
    return sized(_json(given.value(0)))


def fail(given: Arguments) -> Sized:
    """End the run with the program's own error; of a longer code or message the beginning is kept."""
    code, message = given.text(0)[:MAX_CODE], given.text(1)[:MAX_MESSAGE]
    raise CapabilityFailed(f"{code}: {message}", details={"code": code, "message": message})


def _text(value: Any) -> str:
    if value.__class__ is int:  # of which a list may hold many; the encoder takes ten times as long
        return str(value)
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


def _check_texts(given: Sized, values: Iterable[Any]) -> None:
    """Check those of the values that are written as JSON, which texts are not."""
    _check_escapes(given, [each for each in values if not isinstance(each, str)])


def _check_escapes(given: Sized, values: list[Any]) -> None:
    """Refuse what is given where the JSON of its values is too long: six characters for each control character.

    Asked before it is written, since that would take many times the memory that values have.
    """
    if given.weight <= MAX_WEIGHT // 6:
        return
    written, level = 0, values
    while level:
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                written += len(each) + (0 if each.isprintable() else 5 * sum(map(each.count, _CONTROLS)))
            elif isinstance(each, list):
                below += each
            elif isinstance(each, dict):
                below += (*each, *each.values())
        level = below
    if written > MAX_WEIGHT:
        raise too_large(written)


def _fitting(most: int, make: Any) -> Sized:
    """Return the text that `make` gives, unless it may be too long; asked before it is made."""
    if most > MAX_WEIGHT:
        raise too_large(most)
    return sized(make())

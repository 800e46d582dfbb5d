"""Arguments that name a capability or a version of it: `ID` and `ID@3`."""

from __future__ import annotations

from tacit.errors import InvalidArgument

MAX_DIGITS = 9


def reference(text: str, version: int | None = None) -> tuple[str, int | None]:
    """Return the id and the number that `ID` or `ID@N` names; `version` is what `--version` says.

    Raises `InvalidArgument` for a number that is none, and where both say different ones.
    """
    capability, at, number = text.partition("@")
    if not capability:
        raise InvalidArgument(f"{text[:80]!r} has no id before the @." if at else "The id is empty.", hint=_form("ID"))
    if not at:
        return capability, version
    named = _number(number)
    if named is None:
        raise InvalidArgument(
            f"{text[:80]!r} names no version: after the @ comes a number from 1 on.", hint=_form(capability)
        )
    if version is not None and version != named:
        raise InvalidArgument(f"{text} and --version {version} name different versions.", hint="Give one of them.")
    return capability, named


def only_id(text: str) -> str:
    """Return the id where a whole capability is meant; raises `InvalidArgument` for `ID@N`."""
    capability, number = reference(text)
    if number is not None:
        raise InvalidArgument(f"{text} is a version; here a whole capability is meant.", hint=f"Give {capability}.")
    return capability


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        return None
    return int(text) or None


def _form(capability: str) -> str:
    return f"Write {capability}, or {capability}@3 for its third version."

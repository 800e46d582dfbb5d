"""What a run came to: its output as one JSON value, or the error that says why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tacit import strict_json
from tacit.config import LESS, raise_hint
from tacit.errors import (
    ArithmeticOverflow,
    CapabilityFailed,
    EnergyExhausted,
    GuestExited,
    GuestTrapped,
    InvalidOutput,
    MemoryExhausted,
    NoOutput,
    StackOverflowed,
    TacitError,
)
from tacit.json_path import path_of

_PANIC = "panic"
"""The kind of an error that the guest's SDK reports for a panic; a capability's own error has none."""
_LOG_TAIL = 400
_MESSAGE = 2000
_DETAILED_BYTES = 16 * 1024
"""Largest output whose error object is handed on whole; of a larger one only its code and message are."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The outcome of one run.

    `output` is what the guest printed, byte for byte, and `value` the JSON value it holds, None unless the run
    ended well; `log` is its stderr; `energy` the Wasmtime fuel it used; `failure` why it did not end well.
    """

    output: bytes
    value: Any
    log: str
    energy: int
    seconds: float
    failure: TacitError | None


def read_output(output: bytes, exit_code: int, log: str) -> tuple[Any, TacitError | None]:
    """Return the JSON value that a guest printed, or why that is no answer.

    What counts as JSON is `strict_json`'s to say.
    """
    try:
        value = strict_json.parse_exact(output)
    except strict_json.InexactNumber as number:
        return None, _inexact(number)
    except ValueError as error:
        return None, _unreadable(output, exit_code, log, str(error))
    reported = _error_in(value)
    if reported is not None:
        return None, _reported(reported if len(output) <= _DETAILED_BYTES else _outlined(reported))
    if exit_code:
        return None, _exited(exit_code, log)
    return value, None


def _error_in(value: Any) -> dict[str, Any] | None:
    """Return the error that an output reports: an object whose only key is `error`, with an object or a text."""
    if value.__class__ is not dict or len(value) != 1:
        return None
    reported = value.get("error")
    if reported.__class__ is str:
        return {"message": reported}
    return reported if reported.__class__ is dict else None


def _unreadable(output: bytes, exit_code: int, log: str, problem: str) -> TacitError:
    if exit_code:
        return _exited(exit_code, log)
    if not output.strip():
        return NoOutput(
            "The capability ended without printing anything.",
            hint="It has to print one JSON value to stdout.",
            details=_with_log(log),
        )
    return InvalidOutput(
        f"The capability printed something that is not one JSON value: {problem}.",
        hint="It has to print one JSON value to stdout; log lines go to stderr.",
        details={"output": output[:200].decode("utf-8", "replace"), **_with_log(log)},
    )


def _outlined(error: dict[str, Any]) -> dict[str, Any]:
    return {key: error[key] for key in ("code", "message") if key in error}


def _inexact(number: strict_json.InexactNumber) -> InvalidOutput:
    return InvalidOutput(
        f"The capability printed what would lose digits: {number}.",
        hint="Its author can round the number, or print its digits as a text.",
        details={"path": path_of(number.path), "written": number.written},
    )


def _reported(error: dict[str, Any]) -> CapabilityFailed | ArithmeticOverflow:
    code = str(error.get("code", "error"))[:100]
    message = str(error.get("message", ""))[:_MESSAGE] or "no message"
    if code == ArithmeticOverflow.code and error.get("kind") == _PANIC:
        return ArithmeticOverflow(
            f"A number of the capability went beyond what its type holds: {message}.",
            hint="Give it smaller numbers. Its author can take wider types (i64, i128) or checked arithmetic.",
            details={"panic": message},
        )
    # What else the guest says stays under one name, or it could pass for what Tacit adds (a run, a repair, a grant).
    more = {name: value for name, value in error.items() if name not in ("code", "message")}
    return CapabilityFailed(
        f"The capability reported {code}: {message}",
        details={"code": code, "message": message, **({"reported": more} if more else {})},
    )


def _exited(code: int, log: str) -> GuestExited:
    return GuestExited(
        f"The capability exited with code {code} and no error object.",
        hint="See details.log for what it wrote to stderr." if log else "",
        details={"exit_code": code, **_with_log(log)},
    )


def trap_failure(name: str | None, message: str, log: str) -> TacitError:
    """Return the error for a trap; `name` is Wasmtime's name for it in lower case."""
    if name == "out_of_fuel":
        return EnergyExhausted("The capability used up its energy.", hint=LESS)
    if name == "stack_overflow":
        return StackOverflowed(
            "The capability overflowed its stack.",
            hint="Give it what is nested less; its author can look for recursion without an end.",
        )
    shown = (name or message or "unknown").replace("_", " ")
    return GuestTrapped(
        f"The capability trapped: {shown}.",
        hint="See details.log for what it wrote to stderr." if log else "",
        details={"trap": name or "unknown", **_with_log(log)},
    )


def memory_failure(limit: int, log: str) -> MemoryExhausted:
    """Return the error for a guest that gave up after being refused more memory than `limit` bytes."""
    return MemoryExhausted(
        f"The capability needed more memory than its limit of {limit} bytes.",
        hint=LESS + raise_hint("memory_bytes", limit),
        details={"limit": limit, **_with_log(log)},
    )


def _with_log(log: str) -> dict[str, str]:
    return {"log": log[-_LOG_TAIL:]} if log else {}

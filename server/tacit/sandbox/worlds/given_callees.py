"""What callees answer in a test: its `calls`, whatever the input, and its `exchanges`, one input each.

A callee whose input schema is known refuses what does not fit it, as in a live run, before it answers anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from tacit import strict_json
from tacit.errors import CapabilityFailed, InvalidInput
from tacit.models import Exchange, ExchangeError, TestCase
from tacit.programs.callees import AGENT
from tacit.programs.values import equal
from tacit.sandbox.world import FailureCode, HostFailure
from tacit.schemas.validator import Validator, shorten

MAX_INPUTS_SHOWN = 5
MAX_INPUT_SHOWN = 160
"""Characters shown of each."""

Answer = bytes | HostFailure


class GivenCallees:
    """Answers one run's calls from a test; `unanswered` says which inputs it had no answer for.

    `unheeded` has the SHA-256, in hex, of the inputs of each callee that answers whatever its input.
    """

    def __init__(self, test: TestCase, takes: Mapping[str, Validator]) -> None:
        """Take the test, and the input schemas of those callees whose schema is known, compiled."""
        self._any = {callee: _encoded(output) for callee, output in test.calls.items()}
        self._each = {callee: [*map(_exchanged, given)] for callee, given in test.exchanges.items()}
        self._takes = takes
        self.unanswered: list[str] = []
        self.unheeded: dict[str, set[str]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The callees whose answers the test gives."""
        return (*self._any, *self._each)

    def called(self, callee: str, data: bytes) -> bytes:
        """Return what one of the callees answers to JSON `data`; raises `HostFailure` where it fails."""
        validator = self._takes.get(callee)
        if callee in self._any:
            self.unheeded.setdefault(callee, set()).add(sha256(data).hexdigest())
        if validator is None and callee in self._any:
            return self._any[callee]
        try:
            given = strict_json.parse_exact(data)
        except ValueError as error:
            raise HostFailure(FailureCode.INVALID, f"The input of {callee} is not JSON: {error}.") from error
        if validator is not None and not validator.is_valid(given):
            raise _not_taken(callee, given, validator)
        return self._any[callee] if callee in self._any else self._exchange(callee, given)

    def delegated(self, task: str) -> bytes | None:
        """Return what the agent answers to a task, None where the test has no agent; raises `HostFailure`."""
        if AGENT in self._any:
            self.unheeded.setdefault(AGENT, set()).add(sha256(task.encode("utf-8", "replace")).hexdigest())
            return self._any[AGENT]
        return self._exchange(AGENT, task) if AGENT in self._each else None

    def _exchange(self, callee: str, given: Any) -> bytes:
        exchanges = self._each[callee]
        found = next((answer for known, answer in exchanges if equal(known, given)), None)
        if found is None:
            inputs = _listed(known for known, _ in exchanges)
            problem = (
                f"the test's 'exchanges' with {callee} have none for the input {_shown(given)}; they have {inputs}"
            )
            self.unanswered.append(problem)
            raise HostFailure(FailureCode.NOT_FOUND, problem)
        if isinstance(found, HostFailure):
            raise HostFailure(found.code, found.message)
        return found


def _exchanged(exchange: Exchange) -> tuple[Any, Answer]:
    answer = _encoded(exchange.output) if exchange.error is None else _failed(exchange.error)
    return exchange.input, answer


def _encoded(output: Any) -> bytes:
    return json.dumps(output, ensure_ascii=False).encode()


def _failed(error: ExchangeError) -> HostFailure:
    """Return what a caller is told of a callee that reported an error."""
    message = error.message or "no message"
    reported = CapabilityFailed(
        f"The capability reported {error.code}: {message}", details={"code": error.code, "message": message}
    )
    return HostFailure(FailureCode.FAILED, json.dumps(reported.to_dict(), ensure_ascii=False))


def _not_taken(callee: str, given: Any, validator: Validator) -> HostFailure:
    """Return what a caller is told that hands over what the input schema refuses."""
    found = "; ".join(f"{each['path']}: {each['message']}" for each in validator.violations(given))
    refused = InvalidInput(f"The input does not fit {callee}: {found}.", hint=f"It was handed {_shown(given)}.")
    return HostFailure(FailureCode.INVALID, str(refused))


def _listed(inputs: Iterable[Any]) -> str:
    shown = [_shown(each) for each in inputs]
    more = f" and {len(shown) - MAX_INPUTS_SHOWN} more" if len(shown) > MAX_INPUTS_SHOWN else ""
    return f"{', '.join(shown[:MAX_INPUTS_SHOWN])}{more}" if shown else "none at all"


def _shown(value: Any) -> str:
    return shorten(json.dumps(value, ensure_ascii=False), MAX_INPUT_SHOWN)

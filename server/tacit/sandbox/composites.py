"""Composites: programs of `tacit.programs`, compiled and run in the sandbox as modules are.

The module of a composite is its source in UTF-8. A run has the limits of any other: energy (whole hundredths of a
unit are bought with its fuel), wall time, cancellation, the number and size of its host calls, and of its output and
log. Its input and output are JSON by the rules for guests; what it observes is its log, a line of JSON each.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tacit import strict_json
from tacit.config import Limits
from tacit.errors import (
    BuildRefused,
    CapabilityFailed,
    InvalidInput,
    InvalidOutput,
    InvalidProgram,
    LogTooLarge,
    OutputTooLarge,
    RunCancelled,
    RunTimedOut,
    StoreDamaged,
    TacitError,
    TooManyHostCalls,
    ValueTooLarge,
    WrongType,
)
from tacit.models import ID_PATTERN
from tacit.programs.compiler import Program, compile_source
from tacit.programs.energy import FUEL_PER_UNIT, HUNDREDTHS
from tacit.programs.machine import CallFailed, Machine
from tacit.programs.sizes import sized
from tacit.programs.values import REFERENCE_KEY, from_json, to_json
from tacit.sandbox.execution import Execution, read_output
from tacit.sandbox.worker import Request
from tacit.sandbox.world import HostFailure

KEPT_COMPOSITES = 512
"""Compiled programs kept in memory; a small one takes about 20 KiB."""
FUEL_PER_HUNDREDTH = FUEL_PER_UNIT // HUNDREDTHS

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ID = re.compile(ID_PATTERN)
_REFERENCE = REFERENCE_KEY.encode()


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """A compiled program; `digest` is the SHA-256 (hex) of its source in UTF-8."""

    digest: str
    program: Program


class Composites:
    """Loads composites by the digest of their sources; thread-safe, since the worst race compiles one twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Composite] = OrderedDict()

    def load(self, digest: str, source: Callable[[], bytes]) -> Composite:
        """Return the composite; `source` is asked only if it has to be compiled.

        Raises `BuildRefused` (stage `compile`) for what does not compile, `StoreDamaged` for bytes of another digest.
        """
        with self._lock:
            known = self._kept.get(digest)
            if known is not None:
                self._kept.move_to_end(digest)
                return known
        made = Composite(digest, _compiled(digest, source()))
        with self._lock:
            self._kept[digest] = made
            if len(self._kept) > KEPT_COMPOSITES:
                self._kept.popitem(last=False)
        return made

    def holds(self, digest: str) -> bool:
        """Whether a composite is in memory."""
        return digest in self._kept

    def clear(self) -> None:
        """Forget all composites."""
        with self._lock:
            self._kept.clear()


def run_composite(composite: Composite, request: Request, limits: Limits, closing: Callable[[], bool]) -> Execution:
    """Run a composite to its end; what it or the world did wrong is the execution's failure.

    `closing` says whether the sandbox closes, which cancels the run. Only an exception that is no TacitError (a bug of
    the world, an interrupt of the user) is raised.
    """
    started = time.perf_counter()
    outside = _Outside(request, limits, closing)
    machine: Machine | None = None
    output, value, failure = b"", None, None
    try:
        machine = Machine(request.energy // FUEL_PER_HUNDREDTH, sized(_input(request.stdin)), outside)
        machine.program = composite.program
        machine.restart()
        while not machine.done:
            machine.step()
        output = _output(machine.stack[-1].value if machine.stack else None, limits)
    except TacitError as error:
        failure = error
    log = ""
    if machine is not None:
        log, problem = _log(machine, limits)
        failure = failure or problem
    if failure is None:
        value, failure = read_output(output, 0, log)
    energy = machine.used * FUEL_PER_HUNDREDTH if machine else 0
    return Execution(output, value, log, energy, time.perf_counter() - started, failure)


class _Outside:
    """What one run of a composite reaches outside of its machine: its world, within the limits."""

    def __init__(self, request: Request, limits: Limits, closing: Callable[[], bool]) -> None:
        self._request = request
        self._limits = limits
        self._closing = closing
        self._calls = 0

    def call(self, capability: str, data: Any, energy: int) -> tuple[Any, int] | None:  # noqa: ARG002
        """Run a capability on JSON; its failure is the program's, with its code."""
        if not _ID.fullmatch(capability):
            return None
        self._count()
        sent = self._encoded(capability, data)
        try:
            output = self._request.world.capability_call(capability, sent)
        except HostFailure as failure:
            raise CallFailed(_failed(capability, failure), 0) from failure
        return self._answer(capability, output), 0

    def delegate(self, agent: str, task: str) -> Any:  # noqa: ARG002  # no agent is at hand
        """Know no agent."""
        return None

    def check(self) -> None:
        """Raise what ends the run when it was cancelled or its time is up."""
        request = self._request
        if self._closing() or (request.cancellation is not None and request.cancellation.cancelled):
            raise RunCancelled("The run was cancelled.")
        if time.monotonic() >= request.deadline:
            raise RunTimedOut("The run took longer than its wall time.", hint="Give it less to do.")

    def _count(self) -> None:
        self._calls += 1
        limit = self._limits.host_calls
        if self._calls > limit:
            raise TooManyHostCalls(
                f"The program called capabilities more than {limit} times.",
                hint="Have it ask for more at once.",
                details={"limit": limit},
            )
        self.check()

    def _encoded(self, capability: str, data: Any) -> bytes:
        try:
            sent = _ENCODER.encode(data).encode()
        except ValueError as error:
            raise WrongType(f"What is handed to {capability} is not JSON: {error}.") from error
        if len(sent) > self._limits.input_bytes:
            raise ValueTooLarge(
                f"What is handed to {capability} has {len(sent)} bytes; the limit is {self._limits.input_bytes}.",
                hint="Hand over less at once.",
            )
        return sent

    def _answer(self, capability: str, output: bytes) -> Any:
        if len(output) > self._limits.stdout_bytes:
            raise ValueTooLarge(f"{capability} answered more than {self._limits.stdout_bytes} bytes.")
        try:
            return _value(output)
        except ValueError as error:
            raise WrongType(f"{capability} answered what is no value of programs: {error}.") from error


def _compiled(digest: str, source: bytes) -> Program:
    if hashlib.sha256(source).hexdigest() != digest:
        raise StoreDamaged(
            f"The program {digest[:12]}… is damaged in the store.", hint="Restore the data folder from a backup."
        )
    try:
        return compile_source(source.decode())
    except UnicodeDecodeError as error:
        raise BuildRefused("compile", f"The source is not UTF-8: {error}.") from error
    except InvalidProgram as error:
        lines = (f"line {each['line']}: {each['message']}" for each in error.details.get("problems", ()))
        raise BuildRefused(
            "compile", error.message, hint=error.hint, details={"diagnostics": "\n".join(lines), **error.details}
        ) from error


def _value(text: bytes) -> Any:
    """Return the value in JSON, references included; raises ValueError."""
    value = strict_json.parse(text)
    return from_json(value) if _REFERENCE in text else value


def _input(text: bytes) -> Any:
    try:
        return _value(text)
    except ValueError as error:
        raise InvalidInput(f"The input is no value of programs: {error}.") from error


def _output(value: Any, limits: Limits) -> bytes:
    try:
        output = _ENCODER.encode(to_json(value)).encode()
    except ValueError as error:
        raise InvalidOutput(f"The program's output is not JSON: {error}.") from error
    if len(output) > limits.stdout_bytes:
        raise OutputTooLarge(
            f"The program's output has {len(output)} bytes; the limit is {limits.stdout_bytes}.",
            hint="Answer less.",
            details={"limit": limits.stdout_bytes},
        )
    return output


def _log(machine: Machine, limits: Limits) -> tuple[str, TacitError | None]:
    """Return the observations as lines of JSON, cut where they are more than the log may hold, and that as an error."""
    lines: list[str] = []
    size = 0
    for each in machine.observations:
        line = json.dumps({"name": each.name, "value": each.value, "address": each.address})
        size += len(line) + 1
        if size > limits.stderr_bytes:
            return "".join(lines), LogTooLarge(
                f"The program observed more than {limits.stderr_bytes} bytes.",
                hint="Observe less.",
                details={"limit": limits.stderr_bytes},
            )
        lines.append(f"{line}\n")
    return "".join(lines), None


def _failed(capability: str, failure: HostFailure) -> CapabilityFailed:
    """Return a callee's failure as the program's: with the callee's own code where it gave one."""
    code, message = failure.code.name.lower(), failure.message
    try:
        told = json.loads(failure.message)
        inner = told.get("details", {}) if told["code"] == CapabilityFailed.code else told
        code, message = str(inner.get("code", told["code"])), str(inner.get("message", told["message"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        pass  # the world's own words, not a callee's error
    return CapabilityFailed(
        f"{capability} failed with {code}: {message}",
        details={"code": code, "message": message, "capability": capability},
    )

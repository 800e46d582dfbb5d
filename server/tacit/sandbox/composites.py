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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tacit import strict_json
from tacit.config import LESS, Limits, raise_hint
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
from tacit.programs.energy import FUEL_PER_UNIT, HUNDREDTHS, cost_of_fuel, fuel_for
from tacit.programs.machine import CallFailed, Machine
from tacit.programs.records import Observation
from tacit.programs.sizes import sized
from tacit.programs.values import REFERENCE_KEY, Reference, Value, from_json, to_json
from tacit.sandbox.execution import Execution, read_output
from tacit.sandbox.worker import Request
from tacit.sandbox.world import HostFailure, World

KEPT_COMPOSITES = 512
"""Compiled programs kept in memory; a small one takes about 20 KiB."""
FUEL_PER_HUNDREDTH = FUEL_PER_UNIT // HUNDREDTHS

_ID = re.compile(ID_PATTERN)
_REFERENCE = REFERENCE_KEY.encode()
_ESCAPED = b"\\u"
"""What begins a character by its number in JSON, which may be one of a reference's key."""


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """A compiled program; `digest` is the SHA-256 (hex) of its source in UTF-8."""

    digest: str
    program: Program
    callable: frozenset[str]
    """Those of the names that it calls that a capability could have."""


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
        program = _compiled(digest, source())
        made = Composite(digest, program, frozenset(filter(_ID.fullmatch, program.calls)))
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
    try:
        given = sized(_input(request.stdin))
    except TacitError as failure:
        return Execution(b"", None, "", 0, time.perf_counter() - started, failure)
    machine = Machine(request.energy // FUEL_PER_HUNDREDTH, given, _Outside(composite, request, limits, closing))
    failure: TacitError | None = None
    output, value = b"", None
    try:
        output = _run(machine, composite.program, limits)
    except TacitError as error:
        failure = error
    log, problem = _observed(machine.observations, request.world, limits)
    failure = failure or problem
    if failure is None:
        value, failure = read_output(output, 0, log)
    return Execution(output, value, log, machine.used * FUEL_PER_HUNDREDTH, time.perf_counter() - started, failure)


def _run(machine: Machine, program: Program, limits: Limits) -> bytes:
    """Run a program from its beginning to its end; return its output as JSON."""
    machine.program = program
    machine.restart()
    while not machine.done:
        machine.step()
    return _output(machine.stack[-1].value if machine.stack else None, limits)


class _Outside:
    """What one run of a composite reaches outside of its machine: its world, within the limits."""

    def __init__(self, composite: Composite, request: Request, limits: Limits, closing: Callable[[], bool]) -> None:
        self._callable = composite.callable
        self._request = request
        self._limits = limits
        self._closing = closing
        self._calls = 0
        self._computing_since = time.thread_time()

    def call(self, capability: str, data: Value, energy: int) -> tuple[Any, int] | None:
        """Run a capability on a value; its failure is the program's, with its code."""
        if capability not in self._callable:
            return None
        self._count()
        sent = self._sent(capability, data)
        try:
            called = self._request.world.capability_call(capability, sent, fuel_for(energy))
        except HostFailure as failure:
            raise _failed(capability, failure) from failure
        cost = cost_of_fuel(called.energy)
        if isinstance(called.failure, HostFailure):
            raise CallFailed(_failed(capability, called.failure), cost)
        if called.failure is not None:
            raise CallFailed(called.failure, cost)
        try:
            return self._answer(capability, called.output), cost
        except TacitError as error:
            raise CallFailed(error, cost) from error

    def delegate(self, agent: str, task: str) -> Any:
        """Hand a task to an agent; None where there is none."""
        self._count()
        try:
            answer = self._request.world.delegate(agent, task)
        except HostFailure as failure:
            raise _failed(agent, failure) from failure
        return None if answer is None else self._answer(agent, answer)

    def check(self) -> None:
        """Raise what ends the run when it was cancelled or its time is up."""
        request = self._request
        if self._closing() or (request.cancellation is not None and request.cancellation.cancelled):
            raise RunCancelled("The run was cancelled.")
        if time.monotonic() >= request.deadline:
            computed = round(time.thread_time() - self._computing_since, 3)
            details = {"computed_seconds": computed, "limit_seconds": self._limits.wall_seconds}
            hint = LESS + raise_hint("wall_seconds", self._limits.wall_seconds)
            raise RunTimedOut("The run took longer than its wall time.", hint=hint, details=details)

    def _count(self) -> None:
        self._calls += 1
        limit = self._limits.host_calls
        if self._calls > limit:
            raise TooManyHostCalls(
                f"The program called capabilities more than {limit} times.",
                hint=f"Give it less to do.{raise_hint('host_calls', limit)}",
                details={"limit": limit},
            )
        self.check()

    def _sent(self, capability: str, data: Value) -> bytes:
        try:
            sent = _encoded(data)
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


def _referred(value: object) -> Any:
    if isinstance(value, Reference):
        return to_json(value)
    raise TypeError(f"{type(value).__name__} is no value of programs")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), default=_referred
)
"""Values need no search for circles: none is ever changed in place."""


def _encoded(value: Value) -> bytes:
    """Return a value as JSON; raises ValueError."""
    return _ENCODER.encode(value).encode()


def _value(text: bytes) -> Any:
    """Return the value in JSON, references included; raises ValueError."""
    value = strict_json.parse(text)
    return from_json(value) if _REFERENCE in text or _ESCAPED in text else value


def _input(text: bytes) -> Any:
    try:
        return _value(text)
    except ValueError as error:
        raise InvalidInput(f"The input is no value of programs: {error}.") from error


def _output(value: Any, limits: Limits) -> bytes:
    try:
        output = _encoded(value)
    except ValueError as error:
        raise InvalidOutput(f"The program's output is not JSON: {error}.") from error
    if len(output) > limits.stdout_bytes:
        raise OutputTooLarge(
            f"The program's output has {len(output)} bytes; the limit is {limits.stdout_bytes}.",
            hint=f"Ask it for less: a part, a filter, fewer results.{raise_hint('stdout_bytes', limits.stdout_bytes)}",
            details={"limit": limits.stdout_bytes},
        )
    return output


def _observed(observations: Iterable[Observation], world: World, limits: Limits) -> tuple[str, TacitError | None]:
    """Hand the observations to the world; return them as lines of JSON, and what was wrong with the rest."""
    lines: list[str] = []
    size = 0
    for each in observations:
        value = json.dumps(each.value)
        line = f'{{"name": {json.dumps(each.name)}, "value": {value}, "address": {each.address}}}\n'
        size += len(line)
        if size > limits.stderr_bytes:
            return "".join(lines), _log_too_large(limits.stderr_bytes)
        lines.append(line)
        try:
            world.observe(each.name, value.encode())
        except TacitError as error:
            return "".join(lines), error
    return "".join(lines), None


def _log_too_large(limit: int) -> LogTooLarge:
    return LogTooLarge(
        f"The program observed more than {limit} bytes.",
        hint=f"Give it less to do; its author can have it observe less.{raise_hint('stderr_bytes', limit)}",
        details={"limit": limit},
    )


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

"""The stack machine that carries programs out, one instruction at a time, within an energy budget.

An instruction whose cost is not left is not begun, so the energy used never decreases and never passes the budget.
One that fails leaves everything else as it was, so that it can be tried again, with more energy or another outside.
What lies outside (capabilities, agents, cancellation) is behind `Outside`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tacit.errors import (
    AssertionFailed,
    EnergyExhausted,
    EnergyLow,
    JumpOutOfRange,
    StackUnderflow,
    TacitError,
    UnknownName,
    ValueTooLarge,
    WrongType,
)
from tacit.programs.builtins import BUILTINS, Builtin
from tacit.programs.compiler import Program
from tacit.programs.energy import units
from tacit.programs.instructions import (
    Assert,
    Call,
    Delegate,
    EnergyCheck,
    Instruction,
    JumpIf,
    Load,
    Observe,
    Pop,
    Push,
    Return,
    Store,
)
from tacit.programs.records import Observation
from tacit.programs.sizes import MAX_WEIGHT, Sized, sized, too_large
from tacit.programs.values import Reference, Value, from_json, is_truthy, to_json, type_name

MAX_STACK = 10_000
MAX_OBSERVATIONS = 1_000
MAX_OBSERVED = 1 << 20
"""What the observations of a run may weigh together."""
CHECKED_EVERY = 1_000
"""Hundredths of a unit between two looks at whether the program has to stop: at most 200 instructions."""
NOTHING = sized(None)
INPUT = "input"
"""The built-in, without arguments, that gives the run's input."""


class Outside(Protocol):
    """What a program reaches outside of its machine."""

    def call(self, capability: str, data: Value, energy: int) -> tuple[Any, int] | None:
        """Run a capability on a value within `energy` (hundredths of a unit); return its output and what it cost.

        None where the program may call no capability of that name; raises `CallFailed` where it ran and failed.
        """
        ...

    def delegate(self, agent: str, task: str) -> Any:
        """Return an agent's answer as JSON, or None where no agent is at hand."""
        ...

    def check(self) -> None:
        """Raise `RunCancelled` or `RunTimedOut` where the program has to stop."""
        ...


class CallFailed(Exception):  # becomes `error` in the machine, never leaves it
    """What an `Outside` raises for a capability that ran and failed: why, and what that cost."""

    def __init__(self, error: TacitError, cost: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.cost = cost


class Alone:
    """The outside of a program that has none."""

    def call(self, capability: str, data: Value, energy: int) -> tuple[Any, int] | None:  # noqa: ARG002  # there is none
        """Know no capability."""
        return None

    def delegate(self, agent: str, task: str) -> Any:  # noqa: ARG002  # there is none
        """Know no agent."""
        return None

    def check(self) -> None:
        """Let it go on."""


class Machine:
    """The state of one program under way; not thread-safe. Energies are in hundredths of a unit."""

    def __init__(self, limit: int, given: Sized, outside: Outside) -> None:
        self.limit = limit
        self.used = 0
        self.program = Program((), (), {})
        self.counter = 0
        self.executed = 0
        self.done = True
        self.stack: list[Sized] = []
        self.memory: dict[str, Sized] = {}
        self.last = NOTHING
        self.observations: list[Observation] = []
        self.given = given
        self.registered: dict[str, Builtin] = {}
        self._outside = outside
        self._weight = self._observed = 0
        self._check_at = 0
        self._literals: dict[int, tuple[Push, Sized]] = {}

    def restart(self) -> None:
        """Go back to the beginning; variables and the energy used stay."""
        self.counter = self.executed = 0
        self.done = not self.program.instructions
        self.stack.clear()
        self.observations.clear()
        self.last = NOTHING
        self.weigh()

    def weigh(self) -> None:
        """Add up what stack, memory and observations weigh; for where they, or the energy used, were set from without.

        Raises `ValueTooLarge` for an observation that is.
        """
        self._check_at = 0
        self._observed = sum(sized(from_json(each.value)).weight for each in self.observations)
        self._weight = sum(each.weight for each in (*self.stack, *self.memory.values()))

    def step(self) -> None:
        """Carry out one instruction, unless the program has ended; raises what it does wrong, with the place."""
        if self.done:
            return
        address = self.counter
        instruction = self.program.instructions[address]
        if self.used >= self._check_at:
            self._check_at = self.used + CHECKED_EVERY
            self._outside.check()
        try:
            if instruction.__class__ is not Call:  # which pays for itself, since its arguments decide what it costs
                self.spend(instruction.cost)
            target = _DO[instruction.__class__](self, instruction)
        except TacitError as error:
            if "address" not in error.details:  # else it is the place in a program further in
                place = {"address": address, "instruction": str(instruction)[:200], "line": self.program.line(address)}
                error.details = {**error.details, **place}
            raise
        self.executed += 1
        self.counter = address + 1 if target is None else target
        if self.counter == len(self.program.instructions):
            self.done = True

    def call(self, name: str, arguments: Sequence[Sized]) -> Sized:
        """Return what a built-in, or else a capability on its one argument, makes of the arguments, and pay for it."""
        before = self.used
        self.spend(Call.cost)
        builtin = self.registered.get(name) or BUILTINS.get(name)
        if builtin is not None:
            try:
                return builtin(arguments, self.spend)
            except EnergyExhausted:
                self.used = before  # as if it had not begun
                raise
        if name == INPUT:
            return self._input(arguments)
        if len(arguments) == 1 and (answer := self._capability(name, arguments[0])):
            return answer
        raise UnknownName(
            f"There is no built-in {name!r} with {len(arguments)} arguments, nor a capability that it may call so.",
            hint="A capability takes one argument, its input; list it under the permission call.",
        )

    def spend(self, cost: int) -> None:
        """Use up energy; raises `EnergyExhausted` and uses none where it is not left."""
        if self.used + cost > self.limit:
            raise EnergyExhausted(
                f"The program used {units(self.used):.15g} of its {units(self.limit):.15g} units of energy, and its "
                f"next step costs {units(cost):.15g}.",
                hint="Run it with more energy, or make it do less.",
            )
        self.used += cost

    def push(self, value: Sized) -> None:
        """Put a value on the stack; raises `ValueTooLarge`."""
        self.exchange((), value)

    def exchange(self, top: Sequence[Sized], value: Sized) -> None:
        """Put a value in the place of what is on top of the stack; raises `ValueTooLarge`."""
        start = len(self.stack) - len(top)
        weight = self._weight + value.weight
        for each in top:
            weight -= each.weight
        if weight > MAX_WEIGHT:
            raise too_large(weight)
        if start >= MAX_STACK:
            raise ValueTooLarge(f"The stack has {MAX_STACK} values already.", hint="Pop or store what is on it.")
        self.stack[start:] = (value,)
        self._weight = weight

    def pop(self) -> Sized:
        """Take the top of the stack; raises `StackUnderflow`."""
        value = self.top()
        del self.stack[-1]
        self._weight -= value.weight
        return value

    def top(self) -> Sized:
        """Return the top of the stack; raises `StackUnderflow`."""
        if not self.stack:
            raise StackUnderflow("The stack is empty.", hint="Push or load what the instruction takes.")
        return self.stack[-1]

    def literal(self, instruction: Push) -> Sized:
        """Return the value of a push, measured once: a loop may push a large one often."""
        known = self._literals.get(id(instruction))
        if known is None or known[0] is not instruction:
            known = self._literals[id(instruction)] = (instruction, sized(instruction.value))
        return known[1]

    def store(self, name: str) -> Sized:
        """Move the top of the stack to where a name says; return it."""
        value = self.top()
        before = self.memory.get(name)
        self.memory[name] = value
        del self.stack[-1]
        if before is not None:
            self._weight -= before.weight
        return value

    def observe(self, name: str, value: Sized) -> None:
        """Put a value into the record of the run; raises `ValueTooLarge`."""
        if len(self.observations) >= MAX_OBSERVATIONS:
            raise ValueTooLarge(f"The program recorded {MAX_OBSERVATIONS} observations already.", hint="Observe less.")
        observed = self._observed + value.weight
        if observed > MAX_OBSERVED:
            raise ValueTooLarge(f"The program's observations weigh over {MAX_OBSERVED} bytes.", hint="Observe less.")
        self.observations.append(Observation(address=self.counter, name=name, value=to_json(value.value)))
        self._observed = observed

    def delegate(self, agent: str, task: str) -> Sized:
        """Return an agent's answer, or a reference to the task."""
        answer = self._outside.delegate(agent, task)
        return sized(Reference(f"{agent}:{task}") if answer is None else answer)

    def _input(self, arguments: Sequence[Sized]) -> Sized:
        if arguments:
            raise WrongType(f"{INPUT} takes 0 arguments and got {len(arguments)}.", hint="It gives the run's input.")
        return self.given

    def _capability(self, name: str, given: Sized) -> Sized | None:
        left = self.limit - self.used
        try:
            answer = self._outside.call(name, given.value, left)
        except CallFailed as failed:
            self.used += min(failed.cost, left)
            raise failed.error from failed
        if answer is None:
            return None
        output, cost = answer
        self.used += min(cost, left)
        return sized(output)


def _push(machine: Machine, instruction: Any) -> None:
    machine.push(machine.literal(instruction))


def _pop(machine: Machine, instruction: Any) -> None:  # noqa: ARG001  # it has no operand
    machine.pop()


def _call(machine: Machine, instruction: Any) -> None:
    count = instruction.count
    if len(machine.stack) < count:
        raise StackUnderflow(
            f"{instruction.callee} takes {count} values, and the stack has {len(machine.stack)}.",
            hint="Push or load its arguments first, the first one first.",
        )
    arguments = machine.stack[len(machine.stack) - count :]
    made = machine.call(instruction.callee, arguments)
    machine.exchange(arguments, made)
    machine.last = made


def _store(machine: Machine, instruction: Any) -> None:
    machine.last = machine.store(instruction.variable)


def _load(machine: Machine, instruction: Any) -> None:
    value = machine.memory.get(instruction.variable)
    if value is None:
        known = ", ".join(sorted(machine.memory)[:10]) or "none"
        raise UnknownName(f"Nothing is stored as {instruction.variable!r}.", hint=f"Stored are: {known}.")
    machine.push(value)


def _jump_if(machine: Machine, instruction: Any) -> int | None:
    target, length = instruction.address, len(machine.program.instructions)
    if not 0 <= target <= length:
        raise JumpOutOfRange(f"There is no address {target} in this program of {length} instructions.")
    return target if is_truthy(machine.pop().value) else None


def _return(machine: Machine, instruction: Any) -> None:  # noqa: ARG001  # it has no operand
    machine.done = True


def _energy_check(machine: Machine, instruction: Any) -> None:
    left = units(machine.limit - machine.used)
    if left < instruction.threshold:
        raise EnergyLow(
            f"{left:.15g} units of energy are left, and {instruction.threshold:.15g} are asked for.",
            hint="Run it with more energy.",
        )


def _delegate(machine: Machine, instruction: Any) -> None:
    answer = machine.delegate(instruction.agent, instruction.task)
    machine.push(answer)
    machine.last = answer


def _observe(machine: Machine, instruction: Any) -> None:
    name, last = instruction.field, machine.last.value
    found = machine.memory.get(name)
    if found is None:
        found = sized(last[name]) if isinstance(last, dict) and name in last else NOTHING
    machine.push(found)
    try:
        machine.observe(name, found)
    except TacitError:
        machine.pop()
        raise


def _assert(machine: Machine, instruction: Any) -> None:
    value = machine.top()
    if not is_truthy(value.value):
        raise AssertionFailed(
            f"It does not hold that {instruction.description:.500} (a {type_name(value.value)} that is not truthy)."
        )
    machine.observe(instruction.description, value)
    machine.pop()


_DO: dict[type[Instruction], Callable[[Machine, Any], int | None]] = {
    Push: _push,
    Pop: _pop,
    Call: _call,
    Store: _store,
    Load: _load,
    JumpIf: _jump_if,
    Return: _return,
    EnergyCheck: _energy_check,
    Delegate: _delegate,
    Observe: _observe,
    Assert: _assert,
}

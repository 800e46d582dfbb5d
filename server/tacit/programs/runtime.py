"""A program with its machine: compiled, run, stepped through, saved and resumed.

`MiniRuntime` is what lau-agent-runtime calls so; the names and the costs are its.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import fields

from tacit.clock import now_millis
from tacit.errors import InvalidArgument, ValueTooLarge, WrongType
from tacit.programs.arguments import Arguments
from tacit.programs.builtins import ANY, Builtin
from tacit.programs.compiler import Program, compile_source
from tacit.programs.energy import hundredths, units
from tacit.programs.instructions import KINDS, Instruction
from tacit.programs.intake import copied, taken, taken_all
from tacit.programs.machine import MAX_OBSERVATIONS, MAX_OBSERVED, MAX_STACK, Alone, Machine, Outside
from tacit.programs.records import RuntimeResult, RuntimeSnapshot, StepResult
from tacit.programs.sizes import MAX_WEIGHT, Sized
from tacit.programs.values import Value, shown, to_json

MAX_LEVEL = 3
"""Beyond three layers of abstraction returns diminish, as the authors of lau-agent-runtime observed."""

_OPERANDS = {kind: tuple(each.name for each in fields(kind)) for kind in KINDS.values()}


class MiniRuntime:
    """One program with its state; not thread-safe. `budget` is in units of energy, `given` is the run's input."""

    def __init__(
        self,
        name: str,
        domain: str = "",
        budget: float = 1000.0,
        *,
        given: Value = None,
        outside: Outside | None = None,
    ) -> None:
        self.name = name
        self.domain = domain
        self.budget = budget
        self._machine = Machine(hundredths(budget), taken(given), outside or Alone())
        self._level = 0
        self._written: dict[int, str] = {}
        self._fingerprint = fingerprint(self._machine.program)

    @property
    def program(self) -> Program:
        """The compiled program."""
        return self._machine.program

    @property
    def counter(self) -> int:
        """The address of the next instruction."""
        return self._machine.counter

    @property
    def stack(self) -> list[Value]:
        """Copies of the values on the stack, the top last."""
        return [copied(each.value) for each in self._machine.stack]

    @property
    def memory(self) -> dict[str, Value]:
        """Copies of the variables."""
        return {name: copied(each.value) for name, each in self._machine.memory.items()}

    @property
    def done(self) -> bool:
        """Whether the program has ended."""
        return self._machine.done

    @property
    def energy_used(self) -> float:
        """Units that this runtime has used so far; they only ever grow."""
        return units(self._machine.used)

    @property
    def energy_remaining(self) -> float:
        """Units that are left."""
        return units(self._machine.limit - self._machine.used)

    def is_conserved(self) -> bool:
        """Return whether no more energy was used than the budget has."""
        return 0 <= self._machine.used <= self._machine.limit

    def abstraction_level(self) -> int:
        """Return how often it was compiled, at most `MAX_LEVEL`."""
        return self._level

    def register_builtin(self, name: str, function: Callable[[list[Value]], Value], *, cost: float = 0.0) -> None:
        """Let `call` reach a function of a list of values; it costs `cost` units besides the call itself.

        What it gives has to be a value, else the call fails with `WrongType`; what it raises comes through as it is.
        """

        def apply(given: Arguments) -> Sized:
            made = function([copied(each.value) for each in given.sized])
            try:
                return taken(made)
            except InvalidArgument as error:
                raise WrongType(f"{name} gave a {type(made).__name__}: {error.message}", hint=error.hint) from error

        paid = hundredths(cost, "cost")
        self._machine.registered[name] = Builtin(name, 0, ANY, apply, "registered", further=lambda _: paid)

    def give(self, value: Value) -> None:
        """Let `call input 0` push this value from now on; raises `InvalidArgument` or `ValueTooLarge`."""
        self._machine.given = taken(value)

    def compile(self, source: str) -> tuple[Instruction, ...]:
        """Compile a source into this runtime, and go to its beginning; raises `InvalidProgram`."""
        return self.load(compile_source(source))

    def load(self, program: Program) -> tuple[Instruction, ...]:
        """Take a compiled program, without variables, and go to its beginning."""
        self._machine.program = program
        self._written.clear()
        self._fingerprint = fingerprint(program)  # here, so that a snapshot costs what its state does
        self._machine.memory.clear()
        self._machine.restart()
        self._level = min(self._level + 1, MAX_LEVEL)
        return program.instructions

    def execute(self) -> RuntimeResult:
        """Run the whole program, with the variables as they are; energy goes on being used up.

        Raises `EnergyExhausted` or a `ProgramError`, each with its place, or what the outside raises.
        """
        self.reset()
        return self.resume()

    def resume(self) -> RuntimeResult:
        """Run on to the end from where it is; the counts are those of this part alone."""
        machine = self._machine
        used, executed = machine.used, machine.executed
        while not machine.done:
            machine.step()
        return RuntimeResult(
            success=True,
            output=to_json(machine.stack[-1].value) if machine.stack else None,
            energy_consumed=units(machine.used - used),
            instructions_executed=machine.executed - executed,
            observations=tuple(machine.observations),
        )

    def step(self) -> StepResult:
        """Carry out one instruction; past the end, nothing."""
        machine = self._machine
        shown = "" if machine.done else self._shown(machine.counter)
        machine.step()
        return StepResult(instruction=shown, remaining_energy=self.energy_remaining, done=machine.done)

    def _shown(self, address: int) -> str:
        """Return an instruction as sources write it, made once: a loop may push a large literal often."""
        if address not in self._written:
            self._written[address] = str(self.program.instructions[address])
        return self._written[address]

    def call(self, function: str, arguments: Sequence[Value]) -> Value:
        """Call a built-in directly, or a capability on one argument, at the cost of a `call`.

        Raises `InvalidArgument` for arguments that are no values.
        """
        return self._machine.call(function, taken_all(arguments)).value

    def reset(self) -> None:
        """Clear counter, stack and instruction count; variables, and the energy used, stay as they are."""
        self._machine.restart()

    def save_state(self) -> RuntimeSnapshot:
        """Return the whole state."""
        machine = self._machine
        return RuntimeSnapshot(
            program=self._fingerprint,
            counter=machine.counter,
            stack=tuple(to_json(each.value) for each in machine.stack),
            memory={name: to_json(each.value) for name, each in machine.memory.items()},
            last=to_json(machine.last.value),
            energy_used=machine.used,
            executed=machine.executed,
            compilation_level=self._level,
            done=machine.done,
            observations=tuple(machine.observations),
            timestamp=now_millis(),
        )

    def load_state(self, snapshot: RuntimeSnapshot) -> None:
        """Go to a state of this very program.

        Raises `InvalidArgument` for a state of another program, or one that it cannot be in within this budget.
        """
        machine = self._machine
        self._check(snapshot)
        stack, memory, last = _held(snapshot)
        machine.stack, machine.memory, machine.last = stack, memory, last
        machine.counter, machine.executed, machine.done = snapshot.counter, snapshot.executed, snapshot.done
        machine.used, machine.observations = snapshot.energy_used, list(snapshot.observations)
        machine.weigh()
        self._level = snapshot.compilation_level

    def _check(self, snapshot: RuntimeSnapshot) -> None:
        machine = self._machine
        if snapshot.program != self._fingerprint:
            raise InvalidArgument("The snapshot is of another program.", hint="Compile that program first.")
        length = len(machine.program.instructions)
        if not (0 <= snapshot.counter <= length and (snapshot.done or snapshot.counter < length)):
            raise InvalidArgument(f"The snapshot goes on at {shown(snapshot.counter)}, which is not in the program.")
        if snapshot.energy_used > machine.limit:
            raise InvalidArgument(
                f"The snapshot used more than the budget of {self.budget:g} units.", hint="Resume it with a larger one."
            )
        if min(snapshot.energy_used, snapshot.executed) < 0 or not 0 <= snapshot.compilation_level <= MAX_LEVEL:
            raise InvalidArgument("The snapshot's counts are none that a runtime can have.")


def _held(snapshot: RuntimeSnapshot) -> tuple[list[Sized], dict[str, Sized], Sized]:
    """Return stack, variables and last result; raises `InvalidArgument` for more than a machine can hold."""
    observed = [each.value for each in snapshot.observations]
    if len(snapshot.stack) > MAX_STACK or len(observed) > MAX_OBSERVATIONS:
        raise InvalidArgument(
            f"A runtime has at most {MAX_STACK} values on its stack, {MAX_OBSERVATIONS} observations."
        )
    try:
        stack, memory = taken_all(snapshot.stack), taken_all(tuple(snapshot.memory.values()))
        last, seen = taken(snapshot.last), taken_all(observed)
    except (InvalidArgument, ValueTooLarge) as error:
        raise InvalidArgument(f"The snapshot holds what is no value: {error.message}") from error
    if sum(each.weight for each in (*stack, *memory)) > MAX_WEIGHT or sum(each.weight for each in seen) > MAX_OBSERVED:
        raise InvalidArgument("The snapshot holds more than a runtime can.")
    return stack, dict(zip(snapshot.memory, memory, strict=True)), last


def fingerprint(program: Program) -> str:
    """Return the SHA-256, in hex, of a program's instructions."""
    rows = [[each.name, *(getattr(each, name) for name in _OPERANDS[type(each)])] for each in program.instructions]
    text = json.dumps(rows, sort_keys=True, default=to_json)
    return hashlib.sha256(text.encode()).hexdigest()

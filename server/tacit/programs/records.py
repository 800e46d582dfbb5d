"""What a program's execution answers, and the state that it can be saved in and resumed from; JSON both ways."""

from __future__ import annotations

from typing import Any

from tacit.models import Model


class Observation(Model):
    """What an `observe` or a passed `assert` put into the run's record; `address` is the instruction's."""

    address: int
    name: str
    value: Any = None


class RuntimeResult(Model):
    """How an execution ended: its output as JSON, the energy that it used (units), and how many instructions ran."""

    success: bool
    output: Any = None
    energy_consumed: float
    instructions_executed: int
    observations: tuple[Observation, ...] = ()


class StepResult(Model):
    """One instruction: what it was, the energy left (units), and whether the program has ended."""

    instruction: str
    remaining_energy: float
    done: bool


class RuntimeSnapshot(Model):
    """All that a runtime needs to go on from where it is; `program` is the SHA-256, in hex, of its instructions.

    `energy_used` is in hundredths of a unit, `timestamp` in milliseconds since the Unix epoch.
    """

    program: str
    counter: int
    stack: tuple[Any, ...] = ()
    memory: dict[str, Any]
    last: Any = None
    energy_used: int
    executed: int
    compilation_level: int
    done: bool = False
    observations: tuple[Observation, ...] = ()
    timestamp: int

"""The eleven instructions of programs, what each costs, and their form in JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter

from tacit.errors import InvalidArgument, ValueTooLarge
from tacit.programs.intake import taken
from tacit.programs.values import Value, shown, to_json

_QUOTED = frozenset({"value", "task", "description"})
"""Operands that are no names: sources may hold them in quotes."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """Base of the instructions; `cost` is in hundredths of a unit of energy, `name` as sources write it."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    name: ClassVar[str] = ""
    cost: ClassVar[int] = 0

    def to_json(self) -> dict[str, Any]:
        """Return `{"op": name, …}` with the instruction's operands."""
        return {"op": self.name, **{each.name: to_json(getattr(self, each.name)) for each in fields(self)}}

    def __str__(self) -> str:
        """Return it as sources write it: values and words as JSON, names and numbers as they are."""
        return " ".join((self.name, *(self._shown(each.name) for each in fields(self))))

    def _shown(self, operand: str) -> str:
        value = getattr(self, operand)
        return json.dumps(to_json(value), ensure_ascii=False) if operand in _QUOTED else str(value)


@dataclass(frozen=True, slots=True)
class Push(Instruction):
    """Push a literal."""

    name = "push"
    cost = 10
    value: Value


@dataclass(frozen=True, slots=True)
class Pop(Instruction):
    """Drop the top of the stack."""

    name = "pop"
    cost = 5


@dataclass(frozen=True, slots=True)
class Call(Instruction):
    """Pop `count` arguments and push what a built-in, or a capability on its one argument, makes of them."""

    name = "call"
    cost = 100
    callee: str
    count: Annotated[int, Field(ge=0, strict=True)]


@dataclass(frozen=True, slots=True)
class Store(Instruction):
    """Pop a value and keep it under a name."""

    name = "store"
    cost = 10
    variable: str


@dataclass(frozen=True, slots=True)
class Load(Instruction):
    """Push what is kept under a name."""

    name = "load"
    cost = 10
    variable: str


@dataclass(frozen=True, slots=True)
class JumpIf(Instruction):
    """Pop a value and, where it is truthy, go on at an address; the program's length is its end."""

    name = "jump_if"
    cost = 5
    address: Annotated[int, Field(ge=0, strict=True)]


@dataclass(frozen=True, slots=True)
class Return(Instruction):
    """End; the top of the stack, or null, is the output."""

    name = "return"
    cost = 5


@dataclass(frozen=True, slots=True)
class EnergyCheck(Instruction):
    """Fail unless so many units of energy are left."""

    name = "energy_check"
    cost = 5
    threshold: Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Delegate(Instruction):
    """Hand a task to an agent and push its answer; a reference to the task where none is at hand."""

    name = "delegate"
    cost = 200
    agent: str
    task: str


@dataclass(frozen=True, slots=True)
class Observe(Instruction):
    """Record and push a variable, or that field of the value made last; null where there is neither."""

    name = "observe"
    cost = 30
    field: str


@dataclass(frozen=True, slots=True)
class Assert(Instruction):
    """Pop a value and fail with the description unless it is truthy."""

    name = "assert"
    cost = 20
    description: str


KINDS: dict[str, type[Instruction]] = {
    kind.name: kind for kind in (Push, Pop, Call, Store, Load, JumpIf, Return, EnergyCheck, Delegate, Observe, Assert)
}


_FORMS: dict[type[Instruction], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in KINDS.values() if kind is not Push
}


def instruction_from_json(data: Any) -> Instruction:
    """Return the instruction that `Instruction.to_json` wrote; raises `InvalidArgument` for anything else."""
    try:
        given = dict(data)
        kind = KINDS[given.pop("op")]
        if kind is Push:
            return Push(**{name: taken(value).value for name, value in given.items()})
        return _FORMS[kind].validate_python(given)
    except (KeyError, TypeError, ValueError, InvalidArgument, ValueTooLarge) as error:
        raise InvalidArgument(f"This is no instruction of a program: {shown(data)}.") from error

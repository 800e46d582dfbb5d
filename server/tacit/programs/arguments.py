"""The arguments of a built-in, read with a clear error where one is of another type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tacit.errors import OutOfRange, WrongType
from tacit.programs.numerals import LARGEST
from tacit.programs.sizes import Sized
from tacit.programs.values import Reference, Value, as_number, type_name


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the built-in `function` was called with, in order."""

    function: str
    sized: Sequence[Sized]

    def __len__(self) -> int:
        return len(self.sized)

    def value(self, position: int) -> Value:
        """Return an argument, whatever it is."""
        return self.sized[position].value

    def number(self, position: int) -> int | float:
        """Return a number."""
        found = as_number(self.value(position))
        if found is None:
            raise self.wrong(position, "a number")
        return self._bounded(found)

    def whole(self, position: int) -> int:
        """Return a whole number, also where it is written 2.0."""
        found = self.number(position)
        if isinstance(found, float):
            if not found.is_integer():
                raise self.wrong(position, "a whole number")
            return int(found)
        return found

    def text(self, position: int) -> str:
        """Return a text, or a reference's name."""
        found = self.value(position)
        if isinstance(found, Reference):
            return found.name
        if not isinstance(found, str):
            raise self.wrong(position, "a text")
        return found

    def items(self, position: int) -> list[Any]:
        """Return a list; never change it."""
        found = self.value(position)
        if not isinstance(found, list):
            raise self.wrong(position, "a list")
        return found

    def named(self, position: int) -> dict[str, Any]:
        """Return a map; never change it."""
        found = self.value(position)
        if not isinstance(found, dict):
            raise self.wrong(position, "a map")
        return found

    def numbers(self, position: int) -> list[int | float]:
        """Return a list of numbers."""
        numbers = [as_number(item) for item in self.items(position)]
        if None in numbers:
            raise self.wrong(position, "a list of numbers")
        return [self._bounded(number) for number in numbers if number is not None]

    def _bounded(self, number: int | float) -> int | float:
        if isinstance(number, int) and abs(number) > LARGEST:
            raise OutOfRange(f"{self.function} takes whole numbers up to {LARGEST}.", hint="Use a smaller one.")
        return number

    def wrong(self, position: int, wanted: str) -> WrongType:
        """Return the error for an argument of another type."""
        return WrongType(
            f"{self.function} takes {wanted} as argument {position + 1} and got a {type_name(self.value(position))}."
        )

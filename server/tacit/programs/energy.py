"""Energy of programs: what each thing costs, counted exactly.

A unit of energy is what a call of a built-in costs. It is counted in whole hundredths, so that sums are exact and
step by step costs what all at once costs; people and JSON see units. Capabilities that a program calls are paid for
in the same currency: `FUEL_PER_UNIT` units of Wasmtime's fuel cost one.
"""

from __future__ import annotations

import math

from tacit.errors import InvalidArgument
from tacit.programs.values import shown

HUNDREDTHS = 100
FUEL_PER_UNIT = 10_000
"""Fuel for a unit: a call of a built-in takes the VM about as long as a guest takes for this much."""
BYTES_PER_HUNDREDTH = 100
"""What a built-in that looks at all of a value looks at for a hundredth of a unit."""

MAX_UNITS = 1_000_000_000_000.0


def hundredths(units: float, what: str = "budget") -> int:
    """Return units as whole hundredths, rounded down.

    Raises `InvalidArgument` for what is negative, not finite, no number or over `MAX_UNITS`.
    """
    number = isinstance(units, int | float) and not isinstance(units, bool)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not number or not 0 <= units <= MAX_UNITS:  # NaN is neither; a vast whole number is no float
        raise InvalidArgument(
            f"The {what} is {shown(units)}; it has to be a number of energy units from 0 to {MAX_UNITS:.0f}."
        )
    return math.floor(round(units * HUNDREDTHS, 6))


def units(of_hundredths: int) -> float:
    """Return hundredths as units."""
    return of_hundredths / HUNDREDTHS


def cost_of_fuel(fuel: int) -> int:
    """Return what a capability's fuel costs, in hundredths, rounded up: nothing that ran is free."""
    return -(-fuel * HUNDREDTHS // FUEL_PER_UNIT)


def fuel_for(of_hundredths: int) -> int:
    """Return the fuel that so many hundredths buy."""
    return of_hundredths * FUEL_PER_UNIT // HUNDREDTHS

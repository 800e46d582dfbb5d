"""The built-ins for numbers, comparisons and logic. Results are finite, and whole ones fit in 64 bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tacit.errors import DivisionByZero, OutOfRange
from tacit.programs.arguments import Arguments
from tacit.programs.energy import BYTES_PER_HUNDREDTH
from tacit.programs.numerals import LARGEST
from tacit.programs.sizes import Sized, sized
from tacit.programs.values import is_truthy

MAX_DIGITS = 15


def add(given: Arguments) -> Sized:
    """Return a + b."""
    one, other = _pair(given)
    return _number(given, one + other)


def subtract(given: Arguments) -> Sized:
    """Return a - b."""
    one, other = _pair(given)
    return _number(given, one - other)


def multiply(given: Arguments) -> Sized:
    """Return a × b."""
    one, other = _pair(given)
    return _number(given, one * other)


def divide(given: Arguments) -> Sized:
    """Return a / b, a whole number where whole numbers divide evenly."""
    _divisor(given)
    one, other = _pair(given)
    if isinstance(one, int) and isinstance(other, int) and one % other == 0:
        return _number(given, one // other)
    return _number(given, one / other)


def modulo(given: Arguments) -> Sized:
    """Return the remainder of a / b, with the sign of b."""
    _divisor(given)
    one, other = _pair(given)
    return _number(given, one % other)


def power(given: Arguments) -> Sized:
    """Return a to the power of b, computed with floating point unless it is whole and fits, or a is small."""
    one, other = _pair(given)
    try:
        if isinstance(one, int) and isinstance(other, int) and 0 <= other <= 64:
            exact = one**other
            if abs(one) <= 1 << 32 or abs(exact) <= LARGEST:
                return _number(given, exact)
        return _number(given, math.pow(one, other))
    except OverflowError as error:
        raise _out_of_range(given) from error
    except ValueError as error:
        raise OutOfRange(f"There is no real number that is {one} to the power of {other}.") from error


def negate(given: Arguments) -> Sized:
    """Return -a."""
    return _number(given, -given.number(0))


def absolute(given: Arguments) -> Sized:
    """Return a without its sign."""
    return _number(given, abs(given.number(0)))


def rounded(given: Arguments) -> Sized:
    """Return a rounded to so many digits, halves to the even digit; without digits, a whole number."""
    digits = given.whole(1) if len(given) > 1 else 0
    if not -MAX_DIGITS <= digits <= MAX_DIGITS:
        raise OutOfRange(f"round takes {-MAX_DIGITS} to {MAX_DIGITS} digits and got {digits}.")
    return _number(given, round(given.number(0), digits) if digits else round(given.number(0)))


def floor(given: Arguments) -> Sized:
    """Return the largest whole number not above a."""
    return _number(given, math.floor(given.number(0)))


def ceiling(given: Arguments) -> Sized:
    """Return the smallest whole number not below a."""
    return _number(given, math.ceil(given.number(0)))


def minimum(given: Arguments) -> Sized:
    """Return the smallest of the arguments, or of one list."""
    return _number(given, min(_several(given)))


def maximum(given: Arguments) -> Sized:
    """Return the largest of the arguments, or of one list."""
    return _number(given, max(_several(given)))


def total(given: Arguments) -> Sized:
    """Return the sum of a list of numbers, exact for whole ones, correctly rounded for others."""
    numbers = given.numbers(0)
    if all(isinstance(each, int) for each in numbers):
        return _number(given, sum(numbers))
    for each in numbers:
        _check_held(given, each)
    try:
        return _number(given, math.fsum(numbers))
    except OverflowError as error:
        raise _out_of_range(given) from error


def compared(given: Arguments) -> int:
    """Return the hundredths of a unit that it costs to compare texts; numbers cost nothing more."""
    both = (given.value(0), given.value(1))
    return min([len(each) if isinstance(each, str) else 0 for each in both]) // BYTES_PER_HUNDREDTH


def less(given: Arguments) -> Sized:
    """Return whether a < b."""
    return _compared(given, lambda one, other: one < other)


def less_equal(given: Arguments) -> Sized:
    """Return whether a ≤ b."""
    return _compared(given, lambda one, other: one <= other)


def greater(given: Arguments) -> Sized:
    """Return whether a > b."""
    return _compared(given, lambda one, other: one > other)


def greater_equal(given: Arguments) -> Sized:
    """Return whether a ≥ b."""
    return _compared(given, lambda one, other: one >= other)


def both(given: Arguments) -> Sized:
    """Return whether both are truthy."""
    return sized(is_truthy(given.value(0)) and is_truthy(given.value(1)))


def either(given: Arguments) -> Sized:
    """Return whether one of two is truthy."""
    return sized(is_truthy(given.value(0)) or is_truthy(given.value(1)))


def negated(given: Arguments) -> Sized:
    """Return whether it is not truthy."""
    return sized(not is_truthy(given.value(0)))


def _number(given: Arguments, number: int | float) -> Sized:
    if isinstance(number, float) and not math.isfinite(number):
        raise _out_of_range(given)
    if isinstance(number, int) and abs(number) > LARGEST:
        raise _out_of_range(given)
    return sized(number)


def _out_of_range(given: Arguments) -> OutOfRange:
    return OutOfRange(
        f"The result of {given.function} is not finite, or over {LARGEST}.", hint="Use smaller numbers, or 1.0 for 1."
    )


def _pair(given: Arguments) -> tuple[int | float, int | float]:
    """Return both numbers; a whole one beside a fraction becomes a float, which has to hold it."""
    one, other = given.number(0), given.number(1)
    if one.__class__ is not other.__class__:
        _check_held(given, one)
        _check_held(given, other)
    return one, other


def _check_held(given: Arguments, number: int | float) -> None:
    if float(number) != number:
        raise OutOfRange(
            f"{given.function} would lose digits of {number} beside a number with a point.",
            hint="Use a smaller number, or whole ones alone.",
        )


def _divisor(given: Arguments) -> int | float:
    divisor = given.number(1)
    if divisor == 0:
        raise DivisionByZero(f"{given.function} by zero.", hint="Test the divisor first, with not_equal and jump_if.")
    return divisor


def _several(given: Arguments) -> list[int | float]:
    single = len(given) == 1 and isinstance(given.value(0), list)
    numbers = given.numbers(0) if single else [given.number(position) for position in range(len(given))]
    if not numbers:
        raise OutOfRange(f"{given.function} of an empty list.")
    return numbers


def _compared(given: Arguments, compare: Callable[[Any, Any], bool]) -> Sized:
    if isinstance(given.value(0), str):
        return sized(compare(given.text(0), given.text(1)))
    return sized(compare(given.number(0), given.number(1)))

"""What only programs do wrong: runs of them that did not end well."""

from __future__ import annotations

from tacit.errors.runs import RunError


class ProgramError(RunError):
    """A program did what it may not; `details` has `address`, `line` and `instruction`, where it happened."""

    code = "program_error"


class StackUnderflow(ProgramError):
    """An instruction needs more values than the stack has."""

    code = "stack_underflow"


class UnknownName(ProgramError):
    """A variable that was never stored, or a call of what is neither a built-in nor a capability it may call."""

    code = "unknown_name"


class WrongType(ProgramError):
    """A value of another type than what is done with it takes, or too many or too few of them."""

    code = "wrong_type"


class OutOfRange(ProgramError):
    """An index that a list or text does not have, a name that a map does not, or a number that is out of bounds."""

    code = "out_of_range"


class DivisionByZero(ProgramError):
    """A division by zero."""

    code = "division_by_zero"


class JumpOutOfRange(ProgramError):
    """A jump to an address that the program does not have."""

    code = "jump_out_of_range"


class AssertionFailed(ProgramError):
    """An `assert` found a value that is not truthy."""

    code = "assertion_failed"


class EnergyLow(ProgramError):
    """An `energy_check` found less energy than it asks for."""

    code = "energy_low"


class ValueTooLarge(ProgramError):
    """A value, the stack or the memory outgrew its limit, or nests too deep."""

    code = "value_too_large"

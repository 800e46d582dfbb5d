"""Runs that did not end well; nothing that they wrote is kept."""

from __future__ import annotations

from tacit.errors.base import TacitError


class RunError(TacitError):
    """A run did not end well; nothing that it wrote is kept."""

    code = "run_failed"


class GuestTrapped(RunError):
    """The guest trapped (unreachable, out-of-bounds access, division by zero …); `details.trap` names it."""

    code = "trap"


class EnergyExhausted(RunError):
    """The guest or program used up its energy; `details.where` names the callees that it was used up in, if any."""

    code = "energy_exhausted"


class RunTimedOut(RunError):
    """The run took longer than its wall time."""

    code = "timeout"


class MemoryExhausted(RunError):
    """The guest trapped after being refused more memory than its limit."""

    code = "memory_exhausted"


class StackOverflowed(RunError):
    """The guest overflowed its stack."""

    code = "stack_overflow"


class OutputTooLarge(RunError):
    """The guest wrote more to stdout than its limit, or a program's output is larger than that."""

    code = "output_too_large"


class LogTooLarge(RunError):
    """The guest wrote more to stderr than its limit, or a program observed more than that."""

    code = "log_too_large"


class TooManyHostCalls(RunError):
    """Host functions were called more often, deeper within each other, or with more data than the limits allow."""

    code = "too_many_host_calls"


class GuestExited(RunError):
    """The guest exited with a non-zero code and no error object; `details.exit_code`."""

    code = "nonzero_exit"


class NoOutput(RunError):
    """The guest ended without printing anything."""

    code = "no_output"


class InvalidOutput(RunError):
    """The guest printed something that is not one JSON value, or breaks its output schema."""

    code = "invalid_output"


class CapabilityFailed(RunError):
    """The guest reported its own error; `details` has its `code` and `message`, and as `reported` what else it said."""

    code = "capability_error"


class ArithmeticOverflow(RunError):
    """A whole number of the guest went beyond its type; `details.panic` has its words, and where in the source."""

    code = "arithmetic_overflow"


class RunCancelled(RunError):
    """The caller cancelled the run."""

    code = "cancelled"


class FileConflict(RunError):
    """Another run held the files that the run writes for too long, or they were not locked when it began."""

    code = "file_conflict"


class ReplayDiverged(RunError):
    """A replay did not go as recorded: it asked the world for something else, or ended otherwise."""

    code = "replay_diverged"

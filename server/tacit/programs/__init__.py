"""Programs: a small language for what combines capabilities, and the energy-budgeted machine that runs it."""

from tacit.programs.compiler import Program, compile_source
from tacit.programs.layers import AbstractionLayer
from tacit.programs.machine import Outside
from tacit.programs.records import Observation, RuntimeResult, RuntimeSnapshot, StepResult
from tacit.programs.runtime import MiniRuntime
from tacit.programs.shell import AgentShell, RuntimeId, ShellStatus
from tacit.programs.tasks import RuntimeCompiler
from tacit.programs.values import Reference, Value, is_truthy, type_name

__all__ = [
    "AbstractionLayer",
    "AgentShell",
    "MiniRuntime",
    "Observation",
    "Outside",
    "Program",
    "Reference",
    "RuntimeCompiler",
    "RuntimeId",
    "RuntimeResult",
    "RuntimeSnapshot",
    "ShellStatus",
    "StepResult",
    "Value",
    "compile_source",
    "is_truthy",
    "type_name",
]

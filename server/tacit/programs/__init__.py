"""Programs: a small language for what combines capabilities, and the energy-budgeted machine that runs it."""

from tacit.programs.compiler import Program, compile_source
from tacit.programs.instructions import Instruction, instruction_from_json
from tacit.programs.layers import AbstractionLayer
from tacit.programs.machine import Outside
from tacit.programs.records import Observation, RuntimeResult, RuntimeSnapshot, StepResult
from tacit.programs.runtime import MiniRuntime
from tacit.programs.shell import AgentShell, RuntimeId, ShellStatus
from tacit.programs.tasks import RuntimeCompiler
from tacit.programs.values import Reference, Value, as_number, as_text, from_json, is_truthy, to_json, type_name

__all__ = [
    "AbstractionLayer",
    "AgentShell",
    "Instruction",
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
    "as_number",
    "as_text",
    "compile_source",
    "from_json",
    "instruction_from_json",
    "is_truthy",
    "to_json",
    "type_name",
]

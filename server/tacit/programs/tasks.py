"""From a task in words to a runtime: the five patterns of lau-agent-runtime, and a default that does nothing.

The patterns call functions that whoever runs them registers (`read_sensors` …); each ends with its last answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from tacit.programs.compiler import Program, compile_source
from tacit.programs.machine import Outside
from tacit.programs.runtime import MiniRuntime


@dataclass(frozen=True, slots=True)
class Pattern:
    """A program for the tasks that have one of the words in them."""

    name: str
    words: tuple[str, ...]
    source: str


PATTERNS = (
    Pattern(
        "sensors",
        ("sensor", "monitor"),
        """\
call read_sensors 0
store sensor_data
load sensor_data
call check_thresholds 1
store alerts
load alerts
call report 1
return
""",
    ),
    Pattern(
        "motor",
        ("motor", "control"),
        """\
call load_target 0
store target
load target
call compute_error 1
store error
load error
call adjust_pwm 1
call verify 1
return
""",
    ),
    Pattern(
        "crew",
        ("crew", "manage"),
        """\
call assess_task 0
store assessment
load assessment
call pick_archetype 1
store archetype
load archetype
call assign 1
call monitor 1
return
""",
    ),
    Pattern(
        "analysis",
        ("analy", "data"),
        """\
call load_data 0
store data
load data
call compute_statistics 1
store statistics
load statistics
call find_patterns 1
call verify_conservation 1
return
""",
    ),
    Pattern(
        "bridge",
        ("bridge", "communic"),
        """\
call connect 0
store connection
load connection
call handshake 1
pop
load connection
call send 1
pop
load connection
call receive 1
store received
load received
call verify 1
store verified
load connection
call disconnect 1
pop
load verified
return
""",
    ),
)
"""The patterns in the order in which their words are looked for."""

DEFAULT = "push null\nreturn\n"


class RuntimeCompiler:
    """Compiles sources, and tasks by their patterns."""

    def compile_source(self, source: str) -> Program:
        """Return the program of a source; raises `InvalidProgram`."""
        return compile_source(source)

    def source_for(self, task: str) -> str:
        """Return the source of the first pattern that has a word in the task, whatever its case; else the default."""
        lowered = task.casefold()
        found = (pattern.source for pattern in PATTERNS if any(word in lowered for word in pattern.words))
        return next(found, DEFAULT)

    def compile_task(
        self, task: str, domain: str = "", budget: float = 1000.0, *, outside: Outside | None = None
    ) -> MiniRuntime:
        """Return a runtime with the program for a task; raises `InvalidArgument` for a budget that is none."""
        runtime = MiniRuntime(task, domain, budget, outside=outside)
        runtime.compile(self.source_for(task))
        return runtime

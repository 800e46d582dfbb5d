"""A shell that holds several runtimes of one agent, one of them active."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tacit.errors import InvalidArgument
from tacit.models import Model
from tacit.programs.energy import hundredths
from tacit.programs.layers import AbstractionLayer
from tacit.programs.machine import Outside
from tacit.programs.records import RuntimeResult
from tacit.programs.runtime import MiniRuntime
from tacit.programs.tasks import RuntimeCompiler

BYTES_PER_TOKEN = 4
_numbers = itertools.count(1)


def tokens_of(source: str) -> int:
    """Return about how many tokens it takes to write a source."""
    return len(source.encode("utf-8", "replace")) // BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True, order=True)
class RuntimeId:
    """The name of a runtime, unique in this process where it is left out."""

    name: str = ""

    def __post_init__(self) -> None:
        """Make a name up where none is given."""
        if not self.name:
            object.__setattr__(self, "name", f"runtime-{next(_numbers)}")

    def __str__(self) -> str:
        return self.name


class ShellStatus(Model):
    """Where an agent's shell is; energy in units, that of the active runtime, or a new one's."""

    agent_id: str
    active_runtime: str | None = None
    runtime_count: int
    abstraction_level: int
    tokens_saved: int
    energy_remaining: float


class AgentShell:
    """The runtimes of one agent; not thread-safe. Each has the budget that the shell gives it, in units."""

    def __init__(self, agent_id: str, budget: float, *, outside: Outside | None = None) -> None:
        hundredths(budget)
        self.agent_id = agent_id
        self.budget = budget
        self.layer = AbstractionLayer()
        self.runtimes: dict[RuntimeId, MiniRuntime] = {}
        self._compiler = RuntimeCompiler()
        self._outside = outside
        self._active: RuntimeId | None = None
        self._ran: set[RuntimeId] = set()
        self._tokens: dict[RuntimeId, int] = {}

    @property
    def active(self) -> RuntimeId | None:
        """The name of the active runtime, None without one."""
        return self._active

    def build_runtime(self, task: str, domain: str = "", source: str | None = None) -> RuntimeId:
        """Compile a task by its pattern, or a source, into a new runtime; the agent rises by a level, up to the last.

        Raises `InvalidProgram`.
        """
        text = self._compiler.source_for(task) if source is None else source
        runtime = MiniRuntime(task, domain, self.budget, outside=self._outside)
        runtime.compile(text)
        return self.adopt(runtime, text)

    def adopt(self, runtime: MiniRuntime, source: str) -> RuntimeId:
        """Take in a runtime that was compiled from a source, as `build_runtime` does with its own."""
        made = RuntimeId()
        self.runtimes[made] = runtime
        self._tokens[made] = tokens_of(source)
        self.layer.record_runtime_built()
        self.layer.promote(f"Compiled: {runtime.name}")
        return made

    def activate(self, runtime: RuntimeId | str) -> None:
        """Make a runtime the active one; raises `InvalidArgument` for one that the shell has not."""
        wanted = RuntimeId(runtime) if isinstance(runtime, str) and runtime else runtime
        if not isinstance(wanted, RuntimeId) or wanted not in self.runtimes:
            known = ", ".join(map(str, self.runtimes)) or "none"
            raise InvalidArgument(f"The shell has no runtime {runtime}.", hint=f"It has {known}.")
        self._active = wanted

    def deactivate(self) -> None:
        """Have no active runtime."""
        self._active = None

    def execute(self) -> RuntimeResult:
        """Run the active runtime from its beginning; raises `InvalidArgument` without one, and what the program raises.

        Each run but a runtime's first saves the tokens of writing its program once more.
        """
        runtime = self.active_runtime()
        if runtime is None or self._active is None:
            raise InvalidArgument("No runtime is active.", hint="Activate one first.")
        result = runtime.execute()
        if self._active in self._ran:
            self.layer.add_savings(self._tokens[self._active])
        self._ran.add(self._active)
        return result

    def list_runtimes(self) -> list[tuple[RuntimeId, str, int]]:
        """Return the id, domain and abstraction level of each runtime, in the order in which they were built."""
        return [(name, runtime.domain, runtime.abstraction_level()) for name, runtime in self.runtimes.items()]

    def shell_status(self) -> ShellStatus:
        """Return where the shell is."""
        runtime = self.active_runtime()
        return ShellStatus(
            agent_id=self.agent_id,
            active_runtime=str(self._active) if self._active else None,
            runtime_count=len(self.runtimes),
            abstraction_level=self.layer.current_level(),
            tokens_saved=self.layer.tokens_saved(),
            energy_remaining=runtime.energy_remaining if runtime else self.budget,
        )

    def active_runtime(self) -> MiniRuntime | None:
        """Return the active runtime, None without one."""
        return self.runtimes[self._active] if self._active else None

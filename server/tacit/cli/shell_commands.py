"""The commands of `tacit shell`, each a method that prints what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tacit.cli.layout import cut, facts, table
from tacit.cli.saved_runtime import SavedRuntime, read_text
from tacit.cli.shell_outside import ServiceOutside
from tacit.cli.terminal import as_json, interruptible, write
from tacit.errors import InvalidArgument, InvalidJson, UnknownCapability
from tacit.plain_text import made_plain
from tacit.programs import AgentShell, MiniRuntime, RuntimeId, RuntimeResult, Value
from tacit.programs.builtins import BUILTINS
from tacit.programs.compiler import MAX_SOURCE
from tacit.programs.machine import INPUT
from tacit.programs.runtime import MAX_LEVEL
from tacit.programs.shell import tokens_of
from tacit.programs.tasks import RuntimeCompiler
from tacit.programs.use import ProgramUse, SessionUse
from tacit.programs.values import from_json, to_json
from tacit.sandbox.cancellation import Cancellation
from tacit.service import Service
from tacit.texts import compact

T = TypeVar("T")

AGENT = "person"
MAX_SHOWN = 100
"""Characters of a value, an instruction or a name."""
MAX_STEPS = 1_000_000
STEPS_SHOWN = 20
SOURCE_FILE = "main.program"


@dataclass(slots=True)
class Held:
    """What is known of a runtime beside its state: its source, its input, and how often it ran well."""

    source: str
    given: Value = None
    runs: int = 0


class Commands:
    """A shell with its runtimes; each has `budget` units of energy, and reaches the capabilities of a service."""

    def __init__(self, service: Service, budget: float) -> None:
        self._service = service
        self._outside = ServiceOutside(service)
        self._shell = AgentShell(AGENT, budget, outside=self._outside)
        self._held: dict[RuntimeId, Held] = {}
        self._active: RuntimeId | None = None
        self._started = time.time_ns() // 1_000_000
        self.ended = False

    def carry_out(self, line: str) -> None:
        """Carry out one line; raises `TacitError`, or `KeyboardInterrupt` where Ctrl-C stopped it."""
        name, _, rest = line.partition(" ")
        command = COMMANDS.get(name)
        if command is None:
            raise InvalidArgument(f"There is no command {name[:MAX_SHOWN]!r}.", hint="`help` lists them.")
        argument = rest.strip()
        if argument and not command.argument:
            raise InvalidArgument(f"{name} takes nothing more; got {argument[:MAX_SHOWN]!r}.")
        if command.argument and not command.argument.startswith("[") and not argument:
            raise InvalidArgument(f"{name} needs {command.argument}.", hint=command.words)
        command.do(self, argument)

    def list(self, _: str) -> None:
        """Show the runtimes."""
        rows = [
            ["*" if name == self._active else "", str(name), _shown(self._shell.runtimes[name].name), domain, level]
            for name, domain, level in self._shell.list_runtimes()
        ]
        say(table(["", "NAME", "TASK", "DOMAIN", "LEVEL"], rows) if rows else "There are no programs yet.")

    def compile(self, what: str) -> None:
        """Compile a file, a stored program, or a task."""
        domain, source = self._source(what)
        runtime = MiniRuntime(what, domain, self._shell.budget, outside=self._outside)
        runtime.compile(source)
        self._take(runtime, Held(source))

    def activate(self, name: str) -> None:
        """Make a runtime the active one."""
        self._shell.activate(RuntimeId(name))
        self._active = RuntimeId(name)
        say(f"{name} is active.")

    def deactivate(self, _: str) -> None:
        """Have no active runtime."""
        self._shell.deactivate()
        self._active = None
        say("No program is active.")

    def input(self, text: str) -> None:
        """Set the active runtime's input."""
        name, runtime = self._current()
        given = _json(text)
        runtime.give(given)
        self._held[name].given = given
        say(f"{name} gets {_shown(compact(to_json(given)))}")

    def step(self, count: str) -> None:
        """Carry out some instructions and show where the runtime is, also where one of them fails."""
        _, runtime = self._current()
        steps = _whole(count or "1", MAX_STEPS)
        if runtime.done:
            raise InvalidArgument("The program has ended.", hint="`run` starts it again.")
        done: list[str] = []

        def carry_out() -> None:
            for _ in range(steps):
                if runtime.done:
                    break
                done.append(f"{runtime.counter:5}  {_next(runtime)}")
                runtime.step()

        try:
            self._stoppable(carry_out)
        finally:
            left_out = ["       …"] if len(done) > STEPS_SHOWN else []
            say("\n".join([*left_out, *done[-STEPS_SHOWN:], *_state(runtime)]))

    def run(self, _: str) -> None:
        """Run the active runtime from its beginning."""
        active = self._current()[0]
        result = self._stoppable(self._shell.execute)
        self._held[active].runs += 1
        self._keep()
        _show_result(result)

    def snapshot(self, path: str) -> None:
        """Keep the active runtime in a file."""
        name, runtime = self._current()
        held = self._held[name]
        state = runtime.save_state()
        saved = SavedRuntime(
            name=runtime.name, domain=runtime.domain, source=held.source, given=to_json(held.given), state=state
        )
        saved.write(Path(path))
        say(f"{name} is kept in {path}, at {runtime.counter}.")

    def resume(self, path: str) -> None:
        """Go on to the end, from where the active runtime is, or one in a file."""
        if path:
            self._take_up(Path(path))
        _, runtime = self._current()
        _show_result(self._stoppable(runtime.resume))

    def energy(self, _: str) -> None:
        """Show the active runtime's energy."""
        name, runtime = self._current()
        conserved = "conserved" if runtime.is_conserved() else "not conserved"
        say(
            f"{name}: {runtime.energy_used:g} of {runtime.budget:g} units used, "
            f"{runtime.energy_remaining:g} left ({conserved})"
        )

    def level(self, _: str) -> None:
        """Show the levels of this session."""
        use = self._use()
        lines = [f"level {use.level} of {MAX_LEVEL} ({use.level_name}), {use.tokens_saved} tokens saved"]
        lines += [f"  {_shown(each.program)}: {each.runs} runs, {each.tokens_saved} tokens" for each in use.programs]
        say("\n".join(lines))

    def status(self, _: str) -> None:
        """Show where the shell is."""
        status, use = self._shell.shell_status(), self._use()
        shown = {
            "active": status.active_runtime or "none",
            "programs": str(status.runtime_count),
            "level": f"{use.level} {use.level_name}",
            "tokens saved": str(use.tokens_saved),
            "energy left": f"{status.energy_remaining:g}",
            "session": self._outside.session,
        }
        say("\n".join(facts(shown)))

    def help(self, _: str) -> None:
        """List the commands."""
        say("\n".join(facts({command.form: command.words for command in COMMANDS.values()})))

    def exit(self, _: str) -> None:
        """End the shell."""
        self.ended = True

    def _source(self, what: str) -> tuple[str, str]:
        """Return the domain and the source of a file, a stored program, or else a task."""
        path = Path(what)
        if "/" in what or what.endswith(".program") or (len(what) < MAX_SHOWN and path.is_file()):
            return "file", read_text(path, MAX_SOURCE)
        try:
            found = self._service.show(what)
        except UnknownCapability:
            return "task", RuntimeCompiler().source_for(what)
        if found["manifest"]["language"] != "program":
            raise InvalidArgument(f"{what} is no program.", hint=f"A program can run it: `call {what} 1`.")
        return "capability", found["source"][SOURCE_FILE]

    def _take(self, runtime: MiniRuntime, held: Held) -> None:
        name = self._shell.adopt(runtime, held.source)
        self._held[name] = held
        self._shell.activate(name)
        self._active = name
        self._keep()
        count = len(runtime.program.instructions)
        say(f"{name} is active: {_shown(runtime.name)}, {count} instructions, at {runtime.counter}")

    def _take_up(self, path: Path) -> None:
        saved = SavedRuntime.read(path)
        try:
            given = from_json(saved.given)
        except ValueError as error:
            raise InvalidArgument(f"{path} has an input that is no value: {error}.") from error
        runtime = MiniRuntime(saved.name, saved.domain, self._shell.budget, given=given, outside=self._outside)
        runtime.compile(saved.source)
        runtime.load_state(saved.state)
        self._take(runtime, Held(saved.source, given))

    def _current(self) -> tuple[RuntimeId, MiniRuntime]:
        runtime = self._shell.active_runtime()
        if self._active is None or runtime is None:
            raise InvalidArgument("No program is active.", hint="`compile` one, or `activate` one that `list` shows.")
        return self._active, runtime

    def _use(self) -> SessionUse:
        """Return what this session used so far; a program's first run saves nothing, it was written for it."""
        programs = [
            ProgramUse(
                program=f"{name} {self._shell.runtimes[name].name}",
                composite=bool(self._shell.runtimes[name].program.calls - {INPUT, *BUILTINS}),
                runs=held.runs,
                tokens_saved=tokens_of(held.source) * max(held.runs - 1, 0),
            )
            for name, held in self._held.items()
        ]
        return SessionUse(
            session=self._outside.session, started=self._started, compiled=len(programs), programs=tuple(programs)
        )

    def _keep(self) -> None:
        self._service.keep_session(self._use())

    def _stoppable(self, work: Callable[[], T]) -> T:
        def carry_out(stop: Cancellation) -> T:
            self._outside.stop = stop
            return work()

        return interruptible(carry_out)


def say(text: str) -> None:
    """Print text without what steers terminals."""
    write(made_plain(text))


def _state(runtime: MiniRuntime) -> list[str]:
    """Return the lines that show where a runtime is."""
    lines = [f"stack   {_shown(compact(to_json(each)))}" for each in reversed(runtime.stack[-STEPS_SHOWN:])]
    lines += [f"memory  {name} = {_shown(compact(to_json(each)))}" for name, each in sorted(runtime.memory.items())]
    lines.append(f"energy  {runtime.energy_used:g} used, {runtime.energy_remaining:g} left")
    if runtime.done:
        return [*lines, "ended"]
    line = runtime.program.line(runtime.counter)
    return [*lines, f"next    {runtime.counter}  {_next(runtime)}" + (f" (line {line})" if line else "")]


def _next(runtime: MiniRuntime) -> str:
    """Return the next instruction; there is none after the last one failed."""
    rest = runtime.program.instructions[runtime.counter :][:1]
    return _shown(str(rest[0])) if rest else "nothing"


def _show_result(result: RuntimeResult) -> None:
    observed = [f"observed {_shown(each.name)} = {_shown(compact(each.value))}" for each in result.observations]
    used = f"{result.energy_consumed:g} units, {result.instructions_executed} instructions"
    say("\n".join([*observed, as_json(result.output), used]))


def _shown(text: str) -> str:
    return cut(text[: 4 * MAX_SHOWN], MAX_SHOWN)


def _json(text: str) -> Value:
    try:
        return from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"The input is not JSON: {error}.") from error


def _whole(text: str, most: int) -> int:
    if not (text.isdecimal() and text.isascii() and len(text) < 10 and 1 <= int(text) <= most):
        raise InvalidArgument(f"{text[:MAX_SHOWN]!r} is no number of steps from 1 to {most}.")
    return int(text)


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its argument as help shows it, in brackets where it may be left out, and what it does in words."""

    name: str
    argument: str
    words: str
    do: Callable[[Commands, str], Any]

    @property
    def form(self) -> str:
        """Return how it is entered."""
        return f"{self.name} {self.argument}".rstrip()


def _table(*commands: Command) -> dict[str, Command]:
    return {command.name: command for command in commands}


COMMANDS = _table(
    Command("list", "", "The programs: name, task, domain, level; a star before the active one.", Commands.list),
    Command(
        "compile",
        "FILE, ID or TASK",
        "Compile a file, a stored program, or the pattern that fits a task in words; it is active then.",
        Commands.compile,
    ),
    Command("activate", "NAME", "Make another program the active one.", Commands.activate),
    Command("deactivate", "", "Have no active program.", Commands.deactivate),
    Command("input", "JSON", "Set what `call input 0` gives the active program.", Commands.input),
    Command("step", "[N]", "Carry out one instruction, or N, and show stack (top first) and memory.", Commands.step),
    Command("run", "", "Run the active program from its beginning to its end.", Commands.run),
    Command("snapshot", "FILE", "Keep the active program and its whole state in a file.", Commands.snapshot),
    Command("resume", "[FILE]", "Go on to the end from where it is, or take up one from a file.", Commands.resume),
    Command("energy", "", "What the active program used, and what is left.", Commands.energy),
    Command("level", "", "The levels of this session, and the tokens saved at each.", Commands.level),
    Command("status", "", "Where the shell is.", Commands.status),
    Command("help", "", "This list.", Commands.help),
    Command("exit", "", "End, as the end of the input does.", Commands.exit),
)

"""The commands of `tacit shell`, each a method that prints what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tacit.catalog.shipped import AUTHOR as SHIPPED
from tacit.cli.layout import facts, table
from tacit.cli.references import reference
from tacit.cli.saved_runtime import SavedRuntime, read_text
from tacit.cli.shell_display import MAX_SHOWN, amount, next_instruction, result_text, say, shown, steps_text
from tacit.cli.shell_outside import ServiceOutside
from tacit.cli.terminal import interruptible
from tacit.clock import now_millis
from tacit.errors import InvalidArgument, InvalidJson, UnknownCapability
from tacit.plain_text import made_plain
from tacit.programs import AgentShell, MiniRuntime, RuntimeId, Value
from tacit.programs.builtins import BUILTINS
from tacit.programs.callees import ROOT
from tacit.programs.compiler import MAX_SOURCE
from tacit.programs.machine import INPUT
from tacit.programs.runtime import MAX_LEVEL
from tacit.programs.session_use import ProgramUse, SessionUse
from tacit.programs.shell import tokens_of
from tacit.programs.tasks import DEFAULT, RuntimeCompiler
from tacit.programs.values import from_json, to_json
from tacit.sandbox.cancellation import Cancellation
from tacit.service import Service
from tacit.texts import compact

T = TypeVar("T")

PERSON = "person"
"""Whose shell it is, where an agent's has its id."""
MAX_STEPS = 1_000_000

NO_PATTERN = (
    "No file and no stored program has that name, and no pattern fits it as a task: this one gives null. "
    "`tacit list` shows what is stored."
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a source comes from: its domain, whether it was written for this session, and whether it was learned.

    What is shipped is neither; `note` is what the person should know of it.
    """

    domain: str
    source: str
    written: bool = True
    learned: bool = True
    note: str = ""


@dataclass(slots=True)
class Held:
    """What is known of a runtime beside its state: where it is from, its input, and how often it ran well."""

    provenance: Provenance
    given: Value = None
    runs: int = 0


class Commands:
    """A shell with its runtimes; each has `budget` units of energy, and reaches the capabilities of a service.

    Of an output at most `most` characters are shown, where that is given.
    """

    def __init__(self, service: Service, budget: float, most: int | None = None) -> None:
        self._service = service
        self._most = most
        self._outside = ServiceOutside(service)
        self._shell = AgentShell(PERSON, budget, outside=self._outside)
        self._held: dict[RuntimeId, Held] = {}
        self._started = now_millis()
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
            [
                "*" if name == self._shell.active else "",
                str(name),
                shown(self._shell.runtimes[name].name),
                shown(domain),
                level,
            ]
            for name, domain, level in self._shell.list_runtimes()
        ]
        say(table(["", "NAME", "TASK", "DOMAIN", "LEVEL"], rows) if rows else "There are no programs yet.")

    def compile(self, what: str) -> None:
        """Compile a file, a stored program, or a task."""
        found = self._provenance(what)
        runtime = MiniRuntime(shown(what), found.domain, self._shell.budget, outside=self._outside)
        runtime.compile(found.source)
        self._take(runtime, Held(found))
        if found.note:
            say(found.note)
        if INPUT in runtime.program.calls:
            say("It asks for an input: `input JSON` sets it.")

    def activate(self, name: str) -> None:
        """Make a runtime the active one."""
        self._shell.activate(RuntimeId(name))
        say(f"{name} is active.")

    def deactivate(self, _: str) -> None:
        """Have no active runtime."""
        self._shell.deactivate()
        say("No program is active.")

    def input(self, text: str) -> None:
        """Set the active runtime's input."""
        name, runtime = self._current()
        given = _json(text)
        runtime.give(given)
        self._held[name].given = given
        say(f"{name} gets {shown(compact(to_json(given)))}")

    def step(self, count: str) -> None:
        """Carry out some instructions and show where the runtime is, also where one of them fails."""
        name, runtime = self._current()
        steps = _whole(count or "1", MAX_STEPS)
        if runtime.done:
            raise InvalidArgument("The program has ended.", hint="`run` starts it again.")
        done: list[str] = []

        def carry_out() -> None:
            for _ in range(steps):
                if runtime.done:
                    break
                done.append(f"{runtime.counter:5}  {next_instruction(runtime)}")
                runtime.step()

        try:
            self._stoppable(carry_out)
        finally:
            say(steps_text(done, runtime))
        if runtime.done:
            self._count(name)

    def run(self, _: str) -> None:
        """Run the active runtime from its beginning."""
        name, _runtime = self._current()
        result = self._stoppable(self._shell.execute)
        say(result_text(result, self._most))
        self._count(name)

    def snapshot(self, path: str) -> None:
        """Keep the active runtime in a file."""
        name, runtime = self._current()
        held = self._held[name]
        state = runtime.save_state()
        saved = SavedRuntime(
            name=runtime.name,
            domain=runtime.domain,
            source=held.provenance.source,
            given=to_json(held.given),
            state=state,
        )
        saved.write(Path(path))
        say(f"{name} is kept in {shown(path)}, at {runtime.counter}.")

    def resume(self, path: str) -> None:
        """Go on to the end, from where the active runtime is, or one in a file."""
        if path:
            self._take_up(Path(path))
        name, runtime = self._current()
        if runtime.done and not path:
            raise InvalidArgument("The program has ended.", hint="`run` starts it again.")
        ended_before = runtime.done
        result = self._stoppable(runtime.resume)
        say(result_text(result, self._most))
        if not ended_before:
            self._count(name)

    def energy(self, _: str) -> None:
        """Show the active runtime's energy."""
        name, runtime = self._current()
        conserved = "conserved" if runtime.is_conserved() else "not conserved"
        say(
            f"{name}: {amount(runtime.energy_used)} of {amount(runtime.budget)} units used, "
            f"{amount(runtime.energy_remaining)} left ({conserved})"
        )

    def level(self, _: str) -> None:
        """Show the level of this session, and what each program did for it."""
        use = self._use()
        lines = [f"level {use.level} of {MAX_LEVEL} ({use.level_name}), {use.tokens_saved} tokens saved"]
        lines += [f"  {each.program}: {each.runs} runs, {each.tokens_saved} tokens saved" for each in use.programs]
        say("\n".join(lines))

    def status(self, _: str) -> None:
        """Show where the shell is."""
        status, use = self._shell.shell_status(), self._use()
        shown = {
            "active": status.active_runtime or "none",
            "programs": str(status.runtime_count),
            "level": f"{use.level} {use.level_name}",
            "tokens saved": str(use.tokens_saved),
            "energy left": amount(status.energy_remaining),
            "session": self._outside.session,
        }
        say("\n".join(facts(shown)))

    def help(self, _: str) -> None:
        """List the commands."""
        say("\n".join(facts({command.form: command.words for command in COMMANDS.values()})))

    def exit(self, _: str) -> None:
        """End the shell."""
        self.ended = True

    def whereabouts(self) -> str:
        """Return where the active program goes on, as an addition to a sentence; empty where nothing is under way."""
        runtime = self._shell.active_runtime()
        if runtime is None or runtime.done:
            return ""
        return f" before {runtime.counter}  {shown(next_instruction(runtime))}; `resume` and `step` go on there"

    def _provenance(self, what: str) -> Provenance:
        """Return the source of a file, a stored program, or else a task."""
        path = Path(what)
        if "/" in what or what.endswith(".program") or (len(what) < MAX_SHOWN and path.is_file()):
            return Provenance("file", read_text(path, MAX_SOURCE))
        try:
            found = self._service.show(*reference(what))
        except (UnknownCapability, InvalidArgument):
            source = RuntimeCompiler().source_for(what)
            return Provenance("task", source, note=NO_PATTERN if source == DEFAULT else "")
        if found["manifest"]["language"] != "program":
            raise InvalidArgument(f"{what} is no program.", hint=f"A program can run it: `call {what} 1`.")
        learned = found["author"] != SHIPPED
        return Provenance("capability", found["source"][ROOT], written=False, learned=learned)

    def _take(self, runtime: MiniRuntime, held: Held) -> None:
        name = self._shell.adopt(runtime, held.provenance.source)
        self._held[name] = held
        self._shell.activate(name)
        self._keep()
        count = len(runtime.program.instructions)
        say(f"{name} is active: {shown(runtime.name)}, {count} instructions, at {runtime.counter}")

    def _take_up(self, path: Path) -> None:
        saved = SavedRuntime.read(path)
        try:
            given = from_json(saved.given)
        except ValueError as error:
            raise InvalidArgument(f"{path} has an input that is no value: {error}.") from error
        runtime = MiniRuntime(
            shown(saved.name), shown(saved.domain), self._shell.budget, given=given, outside=self._outside
        )
        runtime.compile(saved.source)
        runtime.load_state(saved.state)
        self._take(runtime, Held(Provenance(runtime.domain, saved.source), given))

    def _current(self) -> tuple[RuntimeId, MiniRuntime]:
        name, runtime = self._shell.active, self._shell.active_runtime()
        if name is None or runtime is None:
            raise InvalidArgument("No program is active.", hint="`compile` one, or `activate` one that `list` shows.")
        return name, runtime

    def _use(self) -> SessionUse:
        """Return what this session used so far; the first run of a program that was written for it saves nothing."""
        programs = [
            ProgramUse(
                program=made_plain(f"{name} {self._shell.runtimes[name].name}"),
                composite=bool(self._shell.runtimes[name].program.calls - {INPUT, *BUILTINS}),
                learned=held.provenance.learned,
                runs=held.runs,
                tokens_saved=tokens_of(held.provenance.source) * max(held.runs - held.provenance.written, 0),
            )
            for name, held in self._held.items()
        ]
        return SessionUse(
            session=self._outside.session, started=self._started, compiled=len(programs), programs=tuple(programs)
        )

    def _count(self, name: RuntimeId) -> None:
        """Count a run that ended well."""
        self._held[name].runs += 1
        self._keep()

    def _keep(self) -> None:
        self._service.keep_session(self._use())

    def _stoppable(self, work: Callable[[], T]) -> T:
        """Do work that Ctrl-C stops between two instructions, or in a call, which is then as if it had not begun."""

        def carry_out(stop: Cancellation) -> T:
            self._outside.stop = stop
            return work()

        return interruptible(carry_out)


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
    Command("level", "", "The level of this session, and the tokens that its programs saved.", Commands.level),
    Command("status", "", "Where the shell is.", Commands.status),
    Command("help", "", "This list.", Commands.help),
    Command("exit", "", "End, as the end of the input does.", Commands.exit),
)

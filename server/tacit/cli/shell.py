"""`tacit shell`: programs compiled, run and stepped through by a person, or by lines on stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import click

from tacit.cli.signals import Ending, ctrl_c_heard, ctrl_c_passed_over, ending_tidily
from tacit.cli.terminal import Session, report, use_case, write
from tacit.entered_lines import kept_history
from tacit.errors import InvalidArgument, TacitError

if TYPE_CHECKING:
    from tacit.cli.shell_commands import Commands

PROMPT = "tacit> "
HISTORY_FILE = "shell_history"
MAX_AT_TERMINAL = 10_000
"""Characters of an output that a terminal is shown."""


@click.command()
@click.option("--energy", default=1000.0, show_default=True, help="Units of energy that each program may use.")
@use_case(prints_data=False)
def shell(session: Session, energy: float) -> None:
    """Compile, run and step through programs by hand.

    Capabilities that they call are run. Commands come from the terminal or from stdin; `help` lists them.
    """
    from tacit.cli.shell_commands import Commands  # with the sandbox's engine, which no other command's help needs

    at_terminal = _at_terminal()
    with session.service() as service, ending_tidily() as ending, _sitting(at_terminal):
        commands = Commands(service, energy, MAX_AT_TERMINAL if at_terminal else None)
        if at_terminal:
            write("`help` lists the commands, `exit` ends.")
        failed = False
        for line in _typed(session.settings.data, ending) if at_terminal else _piped():
            said = line.strip()
            if said and not said.startswith("#"):
                failed = not _carry_out(commands, said, at_terminal) or failed
            if commands.ended:
                break
    if failed and not at_terminal:
        raise click.exceptions.Exit(1)


def _sitting(at_terminal: bool) -> AbstractContextManager[None]:
    return ctrl_c_passed_over() if at_terminal else nullcontext()


def _carry_out(commands: Commands, line: str, at_terminal: bool) -> bool:
    """Carry out one line; return whether it came to its end. Without a terminal, Ctrl-C ends the shell."""
    try:
        with ctrl_c_heard() if at_terminal else nullcontext():
            commands.carry_out(line)
    except TacitError as error:
        report(error)
        return False
    except KeyboardInterrupt:
        if not at_terminal:
            raise
        write(f"(stopped{commands.whereabouts()})")
        return False
    return True


def _at_terminal() -> bool:
    streams = cast("tuple[TextIO | None, TextIO | None]", (sys.stdin, sys.stdout))
    return all(stream is not None and stream.isatty() for stream in streams)


def _typed(data: Path, ending: Ending) -> Iterator[str]:
    """Yield what the person enters, which the data folder keeps; Ctrl-C clears the line, Ctrl-D ends."""
    from prompt_toolkit import PromptSession  # takes a tenth of a second, which lines on stdin need not spend

    entering: PromptSession[str] = PromptSession(history=kept_history(data / HISTORY_FILE))

    def leave() -> None:
        future = entering.app.future
        if ending.code is not None and future is not None and not future.done():
            entering.app.exit(exception=EOFError)

    def wake() -> None:
        if entering.app.loop is not None:  # else it begins with `leave`, or is over
            entering.app.loop.call_soon_threadsafe(leave)

    while True:
        try:
            with ending.waking(wake):
                line = entering.prompt(PROMPT, pre_run=leave)
        except KeyboardInterrupt:
            continue
        except (EOFError, OSError):  # the end, or a terminal that is gone
            ending.require_none()
            return
        ending.require_none()
        yield line


def _piped() -> Iterator[str]:
    """Yield the lines of stdin; bytes that are no UTF-8 become replacement characters."""
    stdin = cast("TextIO | None", sys.stdin)
    if stdin is None:
        raise InvalidArgument("There is no input: stdin is closed.", hint="Pipe commands in, one a line.")
    for line in stdin.buffer:
        yield line.decode("utf-8", "replace")


COMMANDS = [shell]

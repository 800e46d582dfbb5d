"""What the commands share: their options, how they print, how they fail, how they are interrupted.

Data goes to stdout, everything else to stderr. With `--json`, data and errors are JSON on stdout.
"""

from __future__ import annotations

import errno
import functools
import json
import logging
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

import click

import tacit
from tacit.cli.layout import cut
from tacit.cli.signals import cancelled_by_signals
from tacit.config import Settings
from tacit.errors import InvalidArgument, TacitError
from tacit.plain_text import escaped, made_plain
from tacit.texts import error_observations

if TYPE_CHECKING:
    from tacit.sandbox.cancellation import Cancellation
    from tacit.service import Service

T = TypeVar("T")

MAX_ERROR = 4000
"""Characters of an error that are shown; all of it is in its JSON."""


@dataclass(frozen=True, slots=True)
class Session:
    """One command: its settings, and whether it answers in JSON."""

    settings: Settings
    as_json: bool

    @contextmanager
    def service(self) -> Generator[Service]:
        """Open Tacit for the length of the command."""
        with tacit.open(self.settings) as app:
            yield app.service

    def show(self, data: Any, text: str) -> None:
        """Print `data` as JSON where that was asked for, `text` otherwise."""
        write(as_json(data) if self.as_json else text)


def use_case(prints_data: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command `--data` (and `--json` where it prints data), its session, and one way to fail."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def carry_out(data: Path | None, as_json: bool = False, **arguments: Any) -> None:
            try:
                settings = Settings.load(data=data)
                logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
                function(Session(settings, as_json), **arguments)
            except TacitError as error:
                raise click.exceptions.Exit(report(error, in_json=as_json)) from error

        command = click.option(
            "--data", type=click.Path(file_okay=False, path_type=Path), help="The data folder, instead of the default."
        )(carry_out)
        return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command) if prints_data else command

    return decorate


def report(error: TacitError, *, in_json: bool = False) -> int:
    """Print an error, in one line on stderr or as `{"error": …}` on stdout, and return its exit code.

    Further lines say the place within a program, what was observed before, and how to see the run that it ended.
    """
    if in_json:
        click.echo(as_json({"error": error.to_dict()}))
        return 1
    click.echo(f"tacit: {error.code}: {cut(made_plain(str(error)), MAX_ERROR)}", err=True)
    if "instruction" in error.details:
        place = "at {address}, line {line}: {instruction}".format_map(error.details)
        click.echo(f"  {cut(made_plain(place), MAX_ERROR)}", err=True)
    for line in error_observations(error.details):
        click.echo(f"  {cut(made_plain(line), MAX_ERROR)}", err=True)
    if isinstance(run := error.details.get("run_id"), str):
        click.echo(f"  `tacit runs {cut(made_plain(run), MAX_ERROR)}` shows the run.", err=True)
    return 1


def write(text: str) -> None:
    """Print to stdout; characters that its encoding lacks are escaped.

    Raises `click.ClickException` where it cannot be written (a full disk, a closed stdout).
    """
    try:
        if cast("TextIO | None", sys.stdout) is None:
            raise OSError(errno.EBADF, "stdout is closed")
        click.echo(text if encodable(text) else text.encode(encoding(), "backslashreplace").decode(encoding()))
    except BrokenPipeError:  # click ends the program without a word
        raise
    except OSError as error:
        raise click.ClickException(f"The output cannot be written: {error.strerror}.") from error


def as_json(data: Any) -> str:
    """Return data as indented JSON; what steers terminals is escaped, and what stdout's encoding lacks."""
    text = escaped(json.dumps(data, ensure_ascii=False, indent=2))
    return text if encodable(text) else json.dumps(data, indent=2)


def encoding() -> str:
    """Return the encoding of stdout, ASCII where there is none."""
    stdout = cast("TextIO | None", sys.stdout)
    return (stdout.encoding if stdout is not None else None) or "ascii"


def encodable(text: str) -> bool:
    """Whether stdout can take every character of the text."""
    try:
        text.encode(encoding())
    except UnicodeEncodeError:
        return False
    return True


def interruptible(work: Callable[[Cancellation], T]) -> T:
    """Do `work` on a thread, so that Ctrl-C reaches it: the guest is stopped, then `KeyboardInterrupt` is raised.

    The main thread would only see the signal once the guest returned. A second Ctrl-C is too late to change anything.
    """
    from tacit.sandbox.cancellation import Cancellation  # loads the sandbox's engine

    cancellation = Cancellation()
    outcome: list[T] = []
    failures: list[BaseException] = []

    def carry_out() -> None:
        try:
            outcome.append(work(cancellation))
        except BaseException as error:  # raised again on the main thread
            failures.append(error)

    worker = threading.Thread(target=carry_out, name="tacit-command")
    with cancelled_by_signals(cancellation):
        worker.start()
        worker.join()
    if failures:
        raise failures[0]
    return outcome[0]


def read_stdin() -> bytes:
    """Return all of stdin; raises `InvalidArgument` where there is none."""
    stdin = cast("TextIO | None", sys.stdin)
    if stdin is None:
        raise InvalidArgument("There is no input: stdin is closed.", hint="Pipe JSON in, or give it instead of the -.")
    return stdin.buffer.read()

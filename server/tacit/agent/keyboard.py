"""Where tasks come from: a prompt with line editing and history at a terminal, plain lines where stdin is none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from tacit.agent.asking import abandonable
from tacit.entered_lines import kept_history
from tacit.errors import InvalidArgument

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent

PROMPT = "> "
HISTORY_FILE = "agent_history"


class Keyboard(Protocol):
    """What a session reads tasks from."""

    async def read_task(self) -> str | None:
        """Return the next line, None at the end."""
        ...

    async def confirm(self, question: str) -> bool | None:
        """Return whether the person says yes, which they have to say; None where nobody can be asked."""
        ...


class Terminal:
    """A person at a terminal. Ctrl-C clears the line; Ctrl-D on an empty one is the end."""

    def __init__(self, data: Path) -> None:
        from prompt_toolkit import PromptSession  # takes a tenth of a second, which a single task need not spend

        self._session: PromptSession[str] = PromptSession(
            history=kept_history(data / HISTORY_FILE), key_bindings=_bindings()
        )

    async def read_task(self) -> str | None:
        """Return the line that the person entered."""
        try:
            return await self._session.prompt_async(PROMPT)
        except EOFError:
            return None

    async def confirm(self, question: str) -> bool | None:
        """Ask yes or no; whatever is not a yes is a no."""
        return await confirm_at_terminal(question)


class Lines:
    """The lines of a stdin that is no terminal; raises `InvalidArgument` where there is no stdin."""

    def __init__(self) -> None:
        stdin = cast("TextIO | None", sys.stdin)
        if stdin is None:
            raise InvalidArgument("There are no tasks: stdin is closed.", hint="Give a task, or pipe lines in.")
        self._stdin = stdin.buffer

    async def read_task(self) -> str | None:
        """Return the next line; what is not UTF-8 in it is replaced."""
        line = await abandonable(self._stdin.readline)
        return line.decode(errors="replace").rstrip("\n") if line else None

    async def confirm(self, question: str) -> bool | None:
        """Answer that nobody can be asked."""
        return await nobody(question)


async def nobody(question: str) -> bool | None:
    """Answer for a person who is not there."""
    del question
    return None


def at_terminal() -> bool:
    """Say whether a person can be shown things and asked."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


async def confirm_at_terminal(question: str) -> bool | None:
    """Ask yes or no at the terminal, None without one; whatever is not a yes is a no."""
    if not at_terminal():
        return None
    from prompt_toolkit import PromptSession

    asked: PromptSession[str] = PromptSession()
    try:
        said = await asked.prompt_async(f"{question} [y/N] ", handle_sigint=False)
    except EOFError:
        return False
    return said.strip().lower() in ("y", "yes")


def _bindings() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("c-c")
    @bindings.add("<sigint>")
    def clear(event: KeyPressEvent) -> None:  # pyright: ignore[reportUnusedFunction]  # registered by the decorator
        event.current_buffer.reset()

    return bindings

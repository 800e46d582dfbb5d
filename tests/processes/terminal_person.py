"""A person at a real terminal: types, reads what is on the screen, presses Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

CTRL_C, CTRL_D, UP, ENTER = "\x03", "\x04", "\x1b[A", "\r"
PATIENCE = 60.0
_ERASED = "\x1b[K"
_CONTROLS = re.compile(r"\x1b\][^\x07]*\x07|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>()][0-9A-B]?|\x1b.|[\r\x07\x08]")
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Person:
    """A process on a pseudo-terminal of its own, which is its controlling terminal, as in a window."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        folder: Path,
        *,
        terminal: str = "xterm",
        columns: int = 0,
    ) -> None:
        self._screen, theirs = pty.openpty()
        if columns:
            termios.tcsetwinsize(theirs, (24, columns))
        self._seen = ""
        self._closed = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=folder,
            env={**environment, "TERM": terminal, "PROMPT_TOOLKIT_NO_CPR": "1"},
        )
        os.close(theirs)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def types(self, keys: str | bytes) -> None:
        """Press keys."""
        os.write(self._screen, keys.encode() if isinstance(keys, str) else keys)

    def enters(self, line: str) -> None:
        """Type a line and press Enter."""
        self.types(line + ENTER)

    def sees(self, text: str) -> str:
        """Wait until a text is on the screen; return all that came up to it since what was seen before."""
        end = time.monotonic() + PATIENCE
        while text not in _CONTROLS.sub("", self._seen):
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{text!r} did not come; on the screen: {_CONTROLS.sub('', self._seen)!r}")
        shown, _, self._seen = _CONTROLS.sub("", self._seen).partition(text)
        return shown + text

    def sees_the_line_cleared(self) -> None:
        """Wait until what stood to the right on the line is erased; keys are drawn in several goes."""
        while _ERASED not in self._seen:
            assert self._read(PATIENCE)

    def leaves(self) -> int:
        """Return the exit code, once the process has ended."""
        while self._read(PATIENCE):
            pass
        return self._process.wait(PATIENCE)

    def interrupts_by_signal(self) -> None:
        """Send SIGINT as another program would."""
        self.sends(signal.SIGINT)

    def sends(self, number: signal.Signals) -> None:
        """Send a signal as another program would."""
        self._process.send_signal(number)

    def closes_the_window(self) -> int:
        """Take the terminal away; return the exit code of the process."""
        os.close(self._screen)
        self._closed = True
        return self._process.wait(PATIENCE)

    def sees_what_is_typed(self) -> bool:
        """Whether the terminal shows keys as they are pressed, as it does outside of a prompt."""
        return bool(termios.tcgetattr(self._screen)[3] & termios.ECHO)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        if not self._closed:
            os.close(self._screen)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._screen], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # the other side is closed
            return False
        self._seen += data.decode(errors="replace")
        return bool(data)

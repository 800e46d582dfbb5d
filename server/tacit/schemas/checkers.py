"""Asks checkers, a few processes that are started when there is something to ask, and killed when they take too long.

They are told by a socket each, and its end is theirs, so that none outlives the process that it belongs to. One that is
forked from that has none of them, and starts its own.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from tacit.schemas.checker import HEAD
from tacit.schemas.checking import Malformed, Verdict, Violations

MOST = 4
"""How many there are at once."""
LISTING_SECONDS = 1.0
"""How long more violations than one are waited for, where the time allows."""
_COMMAND = (sys.executable, "-P", "-s", "-m", "tacit.schemas.checker")
_CHUNK = 1 << 16


class Unchecked(Exception):
    """Whether a value fits a schema, or a schema is one, was not found out in time; says why."""


class _Ended(Exception):
    """The checker ended before it answered."""


class Checkers:
    """Asks one of several checkers; thread-safe."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(MOST)
        self._idle: list[_Checker] = []
        self._all: set[_Checker] = set()

    def ask(self, schema: str, value: bytes | None, seconds: float) -> Violations:
        """Return the violations of a value, or none where there is no value and the schema, as JSON, is one.

        Waits up to so many seconds. Raises `Unchecked`, and `Malformed` for what is no schema.
        """
        deadline = time.monotonic() + seconds
        if seconds <= 0 or not self._free.acquire(timeout=seconds):
            raise Unchecked(f"it could not be checked within {seconds:.1f} s")
        try:
            return self._ask(schema, value, deadline)
        except TimeoutError:
            raise Unchecked(f"it could not be checked within {seconds:.1f} s") from None
        except _Ended:
            raise Unchecked("checking it takes more memory than is allowed") from None
        except OSError as error:
            raise Unchecked(f"no process could be started to check it: {error.strerror}") from error
        finally:
            self._free.release()

    def close(self) -> None:
        """End those that are idle."""
        while checker := self._next_idle():
            self._end(checker)

    def disown(self) -> None:
        """Let go of all of them in a process that was forked from theirs, so that their sockets end with that."""
        for checker in self._all:
            checker.disown()

    def _ask(self, schema: str, value: bytes | None, deadline: float) -> Violations:
        while checker := self._next_idle():  # it may have ended meanwhile
            try:
                return self._answer(checker, schema, value, deadline)
            except _Ended:
                continue
        checker = _Checker()
        self._all.add(checker)
        return self._answer(checker, schema, value, deadline)

    def _answer(self, checker: _Checker, schema: str, value: bytes | None, deadline: float) -> Violations:
        first: Violations | None = None
        try:
            checker.send(schema, value, deadline)
            while True:
                verdict = checker.verdict(deadline)
                if verdict.final:
                    break
                first, deadline = verdict.violations, min(deadline, time.monotonic() + LISTING_SECONDS)
        except Malformed:
            self._idle.append(checker)
            raise
        except (TimeoutError, _Ended):
            self._end(checker)
            if first is None:
                raise
            return first
        except BaseException:
            self._end(checker)
            raise
        self._idle.append(checker)
        return verdict.violations

    def _next_idle(self) -> _Checker | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _end(self, checker: _Checker) -> None:
        self._all.discard(checker)
        checker.kill()


class _Checker:
    """One checker process; used by one thread at a time."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    _COMMAND,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.DEVNULL,
                    env={"PYTHONPATH": os.pathsep.join(os.path.realpath(entry) for entry in sys.path if entry)},
                    start_new_session=True,  # an interrupt on the terminal is not meant for it
                )
            except BaseException:
                self._socket.close()
                raise
        self._unread = b""

    def send(self, schema: str, value: bytes | None, deadline: float) -> None:
        """Ask about a schema, and a value; raises `TimeoutError` at the deadline."""
        text, given = schema.encode(), value or b""
        head = HEAD.pack(self._seconds_until(deadline), len(text), len(given), value is not None)
        try:
            self._socket.sendall(head + text)
            self._seconds_until(deadline)
            self._socket.sendall(given)
        except ConnectionError as error:
            raise _Ended from error

    def verdict(self, deadline: float) -> Verdict:
        """Return the next verdict; raises `TimeoutError` at the deadline, and `Malformed`."""
        while b"\n" not in self._unread:
            self._seconds_until(deadline)
            try:
                data = self._socket.recv(_CHUNK)
            except ConnectionError as error:
                raise _Ended from error
            if not data:
                raise _Ended
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "problem" in answer:
            raise Malformed(answer["problem"], answer["path"])
        return Verdict(**answer)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def disown(self) -> None:
        """Close this process's copy of the socket."""
        self._socket.close()

    def _seconds_until(self, deadline: float) -> float:
        """Return the seconds that are left, after which each use of the socket from now on gives up."""
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        self._socket.settimeout(seconds)
        return seconds


class _OfThisProcess:
    """The checkers of this process; those of the process that it was forked from are kept, but not used."""

    def __init__(self) -> None:
        self.checkers = Checkers()
        self._inherited: list[Checkers] = []
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self.checkers.disown()
        self._inherited.append(self.checkers)
        self.checkers = Checkers()


_own = _OfThisProcess()


def ask(schema: str, value: bytes | None, seconds: float) -> Violations:
    """Ask a checker of this process, as `Checkers.ask` does."""
    return _own.checkers.ask(schema, value, seconds)


def end_idle() -> None:
    """End the checkers of this process that have nothing to do; they would end by themselves a minute later."""
    _own.checkers.close()


atexit.register(end_idle)

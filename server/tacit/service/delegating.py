"""Tasks that programs hand to an agent: `tacit agent` as a process of its own, with the environment of this one.

It gets the task and nothing of the program, and has the data, files and grants of this process, also where Python set
them. It may not hand tasks on, so there is one agent below a run at most. It is killed when the run is cancelled, its
time is up or Tacit closes, and ends by itself where this process was killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tacit.config import Settings, inherited_environment
from tacit.errors import RunCancelled, RunTimedOut
from tacit.sandbox import Cancellation
from tacit.sandbox.world import FailureCode, HostFailure

_ANSWER = TypeAdapter(dict[str, Any])
_MAX_SHOWN = 500


class Delegator:
    """Starts agents; thread-safe. Close it before the sandbox, which waits for the runs that wait for agents."""

    def __init__(self, settings: Settings) -> None:
        options = ["--json", "--until-stdin-ends", "--data", str(settings.data)]
        self._command = [sys.executable, "-m", "tacit.cli", "agent", *options, "--"]
        self._settings = {
            "TACIT_DELEGATE": "false",
            "TACIT_GRANTS": settings.grants.model_dump_json(),
            "TACIT_FILES": str(settings.files_folder),
            "TACIT_SHIPPED": str(settings.shipped),
        }
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def __call__(self, agent: str, task: str, cancellation: Cancellation, seconds: float) -> bytes:
        """Return what the agent answered to a task, as a JSON text.

        Raises `HostFailure` where it gave no answer, `RunCancelled` or `RunTimedOut` where it was killed.
        """
        with self._agent(agent, task) as process:
            cancellation.on_cancel(process.kill)
            try:
                said, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as error:
                raise RunTimedOut(
                    f"The time of the run was up before {agent} had answered.",
                    hint="Hand it a smaller task. The operator of this server can raise TACIT_LIMITS__WALL_SECONDS.",
                ) from error
        if cancellation.cancelled or self._closed:
            raise _cancelled()
        return _answer(agent, said)

    def close(self) -> None:
        """Kill the agents that are under way, whose runs are cancelled by that, and start no more."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    @contextmanager
    def _agent(self, agent: str, task: str) -> Generator[subprocess.Popen[bytes]]:
        """Start an agent, and kill it at the end; its stdin ends where this process is killed before that."""
        stdin, lifeline = os.pipe()
        try:
            with self._start(agent, task, stdin) as process:
                try:
                    yield process
                finally:
                    process.kill()
                    with self._lock:
                        self._running.discard(process)
        finally:
            os.close(stdin)
            os.close(lifeline)

    def _start(self, agent: str, task: str, stdin: int) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise _cancelled()
            try:
                process = subprocess.Popen(
                    [*self._command, task],
                    env={**inherited_environment(), **self._settings},
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except (OSError, ValueError) as error:  # a task that is too long, or that no command line can hold
                raise HostFailure(FailureCode.INVALID, f"The task cannot be handed to {agent}: {error}.") from error
            self._running.add(process)
            return process


def _cancelled() -> RunCancelled:
    return RunCancelled("The run was cancelled.")


def _answer(agent: str, said: bytes) -> bytes:
    """Return the answer in what `tacit agent --json` printed; its children end with its stdin and stdout."""
    try:
        printed = _ANSWER.validate_json(said)
    except ValidationError as error:
        raise HostFailure(FailureCode.FAILED, f"{agent} ended without an answer.") from error
    answer = printed.get("answer")
    if answer is None:
        problem: Any = printed.get("error") or "no answer"
        raise HostFailure(FailureCode.FAILED, f"{agent} failed: {json.dumps(problem)[:_MAX_SHOWN]}")
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")

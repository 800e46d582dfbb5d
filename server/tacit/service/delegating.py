"""Tasks that programs hand to an agent: `tacit agent` as a process of its own, with the settings of this one.

It gets the task and nothing of the program. It may not hand tasks on, so there is one agent below a run at most, and
it is killed when the run is cancelled or its time is up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tacit.config import Settings, inherited_environment
from tacit.errors import RunCancelled, RunTimedOut
from tacit.sandbox import Cancellation
from tacit.sandbox.world import FailureCode, HostFailure

_ANSWER = TypeAdapter(dict[str, Any])
_MAX_SHOWN = 500


class Delegator:
    """Starts agents; thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._command = [sys.executable, "-m", "tacit.cli", "agent", "--json", "--data", str(settings.data), "--"]

    def __call__(self, agent: str, task: str, cancellation: Cancellation, seconds: float) -> bytes:
        """Return what the agent answered to a task, as a JSON text.

        Raises `HostFailure` where it gave no answer, `RunCancelled` or `RunTimedOut` where it was killed.
        """
        try:
            process = subprocess.Popen(
                [*self._command, task],
                env={**inherited_environment(), "TACIT_DELEGATE": "false"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, ValueError) as error:  # a task that is too long, or that no command line can hold
            raise HostFailure(FailureCode.INVALID, f"The task cannot be handed to {agent}: {error}.") from error
        with process:
            cancellation.on_cancel(process.kill)
            try:
                said, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as error:
                raise RunTimedOut(
                    f"The time of the run was up before {agent} had answered.",
                    hint="Raise TACIT_LIMITS__WALL_SECONDS, or give it less to do.",
                ) from error
            finally:
                process.kill()
        if cancellation.cancelled:
            raise RunCancelled("The run was cancelled.")
        return _answer(agent, said)


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

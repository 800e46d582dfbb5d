"""A service with a handful of made-up capabilities, so that what is tested is the entry points alone.

Run as a program it serves them: `sample_service.py FOLDER stdio|http [TOKEN…]`; `FOLDER` gets an empty file for
each event that a test waits for (`opened`, `started`, `stopped`, `closed`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tacit.config import Settings
from tacit.errors import InvalidInput, RunCancelled, UnknownCapability
from tacit.models import Hit, MutateAnswer, MutateRequest, RunAnswer, SearchAnswer, TestResult
from tacit.sandbox.cancellation import Cancellation
from tacit.tools.server import build_server
from tacit.web.serving import serve

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


class SampleService:
    """Answers as the real service does; `events` is the folder of event files."""

    def __init__(self, events: Path) -> None:
        self._events = events
        self._stuck_runs: list[Cancellation] = []

    def close(self) -> None:
        """Cancel what runs."""
        for cancellation in self._stuck_runs:
            cancellation.cancel()

    def search(self, query: str, k: int = 3) -> SearchAnswer:
        if query == "nothing":
            return SearchAnswer(hits=(), advice="Nothing stored fits this task.")
        hit = Hit(id="echo", version=2, summary="Answers its input.", score=0.9, input_schema=SCHEMA)
        return SearchAnswer(hits=(hit,) * k)

    def run_at_once(self, *_: Any, **__: Any) -> None:
        """Leave every run to a thread, as the real service does with what is not small and pure."""

    def is_short(self, capability: str, *_: Any) -> bool:
        """Know one capability to be short."""
        return capability == "echo"

    def run(self, capability: str, data: Any, **options: Any) -> RunAnswer:
        behave: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
            "echo": lambda given, _: given,
            "options": lambda _, given: {name: given[name] for name in ("version", "energy", "fresh")},
            "objects_only": self._objects_only,
            "broken": self._broken,
            "stuck": self._stuck,
            "noisy": self._noisy,
        }
        if capability not in behave:
            raise UnknownCapability(
                f"There is no capability {capability}.", hint="Search first.", details={"closest": ["echo", "stuck"]}
            )
        output = behave[capability](data, options)
        return RunAnswer(run_id="r1", capability=capability, version=2, output=output, energy=7, seconds=0.001)

    def make(self, request: MutateRequest, *, on_progress: Callable[[str, float], None], **_: Any) -> MutateAnswer:
        on_progress("compile", 0.25)
        on_progress("tests", 0.75)
        if request.job is not None:
            return MutateAnswer(status="registered", id="slow_one", version=1, job=request.job)
        if request.source is None:
            return MutateAnswer(status="needs_source", message=f"given: {sorted(request.model_fields_set)}")
        if request.source == "slow":
            return MutateAnswer(status="building", job="slow one")
        if request.source == "broken":
            return MutateAnswer(status="refused", stage="compile", message="No.", diagnostics="error[E0425]")
        tests = tuple(TestResult(name=test.name, passed=True) for test in request.tests)
        return MutateAnswer(status="registered", id=request.id, version=1, tests=tests)

    def try_out(self, answer: MutateAnswer, request: MutateRequest, run: Callable[..., RunAnswer]) -> MutateAnswer:
        if "input" not in request.model_fields_set:
            return answer
        return answer.model_copy(update={"run": run("echo", 2, request.input)})

    def happened(self, event: str) -> None:
        (self._events / event).touch()

    def _objects_only(self, given: Any, _: dict[str, Any]) -> Any:
        if not isinstance(given, dict):
            raise InvalidInput("The input does not fit: $: not an object.", details={"violations": []})
        return given

    def _broken(self, *_: Any) -> Any:
        raise RuntimeError("/etc/secret is on this host")

    def _stuck(self, _: Any, options: dict[str, Any]) -> Any:
        self._stuck_runs.append(options["cancellation"])
        self.happened("started")
        options["cancellation"].wait(600)
        self.happened("stopped")
        raise RunCancelled("The run was cancelled.")

    def _noisy(self, *_: Any) -> Any:
        sys.stdout.write("not the protocol\n")
        sys.stdout.flush()
        os.write(1, b"not the protocol either\n")
        return "quiet"


class SampleApp:
    """Stands where `tacit.app.App` does."""

    def __init__(self, events: Path) -> None:
        self.service = SampleService(events)
        self.service.happened("opened")

    def close(self) -> None:
        self.service.close()
        self.service.happened("closed")


def await_event(folder: Path, event: str, seconds: float = 60) -> None:
    """Return once the event file is there; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (folder / event).exists():
        assert time.monotonic() < deadline, f"{event} did not happen"
        time.sleep(0.01)


def main() -> None:
    folder, transport, *tokens = sys.argv[1:]
    server = build_server(lambda: SampleApp(Path(folder)))
    if transport == "stdio":
        server.run()
    else:
        serve(server, Settings.load(port=0, tokens=tuple(tokens) or None))


if __name__ == "__main__":
    main()

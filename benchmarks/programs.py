"""Programs: what their machine costs beside the capabilities that they call, compiling, and saving their state."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import tacit
from benchmarks.sandbox import register_echo
from benchmarks.table import Row, interleaved
from tacit.app import App
from tacit.config import Limits, Settings
from tacit.models import Effect, Expectation, Manifest, Permissions, TestCase
from tacit.programs import MiniRuntime, compile_source
from tacit.sandbox import FixtureWorld, Sandbox
from tacit.sandbox.world import Called

CALLS = 5
ECHO = {"text": "hello"}
FIVE_CALLS = "call input 0\n" + "call echo_text 1\nstore found\nload found\n" * CALLS
NO_CALLS = FIVE_CALLS.replace("call echo_text 1\n", "")
HUNDRED_LINES = 'call input 0\npush "name"\ncall get 2\nstore name\nload name\n' * 20
LONG = "push 1\nstore a\nload a\npop\n" * 2_500


class AtOnce(FixtureWorld):
    """Answers calls by doing nothing, so that what is left is the machine's own."""

    answer = Called(json.dumps(ECHO).encode())

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:  # noqa: ARG002  # one answer
        """Return the answer."""
        return self.answer


def register_program(app: App, capability: str, source: str, called: tuple[str, ...]) -> None:
    """Put a program into the catalog, past the builder."""
    manifest = Manifest(
        id=capability,
        summary="Hands its input on five times.",
        language="program",
        input_schema={"type": "object"},
        output_schema={"type": "object"},
        permissions=Permissions(call=called),
    )
    test = TestCase(name="one", input=ECHO, calls={"echo_text": ECHO}, expect=Expectation(output=ECHO))
    app.catalog.register(
        manifest,
        {"main.program": source},
        source.encode(),
        (test,),
        effects={Effect.CALLS} if called else set(),
        author="bench",
        toolchain="none",
    )


def _loaded(sandbox: Sandbox, source: str) -> Any:
    module = source.encode()
    return sandbox.load(hashlib.sha256(module).hexdigest(), lambda: module, "program")


def _runs() -> dict[str, float]:
    """Return the medians of the five-call composite: its machine alone, and through the service with and without."""
    test = TestCase(name="one", input=ECHO, calls={"echo_text": ECHO}, expect=Expectation(output=ECHO))
    world = AtOnce(test, Permissions(call=("echo_text",)))
    text = json.dumps(ECHO).encode()
    with tempfile.TemporaryDirectory() as folder, Sandbox(Limits()) as sandbox:
        composite, alone = (_loaded(sandbox, source) for source in (FIVE_CALLS, NO_CALLS))
        with tacit.open(Settings.load(data=Path(folder), embedder="none")) as app:
            register_echo(app)
            register_program(app, "five_calls", FIVE_CALLS, ("echo_text",))
            register_program(app, "no_calls", NO_CALLS, ())
            return interleaved(
                {
                    "machine": lambda: sandbox.run(composite, text, world),
                    "machine without": lambda: sandbox.run(alone, text, world),
                    "composite": lambda: app.service.run("five_calls", ECHO, fresh=True),
                    "without": lambda: app.service.run("no_calls", ECHO, fresh=True),
                    "one call": lambda: app.service.run("echo_text", ECHO, fresh=True),
                },
                rounds=60,
                batch=10,
            )


def measure() -> list[Row]:
    """Return the rows of programs."""
    took = _runs()
    calls = took["composite"] - took["without"] - (took["machine"] - took["machine without"])
    runtime = MiniRuntime("bench", budget=1e6)
    runtime.compile(LONG)
    runtime.execute()
    alone = interleaved(
        {
            "compile": lambda: compile_source(HUNDRED_LINES),
            "snapshot": lambda: runtime.save_state().model_dump_json(),
            "execute": runtime.execute,
        },
        rounds=20,
    )
    return [
        Row(
            "one call, by itself through the service",
            1e6 * took["one call"],
            "µs",
            note="the echo, a guest of 20 instructions",
        ),
        Row("a program of five calls", 1e6 * took["composite"], "µs"),
        Row(
            "its calls",
            1e6 * calls,
            "µs",
            note="without what the machine does for them",
        ),
        Row("its machine, in the sandbox, calls answered at once", 1e6 * took["machine"], "µs"),
        Row("machine / calls", took["machine"] / calls, "×", "<= 0.1"),
        Row("a program of five calls / five calls one by one", took["composite"] / (CALLS * took["one call"]), "×"),
        Row("10,000 instructions", 1e3 * alone["execute"], "ms"),
        Row("compiling 100 lines", 1e3 * alone["compile"], "ms", "<= 1"),
        Row("snapshot of a program of 10,000 instructions, as JSON", 1e3 * alone["snapshot"], "ms", "<= 5"),
    ]

"""The sandbox and the whole `service.run` beside bare Wasmtime, on a shipped capability and on an echo; and Extism."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import extism
import wasmtime

import tacit
from benchmarks.guests import EXTISM_ECHO, WASI_ECHO, wasm
from benchmarks.table import Row, interleaved
from tacit.app import App
from tacit.config import Limits, Settings
from tacit.models import Expectation, Manifest, Permissions, TestCase
from tacit.sandbox import FixtureWorld, Sandbox, effects_of

CAPABILITIES = Path(__file__).parents[1] / "capabilities"
MODULE = "reverse_string, compiled from Rust"
Medians = dict[str, float]
INPUT = b'{"text":"hello"}'
NO_WORLD = FixtureWorld(TestCase(name="none", expect=Expectation(output=None)), Permissions())


class Bare:
    """wasmtime-py's public API: a fresh store and instance each time; WASI with neither stdin nor stdout.

    stdin from a file would more than double it. Without, a guest that wants input ends early, which flatters it.
    """

    def __init__(self, module: bytes) -> None:
        self._engine = wasmtime.Engine()
        self._module = wasmtime.Module(self._engine, module)
        self._linker = wasmtime.Linker(self._engine)
        self._linker.define_wasi()

    def run(self) -> None:
        """Instantiate and call `_start`."""
        store = wasmtime.Store(self._engine)
        store.set_wasi(wasmtime.WasiConfig())
        start = self._linker.instantiate(store, self._module).exports(store)["_start"]
        assert isinstance(start, wasmtime.Func)
        with suppress(wasmtime.ExitTrap):
            start(store)


def register_echo(app: App) -> None:
    """Put the echo into the catalog, past the builder, since no Rust source gives this module."""
    module = wasm(WASI_ECHO)
    manifest = Manifest(
        id="echo_text",
        summary="Gives its input back unchanged.",
        input_schema={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        output_schema={"type": "object"},
    )
    test = TestCase(name="echo", input={"text": "a"}, expect=Expectation(output={"text": "a"}))
    app.catalog.register(
        manifest, {"main.wat": WASI_ECHO}, module, (test,), effects=effects_of(module), author="bench", toolchain="wat"
    )


def _compare(app: App, name: str, module: bytes, others: dict[str, Callable[[], object]]) -> Medians:
    """Return the medians of one capability: bare, in the sandbox, through the service, and of `others`."""
    sandbox = Sandbox(Limits())
    program = sandbox.load(hashlib.sha256(module).hexdigest(), lambda: module)
    subjects: dict[str, Callable[[], object]] = {
        "bare": Bare(module).run,
        "sandbox": lambda: sandbox.run(program, INPUT, NO_WORLD),
        "service": lambda: app.service.run(name, {"text": "hello"}, fresh=True),
        **others,
    }
    took = interleaved(subjects, rounds=60, batch=20)
    sandbox.close()
    return took


def measure() -> list[Row]:
    """Return the rows of the sandbox."""
    rust = (CAPABILITIES / "reverse_string" / "reverse_string.wasm").read_bytes()
    echo = wasm(WASI_ECHO)
    reused = extism.Plugin(wasm(EXTISM_ECHO))
    with tempfile.TemporaryDirectory() as folder:
        with tacit.open(Settings.load(data=Path(folder), embedder="none")) as app:
            register_echo(app)
            real = _compare(app, "reverse_string", rust, {})
            small = _compare(app, "echo_text", echo, {"extism": lambda: reused.call("echo", INPUT)})
        slow = interleaved(
            {
                "compile": lambda: Bare(rust).run(),
                "extism": lambda: extism.Plugin(wasm(EXTISM_ECHO)).call("echo", INPUT),
            },
            rounds=10,
        )
    return [
        Row("floor: bare wasmtime-py without stdin and stdout, fresh instance", 1e6 * real["bare"], "µs", note=MODULE),
        Row("sandbox run, fresh instance", 1e6 * real["sandbox"], "µs"),
        Row("sandbox / bare", real["sandbox"] / real["bare"], "×", "<= 0.6"),
        Row("service.run with validation and record", 1e6 * real["service"], "µs"),
        Row("service.run / bare", real["service"] / real["bare"], "×", "<= 1.5"),
        Row("compile on every call", 1e6 * slow["compile"], "µs"),
        Row("compile on every call / sandbox", slow["compile"] / real["sandbox"], "×", ">= 300"),
        Row("echo: bare", 1e6 * small["bare"], "µs", note="a guest of 20 instructions"),
        Row("echo: sandbox", 1e6 * small["sandbox"], "µs"),
        Row("echo: sandbox / bare", small["sandbox"] / small["bare"], "×", "<= 0.6"),
        Row("echo: service.run", 1e6 * small["service"], "µs"),
        Row("peer: Extism, reused plugin (isolates nothing), echo", 1e6 * small["extism"], "µs"),
        Row("echo: sandbox / Extism reused", small["sandbox"] / small["extism"], "×", "<= 3"),
        Row("peer: Extism, fresh plugin, echo", 1e6 * slow["extism"], "µs"),
    ]

"""The sandbox beside bare Wasmtime and Extism, on the same echo, and the whole `service.run`."""

from __future__ import annotations

import hashlib
import tempfile
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

INPUT = b'{"text":"hello"}'
NO_WORLD = FixtureWorld(TestCase(name="none", expect=Expectation(output=None)), Permissions())


class Bare:
    """wasmtime-py's public API: a fresh store and instance each time, WASI without stdout."""

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
        start(store)


def compile_and_run(module: bytes) -> None:
    """Do what a server without a cache of compiled code does on each call."""
    Bare(module).run()


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


def measure(rounds: int = 60, batch: int = 20) -> list[Row]:
    """Return the rows of the sandbox."""
    module = wasm(WASI_ECHO)
    with tempfile.TemporaryDirectory() as folder, tacit.open(Settings.load(data=Path(folder), embedder="none")) as app:
        register_echo(app)
        sandbox = Sandbox(Limits())
        program = sandbox.load(hashlib.sha256(module).hexdigest(), lambda: module)
        reused = extism.Plugin(wasm(EXTISM_ECHO))
        data = {"text": "hello"}
        took = interleaved(
            {
                "bare": Bare(module).run,
                "sandbox": lambda: sandbox.run(program, INPUT, NO_WORLD),
                "service": lambda: app.service.run("echo_text", data, fresh=True),
                "extism": lambda: reused.call("echo", INPUT),
            },
            rounds,
            batch,
        )
        slow = interleaved(
            {
                "compile": lambda: compile_and_run(module),
                "extism_fresh": lambda: extism.Plugin(wasm(EXTISM_ECHO)).call("echo", INPUT),
            },
            rounds,
        )
        sandbox.close()
    return _rows(took, slow) + _shipped(rounds, batch)


def _shipped(rounds: int, batch: int) -> list[Row]:
    """Measure a shipped capability, compiled from Rust, in the same way."""
    path = Path(__file__).parents[1] / "capabilities" / "reverse_string" / "reverse_string.wasm"
    module = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder, tacit.open(Settings.load(data=Path(folder), embedder="none")) as app:
        sandbox = Sandbox(Limits())
        program = sandbox.load(hashlib.sha256(module).hexdigest(), lambda: module)
        took = interleaved(
            {
                "sandbox": lambda: sandbox.run(program, INPUT, NO_WORLD),
                "service": lambda: app.service.run("reverse_string", {"text": "hello"}, fresh=True),
            },
            rounds,
            batch,
        )
        compiling = interleaved({"compile": lambda: compile_and_run_quietly(module)}, max(rounds // 10, 3))
        sandbox.close()
    return [
        Row("reverse_string (Rust): sandbox", 1e6 * took["sandbox"], "µs"),
        Row("reverse_string (Rust): service.run", 1e6 * took["service"], "µs"),
        Row("reverse_string (Rust): compile on every call", 1e6 * compiling["compile"], "µs"),
        Row("compile on every call / sandbox", compiling["compile"] / took["sandbox"], "×", ">= 300", "Rust module"),
    ]


def compile_and_run_quietly(module: bytes) -> None:
    """Compile and run; without stdin the guest exits with an error, which costs the same."""
    try:
        compile_and_run(module)
    except wasmtime.ExitTrap:
        return


def _rows(took: dict[str, float], slow: dict[str, float]) -> list[Row]:
    bare = took["bare"]
    return [
        Row("floor: bare wasmtime-py without stdout, fresh instance", 1e6 * bare, "µs"),
        Row("sandbox run, fresh instance", 1e6 * took["sandbox"], "µs"),
        Row("sandbox / bare", took["sandbox"] / bare, "×", "<= 0.6"),
        Row("service.run with validation and record", 1e6 * took["service"], "µs"),
        Row("service.run / bare", took["service"] / bare, "×", "<= 1.5"),
        Row("peer: Extism, reused plugin (isolates nothing)", 1e6 * took["extism"], "µs"),
        Row("sandbox / Extism reused", took["sandbox"] / took["extism"], "×", "<= 3"),
        Row("peer: Extism, fresh plugin", 1e6 * slow["extism_fresh"], "µs"),
        Row("echo: compile on every call", 1e6 * slow["compile"], "µs"),
    ]

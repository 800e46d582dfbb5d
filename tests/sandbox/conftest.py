"""A sandbox with small limits, and a function that runs a guest in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from guests import ECHO, LIMITS, SmallWorld, digest_of, guest
from tacit.sandbox import Cancellation, Execution, Sandbox, World


class Run(Protocol):
    def __call__(
        self,
        wasm: bytes,
        stdin: bytes = b"",
        world: World | None = None,
        *,
        energy: int | None = None,
        now_millis: int = 0,
        seed: bytes = b"",
        cancellation: Cancellation | None = None,
        wall_seconds: float | None = None,
    ) -> Execution: ...


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(LIMITS, workers=4) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox that all tests share; whatever a test's guest did, it still has to run the next one."""
    yield shared_sandbox
    wasm = guest(ECHO)
    program = shared_sandbox.load(digest_of(wasm), lambda: wasm)
    assert shared_sandbox.run(program, b'"still here"', SmallWorld()).value == "still here"


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """Load a module, run it, and return what it came to."""

    def run(wasm: bytes, stdin: bytes = b"", world: World | None = None, **options: object) -> Execution:
        program = sandbox.load(digest_of(wasm), lambda: wasm)
        return sandbox.run(program, stdin, world or SmallWorld(), **options)  # type: ignore[arg-type]

    return run

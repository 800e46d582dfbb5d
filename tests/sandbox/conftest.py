"""A sandbox with small limits, and a function that runs a guest in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guests import ECHO, LIMITS, Run, SmallWorld, digest_of, guest
from tacit.sandbox import Execution, Sandbox, World


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

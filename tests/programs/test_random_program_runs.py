"""Random programs in the sandbox: they end in one of the known ways, within their energy, and replay as they ran."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import JSON, programs

from tacit.config import Limits
from tacit.errors import BuildRefused
from tacit.models import Expectation, Permissions, TestCase
from tacit.sandbox import (
    Called,
    Composite,
    Execution,
    FixtureWorld,
    RecordingWorld,
    ReplayWorld,
    Sandbox,
    World,
    decode_calls,
    encode_calls,
)
from tacit.sandbox.world import FailureCode, HostFailure

TEST = TestCase(name="random", expect=Expectation(output=None))
ENERGY = 20_000_000
"""Fuel of 2,000 units, of which most of the programs use less."""
UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


class Answering(FixtureWorld):
    """Hands back what a capability is called with; it costs `spends`, and every third call fails."""

    def __init__(self, spends: int) -> None:
        super().__init__(TEST, Permissions(call=("*",)))
        self._spends = spends
        self._called = 0

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Answer, or fail."""
        self._allowance.require_call(capability)
        self._called += 1
        failure = HostFailure(FailureCode.FAILED, "it failed") if self._called % 3 == 0 else None
        return Called(b"" if failure else data, min(self._spends, energy), failure)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(), workers=1) as made:
        yield made


def seen(execution: Execution) -> tuple[Any, ...]:
    """Return all that a run came to but its duration."""
    failure = execution.failure
    ending = (failure.code, failure.details) if failure else None
    return execution.output, execution.log, execution.energy, ending


@settings(deadline=None, max_examples=150, suppress_health_check=UNHURRIED)
@given(programs(), JSON, st.integers(0, ENERGY), st.integers(0, 200_000))
def test_a_run_keeps_within_its_energy_and_replays(
    sandbox: Sandbox, source: str, data: Any, energy: int, spends: int
) -> None:
    """With the same output, log, error and energy, from its record after a round trip through bytes."""
    module = source.encode()
    try:
        program = sandbox.load(hashlib.sha256(module).hexdigest(), lambda: module, "program")
    except BuildRefused:
        return
    assert isinstance(program, Composite)
    text = json.dumps(data).encode()

    def run(world: World) -> Execution:
        return sandbox.run(program, text, world, energy=energy)

    recording = RecordingWorld(Answering(spends))
    first = run(recording)
    assert 0 <= first.energy <= energy
    assert first.energy >= sum(call.energy for call in recording.calls)
    assert (first.value is None) or first.failure is None
    assert seen(run(ReplayWorld(decode_calls(encode_calls(recording.calls))))) == seen(first)

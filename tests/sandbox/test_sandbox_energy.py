"""Guests pay for the capabilities that they call with their own energy."""

from __future__ import annotations

import pytest

from guests import ECHO, LIMITS, Run, SmallWorld, guest
from tacit.errors import EnergyExhausted, TacitError
from tacit.sandbox import Called
from tacit.sandbox.world import FailureCode, HostFailure

CALL = "(drop (call $call (i32.const 1024) (i32.const 1) (i32.const 1025) (i32.const 1)))"
ONE = guest(f"{CALL} {ECHO}", data="a1")
TWO = guest(f"{CALL} {CALL} {ECHO}", data="a1")
AGAIN = guest(f"(loop $again {CALL} (br $again))", data="a1")


class Failing(SmallWorld):
    """Answers each call with a failure that cost `spends`."""

    failure: HostFailure | TacitError = HostFailure(FailureCode.FAILED, "it failed")

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Fail."""
        super().capability_call(capability, data, energy)
        return Called(b"", self.spends, self.failure)


def test_a_call_costs_what_the_callee_used(run: Run) -> None:
    """To the last unit of fuel."""
    free = run(ONE, b"1", SmallWorld(b"2")).energy
    assert run(ONE, b"1", SmallWorld(b"2", spends=12_345)).energy == free + 12_345
    assert run(TWO, b"1", SmallWorld(b"2", spends=1000)).energy == run(TWO, b"1", SmallWorld(b"2")).energy + 2000


def test_a_call_that_fails_costs_as_much(run: Run) -> None:
    """The guest goes on, with less."""
    free = run(ONE, b"1", Failing()).energy
    paid = run(ONE, b"1", Failing(spends=5000))
    assert (paid.value, paid.energy) == (1, free + 5000)


def test_a_callee_is_allowed_what_is_left(run: Run) -> None:
    """The second one less than the first, by what that used and by what was computed between."""
    world = SmallWorld(b"2", spends=1000)
    run(TWO, b"1", world, energy=100_000)
    first, second = world.allowed
    assert second < first - 1000 < 99_000
    assert first - second < 1500


def test_a_callee_that_takes_all_ends_its_caller(run: Run) -> None:
    """At its next instruction, and no more than the limit is used."""
    ended = run(ONE, b"1", SmallWorld(b"2", spends=1 << 62), energy=100_000)
    assert isinstance(ended.failure, EnergyExhausted)
    assert ended.energy == 100_000


def test_an_exhaustion_in_a_callee_is_the_callers(run: Run) -> None:
    """With where it was."""
    world = Failing(spends=77_000)
    world.failure = EnergyExhausted("The energy was used up in b.", details={"where": ["b"]})
    ended = run(ONE, b"1", world, energy=100_000)
    assert isinstance(ended.failure, EnergyExhausted)
    assert ended.failure.details["where"] == ["b"]
    assert 77_000 < ended.energy <= 100_000


@pytest.mark.parametrize("spends", [0, 1, 10_000, 99_999])
def test_no_run_uses_more_than_its_limit(run: Run, spends: int) -> None:
    """However many calls it makes, and whatever they cost."""
    world = SmallWorld(b"2", spends=spends)
    ended = run(AGAIN, b"1", world, energy=50_000)
    assert ended.failure is not None
    assert ended.energy <= 50_000
    assert all(allowed <= 50_000 for allowed in world.allowed)
    assert len(world.allowed) <= LIMITS.host_calls

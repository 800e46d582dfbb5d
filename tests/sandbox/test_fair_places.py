"""Places that sessions share: whose turn it is, what is kept for short runs, and that who leaves leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from guests import ECHO, ENDLESS, LIMITS, LOOP, SmallWorld, digest_of, guest
from tacit import places
from tacit.places import Place, Places, Waiter
from tacit.sandbox import Cancellation, Execution, LoadedModule, Sandbox

CALL = """
  (drop (call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
  (call $print (i32.const 1024) (i32.const 1))
"""


def load(sandbox: Sandbox, wasm: bytes) -> LoadedModule:
    return sandbox.load(digest_of(wasm), lambda: wasm)


def made(ordinary: int, kept: int = 0) -> Places[Place]:
    return Places([Place() for _ in range(ordinary + kept)], kept=kept)


def taken(shared: Places[Place], session: str, *, short: bool = False) -> Place:
    place = shared.take(session, short=short)
    assert place is not None
    return place


def waiting(shared: Places[Place], *sessions: str, short: bool = False) -> tuple[list[str], list[Waiter[Place]]]:
    """Have each of the sessions wait; return the list of those that were served, in that order, and all waiters."""
    served: list[str] = []

    def woken(name: str) -> Callable[[], None]:
        return lambda: served.append(name)

    return served, [shared.join(name[0], woken(name), short=short) for name in sessions]


def test_the_session_with_the_fewest_places_is_next() -> None:
    """One that waits for its first place comes before one that holds two, however long the line of that is."""
    shared = made(2)
    held = [taken(shared, "a"), taken(shared, "a")]
    served, _ = waiting(shared, "a3", "a4", "a5", "b1")
    shared.give(held[0])
    assert served == ["b1"]


def test_sessions_that_hold_as_many_take_turns() -> None:
    """Within a session it goes by arrival."""
    shared = made(1)
    place = taken(shared, "a")
    served, waiters = waiting(shared, "a1", "a2", "a3", "b1", "b2", "c1")
    for _ in range(6):
        shared.give(place)
        place = next(waiter.place for waiter in waiters if waiter.place is not None)
        waiters = [waiter for waiter in waiters if waiter.place is None]
    assert served == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_nobody_passes_those_who_wait() -> None:
    """A place that is given back is theirs: a newcomer gets none, and they get it all the same."""
    shared = made(1)
    place = taken(shared, "a")
    served, waiters = waiting(shared, "b1")
    shared.give(place)
    assert (shared.take("c"), served, waiters[0].place) == (None, ["b1"], place)


def test_who_left_is_passed_over() -> None:
    """Whoever waits no longer gets no turn, and its session is not waited for."""
    shared = made(1)
    place = taken(shared, "a")
    served, waiters = waiting(shared, "b1", "b2", "c1")
    for waiter in waiters[:2]:
        shared.leave(waiter)
    shared.give(place)
    assert served == ["c1"]


def test_a_place_given_to_who_leaves_goes_to_the_next() -> None:
    """Leaving after the place came gives it back."""
    shared = made(1)
    place = taken(shared, "a")
    served, waiters = waiting(shared, "b1", "c1")
    shared.give(place)
    shared.leave(waiters[0])
    assert (served, waiters[1].place) == (["b1", "c1"], place)
    shared.give(place)
    assert shared.take("d") is place


def test_kept_places_are_for_the_short_alone() -> None:
    """What is not known to be short gets none, be there ever so many waiting; what is short gets one at once."""
    shared = made(1, kept=1)
    taken(shared, "a")
    served, _ = waiting(shared, "a1", "b1")
    assert shared.take("b") is None
    assert taken(shared, "b", short=True).kept
    assert served == []


def test_the_short_ones_take_turns_as_well() -> None:
    """A flood of one session's short runs holds up another's by one at most; what its long ones hold does not count."""
    shared = made(2, kept=1)
    held = [taken(shared, "b"), taken(shared, "b"), taken(shared, "a", short=True)]
    served, _ = waiting(shared, "a1", "a2", "a3", "b1", short=True)
    shared.give(held[2])
    first = list(served)
    shared.give(next(place for place in held if place.kept))
    assert (first, served) == (["a1"], ["a1", "b1"])


def test_one_session_has_half_of_the_kept_places_at_most() -> None:
    """What it has that turns out long, or waits for a host, leaves the other half to others."""
    shared = made(1, kept=2)
    held = [taken(shared, "a"), taken(shared, "a", short=True)]
    assert (shared.take("a", short=True), shared.has_room("a"), shared.has_room("b")) == (None, False, True)
    served, _ = waiting(shared, "a1", short=True)
    assert (served, taken(shared, "b", short=True).kept) == ([], True)
    shared.give(held[1])
    assert served == ["a1"]


def test_the_long_ones_are_not_starved_by_short_ones() -> None:
    """An ordinary place goes to what waits for one, also while short ones wait."""
    shared = made(1, kept=1)
    held = [taken(shared, "a"), taken(shared, "a", short=True)]
    served, _ = waiting(shared, "a1", "b1", short=True)
    later, _ = waiting(shared, "c1")
    shared.give(held[0])
    assert (served, later) == ([], ["c1"])


def test_a_kept_place_that_is_held_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What turned out long gives up the kept place: the next place that gets free is kept instead."""
    shared = made(1, kept=1)
    ordinary, lent = taken(shared, "a"), taken(shared, "a", short=True)
    monkeypatch.setattr(places, "SHORT_SECONDS", -1.0)
    shared.give(ordinary)
    monkeypatch.setattr(places, "SHORT_SECONDS", 60.0)
    assert (shared.take("b"), lent.kept, taken(shared, "b", short=True)) == (None, False, ordinary)
    shared.give(lent)
    assert shared.take("c") is lent


class Held:
    """Runs that are held in their worlds until they are let go; notes in which order they began."""

    def __init__(self, sandbox: Sandbox, pool: ThreadPoolExecutor) -> None:
        self._sandbox = sandbox
        self._pool = pool
        self._loaded = load(sandbox, guest(CALL, data="1"))
        self._changed = threading.Condition()
        self._go_on = threading.Semaphore(0)
        self.began: list[str | None] = []

    def start(self, session: str | None, **options: object) -> Future[Execution]:
        """Begin a run, or have it wait."""

        def hold(*_: object) -> bytes:
            with self._changed:
                self.began.append(session)
                self._changed.notify_all()
            self._go_on.acquire()
            return b""

        world = SmallWorld(called=hold)
        return self._pool.submit(self._sandbox.run, self._loaded, b"", world, session=session, **options)  # type: ignore[arg-type]

    def await_begun(self, count: int) -> None:
        """Return once so many have begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.began) >= count, 60)

    def let_go(self, count: int) -> None:
        """Let so many end."""
        self._go_on.release(count)


@contextmanager
def held_runs(workers: int, reserved: int = 0) -> Generator[tuple[Sandbox, Held]]:
    with Sandbox(ENDLESS, workers=workers, reserved=reserved) as sandbox, ThreadPoolExecutor(64) as pool:
        held = Held(sandbox, pool)
        try:
            yield sandbox, held
        finally:
            held.let_go(64)


def await_waiting(sandbox: Sandbox, count: int) -> None:
    """Return once so many runs wait for their turn."""
    line = sandbox._places._ordinary  # pyright: ignore[reportPrivateUsage]
    for _ in range(6000):
        if len(line.all()) == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(line.all())} runs wait, not {count}")


def test_a_second_session_begins_before_the_ninth_run_of_the_first() -> None:
    """Eight runs of one session hold all workers and more wait; the next to begin is the other session's."""
    with held_runs(workers=8) as (sandbox, held):
        first = [held.start("a") for _ in range(8)]
        held.await_begun(8)
        first += [held.start("a") for _ in range(20)]
        await_waiting(sandbox, 20)
        second = held.start("b")
        await_waiting(sandbox, 21)
        held.let_go(1)
        held.await_begun(9)
        assert held.began[8] == "b"
        held.let_go(28)
        assert all(run.result().value == 1 for run in (*first, second))


def test_runs_without_a_session_are_one_session() -> None:
    """They wait for each other, and for nobody's turn besides."""
    with held_runs(workers=1) as (sandbox, held):
        runs = [held.start(None)]
        held.await_begun(1)
        runs += [held.start(name) for name in (None, None, "b")]
        await_waiting(sandbox, 3)
        held.let_go(4)
        assert all(run.result().value == 1 for run in runs)


@pytest.mark.parametrize("count", [8, 40])
def test_a_short_run_ends_while_long_ones_hold_every_worker(count: int) -> None:
    """Guests that burn energy on all eight workers, with more of them waiting, leave a short run its place."""
    stop = Cancellation()
    with Sandbox(ENDLESS, workers=8, reserved=2) as sandbox, ThreadPoolExecutor(count) as pool:
        loaded, short = load(sandbox, guest(LOOP)), load(sandbox, guest(ECHO))
        runs = [
            pool.submit(sandbox.run, loaded, b"", SmallWorld(), cancellation=stop, session="a") for _ in range(count)
        ]
        await_waiting(sandbox, count - 8)
        while sandbox._places._free:  # pyright: ignore[reportPrivateUsage]
            threading.Event().wait(0.01)
        assert sandbox.run(short, b"[7]", SmallWorld(), session="b", short=True).value == [7]
        assert not any(run.done() for run in runs)
        stop.cancel()
        codes = [run.result().failure for run in runs]
    assert {failure.code for failure in codes if failure} == {"cancelled"}


def test_waiters_that_were_cancelled_leave_no_trace() -> None:
    """After all that waited were cancelled or timed out, nobody is in the line, and every worker is free."""
    with held_runs(workers=2, reserved=1) as (sandbox, held):
        runs = [held.start("a") for _ in range(2)]
        held.await_begun(2)
        stop = Cancellation()
        waiting_runs = [held.start(name, cancellation=stop) for name in "abc"]
        waiting_runs += [held.start("d", wall_seconds=0.05)]
        await_waiting(sandbox, 3)
        stop.cancel()
        failures = [run.result().failure for run in waiting_runs]
        assert [failure and failure.code for failure in failures] == ["cancelled"] * 3 + ["timeout"]
        await_waiting(sandbox, 0)
        held.let_go(2)
        assert [run.result().value for run in runs] == [1, 1]
        again = [held.start("e") for _ in range(2)]
        held.await_begun(4)
        held.let_go(2)
        assert [run.result().value for run in again] == [1, 1]


def test_a_run_that_ran_out_of_time_says_how_long_it_waited() -> None:
    """Its wall time began when it was called: what it waited for its turn is part of it."""
    with Sandbox(LIMITS.model_copy(update={"energy": 1 << 60}), workers=1) as sandbox, ThreadPoolExecutor(1) as pool:
        stop = Cancellation()
        loaded = load(sandbox, guest(LOOP))
        first = pool.submit(sandbox.run, loaded, b"", SmallWorld(), cancellation=stop)
        while sandbox.has_room():
            threading.Event().wait(0.001)
        timer = threading.Timer(0.3, stop.cancel)
        timer.start()
        failure = sandbox.run(loaded, b"", SmallWorld(), wall_seconds=1.0).failure
        first.result()
        timer.join()
    assert failure is not None
    assert (failure.code, failure.details["waited_seconds"] > 0) == ("timeout", True)
    assert "waited for its turn" in failure.hint

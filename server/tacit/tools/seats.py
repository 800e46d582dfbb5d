"""Which calls may be on threads: so many at once, shared fairly by the sessions, and some that the short ones have.

Calls wait for a seat on the event loop, where waiting costs no thread. What waits on a thread (for a lock, a
compilation, a build) has a seat, but none of the sandbox's places.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from tacit.places import Place, Places


class Seats:
    """Seats for one kind of call; to be used on one event loop."""

    def __init__(self, ordinary: int, kept: int) -> None:
        """Take how many ordinary seats there are, and how many more that are kept for short calls."""
        self._places = Places([Place() for _ in range(ordinary + kept)], kept=kept)
        self.threads = anyio.CapacityLimiter(math.inf)
        """For those that have a seat: they wait for no other."""

    @asynccontextmanager
    async def held(self, session: str, is_short: Callable[[], bool]) -> AsyncGenerator[bool]:
        """Hold a seat in the session's turn; yields whether it is a kept one, which must not be held for long.

        `is_short` is asked only where no seat is free.
        """
        place = self._places.take(session)
        if place is None:
            place = await self._wait(session, short=is_short())
        try:
            yield place.kept
        finally:
            self._places.give(place)

    async def _wait(self, session: str, *, short: bool) -> Place:
        woken = anyio.Event()
        waiter = self._places.join(session, woken.set, short=short)
        try:
            while waiter.place is None:
                await woken.wait()
        except BaseException:
            self._places.leave(waiter)
            raise
        return waiter.place

"""Places that sessions share fairly: who gets the next one, and which are kept for what is short.

The next place goes to the session that holds the fewest, among equals to the one that was served longest ago, and
within a session by arrival. Some places are kept for what is known to be short. One of these that is held for longer
than `SHORT_SECONDS` all the same becomes an ordinary one as soon as another place is free to be kept instead.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

SHORT_SECONDS = 0.25
"""How long what is short takes at most; a busy machine makes runs of a millisecond take a tenth of this."""


class Place:
    """Room for one at a time; a base class for what that room has in it."""

    def __init__(self) -> None:
        self.kept = False
        """Kept for short runs, or an ordinary place."""
        self.session: str | None = None
        """The session that holds it, or held it last; None is the session of all that name none."""
        self.since = 0.0
        """When it was lent, if it is a kept one."""


_POLL = 0.05
"""Seconds between two looks at what may end a wait on a thread."""

P = TypeVar("P", bound=Place)


class Waiter(Generic[P]):
    """Somebody who waits for a place; `wake` is called when `place` is there, on the thread that gave it."""

    def __init__(self, session: str | None, wake: Callable[[], None]) -> None:
        self.session = session
        self.place: P | None = None
        self.wake = wake


class _Turns(Generic[P]):
    """The waiters, by session; the sessions in the order in which they were served last."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str | None, dict[Waiter[P], None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._sessions)

    def add(self, waiter: Waiter[P]) -> None:
        self._sessions.setdefault(waiter.session, {})[waiter] = None

    def remove(self, waiter: Waiter[P]) -> None:
        """Forget one who waits, if it does."""
        waiting = self._sessions.get(waiter.session, {})
        waiting.pop(waiter, None)
        if not waiting:
            self._sessions.pop(waiter.session, None)

    def next(self, held: Counter[str | None], most: int) -> Waiter[P] | None:
        """Take out whose turn it is, where sessions hold so many places; None where all hold as many as one may."""
        session = min(self._sessions, key=lambda each: held[each])
        if held[session] >= most:
            return None
        waiter = next(iter(self._sessions[session]))
        self._sessions.move_to_end(session)
        self.remove(waiter)
        return waiter

    def all(self) -> list[Waiter[P]]:
        return [waiter for waiting in self._sessions.values() for waiter in waiting]


class Places(Generic[P]):
    """Hands places out; thread-safe, and takes no lock while nobody waits and no kept place is lent."""

    def __init__(self, places: Iterable[P], kept: int = 0) -> None:
        """Take the places, of which so many, the last ones, are kept for what is short."""
        self._all = list(places)
        ordinary = len(self._all) - kept
        self._free, self._kept = self._all[:ordinary], self._all[ordinary:]
        for place in self._kept:
            place.kept = True
        self._lent: list[P] = []
        """The kept places that are held."""
        self._share = max(kept // 2, 1)
        """How many of these one session may hold: what it has that turns out long leaves some to others."""
        self._ordinary: _Turns[P] = _Turns()
        self._short: _Turns[P] = _Turns()
        self._closing = False
        self._busy = False
        """True while somebody waits or a kept place is lent, so that a free place has to be seen to."""
        self._changed = threading.Condition()

    def has_room(self, session: str | None) -> bool:
        """Return whether what is short, and of that session, need not wait."""
        return bool(self._free) or (bool(self._kept) and self._may_have_kept(session))

    def take(self, session: str | None, *, short: bool = False) -> P | None:
        """Return a place, of the ordinary ones the one used last, or None where one has to wait."""
        if not self._busy:
            try:
                place = self._free.pop()
            except IndexError:
                if not short:
                    return None
            else:
                place.session = session
                return place
        with self._changed:
            self._settle()  # who waits comes first
            place = self._take_ordinary()
            if place is None and short and self._may_have_kept(session):
                place = self._take_kept()
            self._note_busy()
        if place is not None:
            place.session = session
        return place

    def wait(self, session: str | None, check: Callable[[], None], *, short: bool = False) -> P:
        """Wait for a place on this thread; `check` is called now and then, and raises what ends the wait."""
        woken = threading.Event()
        waiter = self.join(session, woken.set, short=short)
        try:
            while waiter.place is None:
                check()
                woken.wait(_POLL)
        except BaseException:
            self.leave(waiter)
            raise
        return waiter.place

    def join(self, session: str | None, wake: Callable[[], None], *, short: bool = False) -> Waiter[P]:
        """Wait for a place, which may be there already when this returns; to be followed by `give` or `leave`."""
        waiter = Waiter[P](session, wake)
        with self._changed:
            # First of all, so that whoever gives a place back from now on looks for those who wait.
            self._busy = True
            (self._short if short else self._ordinary).add(waiter)
            self._settle()
        return waiter

    def leave(self, waiter: Waiter[P]) -> None:
        """Wait no longer; a place that was given meanwhile goes to the next one."""
        with self._changed:
            self._ordinary.remove(waiter)
            self._short.remove(waiter)
            self._note_busy()
        if waiter.place is not None:
            self.give(waiter.place)

    def give(self, place: P) -> None:
        """Give a place back."""
        if place.kept:
            with self._changed:
                self._take_back(place)
                self._settle()
            return
        # In this order: who joins sets the flag before looking for a free place, so one of both sees the other.
        self._free.append(place)
        if self._busy:
            with self._changed:
                self._settle()

    def drain(self, seconds: float) -> None:
        """Wake all who wait, and wait, at most that long, until every place was given back."""
        with self._changed:
            self._closing = self._busy = True
            for waiter in (*self._ordinary.all(), *self._short.all()):
                waiter.wake()
            self._changed.wait_for(lambda: len(self._free) + len(self._kept) == len(self._all), seconds)

    def _take_back(self, place: P) -> None:
        """Put back a kept place, or one that has become ordinary since it was lent."""
        if place.kept:
            self._lent.remove(place)
        (self._kept if place.kept else self._free).append(place)

    def _settle(self) -> None:
        """Hand out what is free to those who wait, with the lock held."""
        self._keep_others()
        everything = len(self._all)
        self._serve(self._ordinary, self._take_ordinary, everything)
        self._serve(self._short, self._take_ordinary, everything)
        self._serve(self._short, self._take_kept, self._share)
        self._note_busy()
        if self._closing:
            self._changed.notify_all()

    def _serve(self, turns: _Turns[P], take: Callable[[], P | None], most: int) -> None:
        while turns and (place := take()) is not None:
            waiter = turns.next(self._held_besides(place), most)
            if waiter is None:
                self._take_back(place)
                return
            place.session, waiter.place = waiter.session, place
            waiter.wake()

    def _keep_others(self) -> None:
        """Keep free places instead of those lent ones that turned out long, which become ordinary."""
        overdue = time.monotonic() - SHORT_SECONDS
        for lent in [each for each in self._lent if each.since < overdue]:
            other = self._take_ordinary()
            if other is None:
                return
            self._lent.remove(lent)
            lent.kept, other.kept = False, True
            self._kept.append(other)

    def _take_ordinary(self) -> P | None:
        try:
            return self._free.pop()
        except IndexError:
            return None

    def _take_kept(self) -> P | None:
        if not self._kept:
            return None
        place = self._kept.pop()
        place.since = time.monotonic()
        self._lent.append(place)
        return place

    def _held_besides(self, place: P) -> Counter[str | None]:
        """Return how many places of the kind of this one, which is free, each session holds."""
        idle = {id(each) for each in (place, *self._free, *self._kept)}
        return Counter(each.session for each in self._all if each.kept is place.kept and id(each) not in idle)

    def _may_have_kept(self, session: str | None) -> bool:
        return sum(each.session == session for each in self._lent) < self._share

    def _note_busy(self) -> None:
        self._busy = bool(self._closing or self._ordinary or self._short or self._lent)

"""Recorded runs of a version that went well, as what a builder repeats on the version that follows."""

from __future__ import annotations

import hashlib

from tacit.building.orders import Replay
from tacit.catalog import Version
from tacit.models import Effect
from tacit.store import RunRecord, Store

MAX_REPLAYS = 20


def replays_of(store: Store, version: Version) -> tuple[Replay, ...]:
    """Return the newest recorded runs of a version that ended well, each input once."""
    found = store.runs.replayable(version.id, version.version, MAX_REPLAYS)
    return tuple(replay_of(record, version) for record in found)


def replay_of(record: RunRecord, version: Version) -> Replay:
    """Return a recorded run of a version as an order carries it."""
    return Replay(
        run_id=record.run_id,
        input=record.input,
        output=record.output,
        failure=record.error,
        calls=record.calls,
        energy_limit=record.energy_limit,
        now_millis=record.now_millis,
        seed=seed_of(version.digest, record.input),
    )


def clock_of(version: Version, now: int) -> int:
    """Return the start of a run as WASI's clock has it: zero for a version that has no clock among its effects.

    What such a version works out is a function of its input, whenever it runs.
    """
    return now if Effect.TIME in version.effects else 0


def seed_of(digest: str, text: bytes) -> bytes:
    """Return the random source's seed of a run: a function of module and input, so that a pure run stays pure."""
    return hashlib.blake2b(text, digest_size=16, key=digest[:32].encode()).digest()

"""Recorded runs repeated on other versions: as what a builder repeats on the one that follows, or here, to compare."""

from __future__ import annotations

import hashlib
import json

from tacit.building.orders import Replay
from tacit.catalog import Version
from tacit.errors import TacitError
from tacit.models import Effect
from tacit.sandbox import Cancellation, LenientWorld, Sandbox, decode_calls
from tacit.service.prepared import CHECK_SECONDS, Preparer
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


def ends_well(
    preparer: Preparer, sandbox: Sandbox, version: Version, record: RunRecord, cancellation: Cancellation
) -> bool:
    """Return whether a version ends well on what a recorded run of another one was given; nothing is recorded.

    Not where it asks the world for what was not asked then: the two cannot be compared.
    """
    prepared = preparer.keep(version)
    try:
        prepared.check_input(json.loads(record.input), record.input, CHECK_SECONDS)
        execution = sandbox.run(
            preparer.guest(version),
            record.input,
            LenientWorld(decode_calls(record.calls), version.manifest.permissions),
            energy=record.energy_limit,
            now_millis=clock_of(version, record.now_millis),
            seed=seed_of(version.digest, record.input),
            cancellation=cancellation,
        )
        if execution.failure is None:
            prepared.check_output(execution.value, execution.output, CHECK_SECONDS)
    except TacitError:
        return False
    return execution.failure is None


def seed_of(digest: str, text: bytes) -> bytes:
    """Return the random source's seed of a run: a function of module and input, so that a pure run stays pure."""
    return hashlib.blake2b(text, digest_size=16, key=digest[:32].encode()).digest()

"""Where among all runs those of one capability are, to the block, so that a rare one's are found without the rest.

As with ids (see `run_ids`), an index would make each record dirty one page more. A row for each block of 256 runs that
a version ran in is written once a block; a trigger of the database does it (see the migrations), in the statement that
records the run.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select

from tacit.store.tables import run_blocks, runs
from tacit.store.unicode import storable

BLOCK_BITS = 8
"""As the trigger has it."""


def newest_of(
    connection: Connection, rows: Select[*tuple[Any, ...]], limit: int, capability: str, version: int | None = None
) -> list[Row[*tuple[Any, ...]]]:
    """Return the newest `limit` rows that `rows` selects of a capability's or a version's runs, newest first."""
    own = [runs.c.capability == storable(capability)]
    if version is not None:
        own.append(runs.c.version == version)
    rows = rows.where(*own).order_by(runs.c.seq.desc())
    found: list[Row[*tuple[Any, ...]]] = []
    for first, last in _stretches(connection, capability, version):
        if len(found) == limit:
            break
        within = runs.c.seq.between(first << BLOCK_BITS, ((last + 1) << BLOCK_BITS) - 1)
        found += connection.execute(rows.where(within).limit(limit - len(found))).all()
    return found


def forget_before(connection: Connection, seq: int) -> None:
    """Forget the blocks whose runs all come before that of `seq`, in the transaction of `connection`."""
    connection.execute(delete(run_blocks).where(run_blocks.c.block < seq >> BLOCK_BITS))


def _stretches(connection: Connection, capability: str, version: int | None) -> list[tuple[int, int]]:
    """Return the first and the last block of each stretch of blocks without a gap, the newest stretch first."""
    wanted = select(run_blocks.c.block).distinct().where(run_blocks.c.capability == storable(capability))
    if version is not None:
        wanted = wanted.where(run_blocks.c.version == version)
    blocks = list(connection.execute(wanted.order_by(run_blocks.c.block.desc())).scalars())
    ends = [i for i, (later, earlier) in enumerate(pairwise(blocks), 1) if later - earlier > 1]
    return [(blocks[end - 1], blocks[begin]) for begin, end in pairwise([0, *ends, len(blocks)])] if blocks else []

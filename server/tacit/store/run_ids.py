"""Finding runs by their ids, which they are not kept in the order of.

An index on ids would make each record dirty one page more, which costs a small run a tenth of its time. So a trigger of
the database (see the migrations) enters 256 runs at once, with the last of them; what is not entered yet is among the
last 256 runs, and looked for there.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, CompoundSelect, and_, func, select, union_all

from tacit.store.tables import run_ids, runs

BATCH = 256
"""As the trigger has it."""


def has_id(number: int | ColumnElement[int | None]) -> ColumnElement[bool]:
    """Return the condition of the run of an id."""
    wanted = union_all(
        select(run_ids.c.seq).where(run_ids.c.id == number),
        select(_tail.c.seq).where(_in_tail, _tail.c.id == number),
    )
    return and_(runs.c.seq.in_(wanted), runs.c.id == number)  # the place of a run that was withdrawn is taken again


def begun_during(number: int) -> CompoundSelect[int]:
    """Return the query of the places of runs that were begun after the run of an id, and recorded before it."""
    recorded = select(runs.c.seq).where(has_id(number)).scalar_subquery()
    return union_all(
        select(run_ids.c.seq).where(run_ids.c.id > number, run_ids.c.seq < recorded),
        select(_tail.c.seq).where(_in_tail, _tail.c.id > number, _tail.c.seq < recorded),
    )


_tail = runs.alias()
_last = runs.alias()
_in_tail = _tail.c.seq > select(func.max(_last.c.seq)).scalar_subquery() - BATCH

"""What a decision that follows by itself goes by: it is not carried out once that holds no more.

Between what a policy saw and what it does about it, a person may decide; what a person decides wins.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from tacit.catalog import queries
from tacit.store.audit import last_decision


@dataclass(frozen=True, slots=True)
class Premise:
    """That no person has decided what a capability offers after an entry of the audit log, by its id.

    Where `offered` is given, also that the version of that number is what it offers.
    """

    since: int
    offered: int | None = None

    def holds(self, connection: Connection, capability: str) -> bool:
        """Return whether that is so in the transaction of `connection`."""
        if last_decision(connection, capability).entry > self.since:
            return False
        known = queries.offering(connection, capability)
        return known is not None and (self.offered is None or (known.active and known.current == self.offered))

"""How inputs, outputs and host calls of runs are kept: small ones in the run's row, large ones once for all.

A packed payload is empty, or one byte that says how to read the rest: the bytes themselves, or the SHA-256 of a
blob. A thousand runs that read one file of 30 KB thus keep it once, compressed.

A blob says in `touched` which run used it, the latest by its id (clocks are set back now and then), and that is
renewed only when it lags by more than `SLACK`: a run never lies much more than `SLACK` after its blobs. So blobs
touched more than twice that before the oldest run that is kept belong to no run any more, which `retention` uses.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from typing import Any

from sqlalchemy import Connection, Engine, select

from tacit.store.ids import TAG_BITS
from tacit.store.sqlite import insert_or_raise
from tacit.store.tables import blobs

INLINE_BYTES = 1024
SLACK = 60_000_000 << TAG_BITS
"""One minute, as a difference of run numbers."""

_INLINE, _BLOB = b"\x00", b"\x01"
_REMEMBERED = 64
_REMEMBERED_BYTES = 256 * 1024


class Payloads:
    """Packs payloads on one raw connection at a time; the caller holds that connection's lock."""

    def __init__(self, engine: Engine) -> None:
        compiled = insert_or_raise(blobs, "touched").compile(engine)
        self._sql = str(compiled)
        self._recent: OrderedDict[tuple[int, bytes, bytes], tuple[bytes, bytes, int]] = OrderedDict()

    def pack(self, connection: Any, payload: bytes, run: int) -> bytes:
        """Return the packed form of a payload of `run`, whose blob is in the database when this returns."""
        if len(payload) <= INLINE_BYTES:
            return _INLINE + payload if payload else b""
        # Hashing 30 KB takes longer than a whole record; comparing with the payloads seen last does not.
        key = (len(payload), payload[:64], payload[-64:])
        known = self._recent.get(key)
        if known is not None and known[0] == payload and run - known[2] <= SLACK:
            return known[1]
        return self._keep(connection, key, payload, run)

    def _keep(self, connection: Any, key: tuple[int, bytes, bytes], payload: bytes, run: int) -> bytes:
        digest = hashlib.sha256(payload).digest()
        connection.execute(self._sql, (digest, run, zlib.compress(payload, 1)))
        packed = _BLOB + digest
        if len(payload) <= _REMEMBERED_BYTES:
            self._recent[key] = (payload, packed, run)
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        return packed


def unpack(connection: Connection, packed: bytes) -> bytes:
    """Return a payload again.

    Raises `LookupError` when its blob is gone, `ValueError` or `zlib.error` when it is damaged.
    """
    kind, rest = packed[:1], packed[1:]
    if kind == _INLINE or not packed:
        return rest
    if kind != _BLOB:
        raise ValueError("the form of a payload is unknown")
    data: bytes | None = connection.execute(select(blobs.c.data).where(blobs.c.digest == rest)).scalar_one_or_none()
    if data is None:
        raise LookupError("a payload is no longer kept")
    payload = zlib.decompress(data)
    if hashlib.sha256(payload).digest() != rest:
        raise ValueError("a payload is not what was kept")
    return payload

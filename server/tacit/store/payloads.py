"""How inputs, outputs and host calls of runs are kept: small ones in the run's row, large ones once for all.

A packed payload is empty, or one byte that says how to read the rest: the bytes themselves, or the SHA-256 of a
blob. A thousand runs that read one file of 30 KB thus keep it once, compressed.

A blob says in `touched` which run used it (its `seq`), and that is renewed only when it lags by `SLACK` runs. So blobs
touched more than that before the oldest run that is kept belong to no run any more, which `retention` uses. Payloads
are packed in the transaction that records their run: nobody else's run can come in between.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from typing import Any

from sqlalchemy import Connection, Engine, select

from tacit.store.sqlite import insert_or_raise
from tacit.store.tables import blobs

INLINE_BYTES = 1024
SLACK = 1000
"""Runs after which a blob that is used again says so."""

_INLINE, _BLOB = b"\x00", b"\x01"
_REMEMBERED = 64
_REMEMBERED_BYTES = 256 * 1024


class Payloads:
    """Packs payloads on one raw connection at a time; the caller holds that connection's lock."""

    def __init__(self, engine: Engine) -> None:
        compiled = insert_or_raise(blobs, "touched").compile(engine)
        self._sql = str(compiled)
        self._recent: OrderedDict[tuple[int, bytes, bytes], tuple[bytes, bytes, int]] = OrderedDict()

    def pack(self, connection: Any, payload: bytes, seq: int) -> bytes:
        """Return the packed form of a payload of the run of `seq`, in the transaction of `connection`.

        Only a large payload needs the `seq`, and the transaction. `forget` it where that is undone.
        """
        if len(payload) <= INLINE_BYTES:
            return _INLINE + payload if payload else b""
        # Hashing 30 KB takes longer than a whole record; comparing with the payloads seen last does not.
        key = (len(payload), payload[:64], payload[-64:])
        known = self._recent.get(key)
        if known is not None and known[0] == payload and seq - known[2] <= SLACK:
            return known[1]
        return self._keep(connection, key, payload, seq)

    def _keep(self, connection: Any, key: tuple[int, bytes, bytes], payload: bytes, seq: int) -> bytes:
        digest = hashlib.sha256(payload).digest()
        connection.execute(self._sql, (digest, seq, zlib.compress(payload, 1)))
        packed = _BLOB + digest
        if len(payload) <= _REMEMBERED_BYTES:
            self._recent[key] = (payload, packed, seq)
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        return packed

    def forget(self) -> None:
        """Forget which payloads have a blob, after a transaction that may have been undone."""
        self._recent.clear()


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

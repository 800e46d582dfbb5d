"""Vectors by key."""

from __future__ import annotations

from tacit.store import Store


def test_vectors_come_back_by_key(store: Store) -> None:
    """Those that are kept are returned, the others left out, more than one question's worth at once."""
    kept = {f"key-{number}": number.to_bytes(4, "big") * 384 for number in range(1200)}
    store.vectors.put(kept)
    assert store.vectors.get([*kept, "unknown"]) == kept


def test_a_vector_is_replaced(store: Store) -> None:
    """The same key again keeps the newer bytes."""
    store.vectors.put({"key": b"old"})
    store.vectors.put({"key": b"new", "other": b""})
    assert store.vectors.get(["key", "other"]) == {"key": b"new", "other": b""}


def test_nothing_to_keep_writes_nothing(store: Store) -> None:
    """An empty mapping is not even a transaction."""
    with store.database.turn():
        store.vectors.put({})
    assert store.vectors.get([]) == {}

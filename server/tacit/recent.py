"""A bounded memory of what was used last, which never empties itself at once."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were put or found last: at least `size` of them, at most twice as many.

    Values are kept in two generations: a full young one becomes the old one, and what is found in the old one moves to
    the young one. So what is in use survives, a hit in the young one costs one look-up, and no lock is needed: of
    threads that put at the same time, some may have to put again.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value of a key, None where it is not kept (any more)."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Keep a value; None is no value."""
        young = self._young
        if len(young) >= self._size and key not in young:
            self._old = young
            self._young = young = {}
        young[key] = value

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

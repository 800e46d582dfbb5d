"""The vectors of cards in FAISS, each under the slot of its card, by inner product.

Exact up to 10,000 vectors, half precision up to 100,000, inverted lists above. Medians with random clustered vectors
of 384, one thread; the share is of the ten best that are found:

| vectors | form | 200 nearest of one | 400 given back | share |
|---|---|---|---|---|
| 10,000 | flat | 0.56 ms | 0.03 ms | all |
| 10,000 | half | 0.35 ms | 0.28 ms | all |
| 100,000 | flat | 9.8 ms | 0.04 ms | all |
| 100,000 | half | 7.0 ms | 0.29 ms | all |
| 100,000 | 512 lists, 32 looked into | 0.6 ms | 0.5 ms | 92% |
| 100,000 | 512 lists, 64 looked into (as here); 1.5 s to train | 1.0 ms | 0.5 ms | 96% |

FAISS crashes when one thread adds while another searches: the caller holds a lock. OpenMP is told in every call to
use one thread (that setting belongs to each thread): with two, a query took 27 ms instead of 0.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import faiss as _faiss  # pyright: ignore[reportMissingTypeStubs]
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacit.search.arrays import Bytes, Floats, Integers

faiss: Any = _faiss  # it has no types

FLAT_LIMIT, HALF_LIMIT = 10_000, 100_000
_LISTS, _PROBES, _TRAINING, _ROUNDS = 512, 64, 40_000, 8


class VectorIndex:
    """Unit vectors [d] by slot; not thread-safe."""

    def __init__(self, dimensions: int, _index: Any = None) -> None:
        self.dimensions = dimensions
        self._index = _index if _index is not None else _flat(dimensions)

    def __len__(self) -> int:
        return self._index.ntotal

    @property
    def form(self) -> str:
        """How the vectors are kept: `flat`, `half` or `lists`."""
        if isinstance(self._index, faiss.IndexIVF):
            return "lists"
        return "flat" if isinstance(faiss.downcast_index(self._index.index), faiss.IndexFlat) else "half"

    def add(self, slots: Sequence[int], vectors: Floats) -> None:
        """Add vectors [n, d] at slots that have none."""
        faiss.omp_set_num_threads(1)
        self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.array(slots, np.int64))

    def remove(self, slots: Sequence[int]) -> None:
        """Remove the vectors at these slots; a slot without one is passed over."""
        faiss.omp_set_num_threads(1)
        wanted = np.array(slots, np.int64)
        if self.form == "lists":  # its map of slots takes no other selector
            self._index.remove_ids(faiss.IDSelectorArray(wanted))
        else:
            self._index.remove_ids(wanted)

    def nearest(self, vector: Floats, k: int) -> Integers:
        """Return the slots of the at most k vectors nearest to one, nearest first."""
        faiss.omp_set_num_threads(1)
        _, slots = self._index.search(vector[None], min(k, len(self)))
        return slots[0][slots[0] >= 0]

    def at(self, slots: Integers) -> Floats:
        """Return the vectors at slots that have one, [n, d]."""
        return self._index.reconstruct_batch(slots)

    def outgrown(self) -> bool:
        """Whether there are more vectors than this form is for."""
        return len(self) > {"flat": FLAT_LIMIT, "half": HALF_LIMIT}.get(self.form, len(self))

    def grown(self, slots: Integers) -> VectorIndex:
        """Return the same vectors, those at `slots`, in the form for their number. Others may search meanwhile."""
        faiss.omp_set_num_threads(1)
        index = _half(self.dimensions) if len(self) <= HALF_LIMIT else self._trained(slots)
        for part in np.array_split(slots, 1 + len(slots) // 4096):
            index.add_with_ids(self.at(part), part)
        return VectorIndex(self.dimensions, index)

    def _trained(self, slots: Integers) -> Any:
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(self.dimensions),
            self.dimensions,
            _LISTS,
            faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT,
            False,  # vectors as they are, not their distance from the list's centre
        )
        index.set_direct_map_type(faiss.DirectMap.Hashtable)
        index.nprobe, index.cp.niter = _PROBES, _ROUNDS
        index.train(self.at(slots[:: 1 + len(slots) // _TRAINING]))
        return index

    def serialised(self) -> Bytes:
        """Return the index as bytes."""
        return faiss.serialize_index(self._index)

    @classmethod
    def restored(cls, data: Bytes, dimensions: int) -> Self:
        """Make the index of `serialised()`. The bytes must be known to be whole: FAISS does not check them."""
        return cls(dimensions, faiss.deserialize_index(data))


def _flat(dimensions: int) -> Any:
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimensions))


def _half(dimensions: int) -> Any:
    return faiss.IndexIDMap2(
        faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    )

"""The forward pass of all-MiniLM-L6-v2 (a BERT of 6 layers, 384 wide, 12 heads) in NumPy, for inference alone.

It maps token ids to the states of the last layer; tokenising and pooling are the embedder's.

Activations are kept as [features, tokens]. That way the weights multiply from the left exactly as they lie in the
file ([out, in]), so nothing is transposed at load, each head is a contiguous block, and BLAS is at its
fastest for a few tokens: 20 tokens took 6.1 ms of matrix products this way, 11.8 ms as [tokens, features].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tacit.search.weights import HIDDEN, LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tacit.search.arrays import Floats

HEADS = 12
_WIDTH = HIDDEN // HEADS
_EPSILON = np.float32(1e-12)
_BLOCK = 1 << 16
_STEP = 4
"""Lengths are rounded up to multiples of it: BLAS is a quarter to a third faster with 16 columns than with 14 or 15."""

_GELU = tuple(
    np.float32(c)
    for c in (
        0.797884216120701,
        0.03633428345626694,
        -3.312993990786338e-05,
        -5.5240176166315036e-05,
        3.969112013414817e-06,
        -1.3344657323693227e-07,
        1.8056201916910287e-09,
    )
)
"""Coefficients c of gelu(x) = x/2·(1 + tanh(x·Σ c_k x^2k)): the exact gelu (by erf) within 7e-8 on [-6, 6].

Fitted to atanh(erf(x/√2))/x by weighted least squares. NumPy has tanh in SIMD and no erf at all.
"""


@dataclass(frozen=True, slots=True)
class _Dense:
    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """Map [in, tokens] to [out, tokens]."""
        y = self.weight @ x
        y += self.bias
        return y


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """Normalise each column of [features, tokens] in place."""
        x -= x.mean(axis=0)
        variance = np.einsum("ft,ft->t", x, x)
        variance /= len(x)
        x /= np.sqrt(variance + _EPSILON)
        x *= self.weight
        x += self.bias
        return x


@dataclass(frozen=True, slots=True)
class _Layer:
    query: _Dense
    key: _Dense
    value: _Dense
    attended: _Dense
    attended_norm: _Norm
    inner: _Dense
    outer: _Dense
    outer_norm: _Norm

    def __call__(self, x: Floats, texts: int, mask: Floats | None) -> Floats:
        """Map [features, texts·length] to the same; `mask` [texts, 1, 1, length] is added to attention's logits."""
        q, k, v = (_heads(dense(x), texts) for dense in (self.query, self.key, self.value))
        logits = np.matmul(q.swapaxes(-1, -2), k)
        logits *= np.float32(_WIDTH**-0.5)
        if mask is not None:
            logits += mask
        context = np.matmul(v, _softmax(logits).swapaxes(-1, -2))
        y = self.attended(np.ascontiguousarray(context.transpose(1, 2, 0, 3)).reshape(x.shape))
        y += x
        y = self.attended_norm(y)
        z = self.outer(_gelu(self.inner(y)))
        z += y
        return self.outer_norm(z)


def _heads(x: Floats, texts: int) -> Floats:
    """View [features, texts·length] as [texts, heads, width, length]."""
    return x.reshape(HEADS, _WIDTH, texts, -1).transpose(2, 0, 1, 3)


def _softmax(x: Floats) -> Floats:
    """Normalise the last axis in place."""
    x -= x.max(axis=-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=-1, keepdims=True)
    return x


def _gelu(x: Floats) -> Floats:
    """Apply gelu in place, in blocks that stay in the processor's second-level cache."""
    rows = max(1, _BLOCK // x.shape[1])
    for start in range(0, len(x), rows):
        block = x[start : start + rows]
        square = np.minimum(block * block, np.float32(36))
        tanh = square * _GELU[-1]
        for coefficient in _GELU[-2:0:-1]:
            tanh += coefficient
            tanh *= square
        tanh += _GELU[0]
        tanh *= block
        np.tanh(tanh, out=tanh)
        tanh += 1
        tanh *= np.float32(0.5)
        block *= tanh
    return x


class MiniLm:
    """The model over its tensors (`weights.load_tensors`); holds no state, so threads may share it."""

    def __init__(self, tensors: Mapping[str, Floats], check: Callable[[], None] = lambda: None) -> None:
        """Take the tensors, and what raises an error where those that are mapped can no longer be read."""
        self._check = check
        tensors = {**tensors, **_together({name: tensors[name] for name in tensors if name.startswith("encoder.")})}

        def column(name: str) -> Floats:
            return tensors[name].reshape(-1, 1)

        def dense(name: str) -> _Dense:
            return _Dense(tensors[f"{name}.weight"], column(f"{name}.bias"))

        def norm(name: str) -> _Norm:
            return _Norm(column(f"{name}.weight"), column(f"{name}.bias"))

        def layer(name: str) -> _Layer:
            return _Layer(
                query=dense(f"{name}.attention.self.query"),
                key=dense(f"{name}.attention.self.key"),
                value=dense(f"{name}.attention.self.value"),
                attended=dense(f"{name}.attention.output.dense"),
                attended_norm=norm(f"{name}.attention.output.LayerNorm"),
                inner=dense(f"{name}.intermediate.dense"),
                outer=dense(f"{name}.output.dense"),
                outer_norm=norm(f"{name}.output.LayerNorm"),
            )

        self._words = tensors["embeddings.word_embeddings.weight"]
        kind = tensors["embeddings.token_type_embeddings.weight"][0]
        self._positions = tensors["embeddings.position_embeddings.weight"] + kind
        self._norm = norm("embeddings.LayerNorm")
        self._layers = [layer(f"encoder.layer.{number}") for number in range(LAYERS)]

    def states(self, texts: Sequence[Sequence[int]]) -> list[Floats]:
        """Return for each list of token ids (at most 512) the last layer's states, [tokens, 384].

        The texts are padded to the longest of them, so hand in texts of about one length together. Padding changes
        no state.
        """
        lengths = [len(text) for text in texts]
        longest = -(-max(lengths) // _STEP) * _STEP
        ids = np.zeros((len(texts), longest), np.intp)
        for row, text in zip(ids, texts, strict=True):
            row[: len(text)] = text
        self._check()
        x = self._words[ids] + self._positions[:longest]
        x = self._norm(np.ascontiguousarray(x.reshape(-1, HIDDEN).T))
        mask = _mask(lengths, longest)
        for layer in self._layers:
            x = layer(x, len(texts), mask)
        states = np.ascontiguousarray(x.T).reshape(len(texts), longest, HIDDEN)
        return [state[:length] for state, length in zip(states, lengths, strict=True)]


def _together(tensors: Mapping[str, Floats]) -> dict[str, Floats]:
    """Copy tensors into one block, each at a multiple of 64 bytes.

    All 42 MB of the layers are read for every text. One large block gets huge pages from the system, which small ones
    and a mapped file do not: a request takes 12% less time.
    """
    line = 64 // 4
    lengths = [-(-tensor.size // line) * line for tensor in tensors.values()]
    block = np.empty(sum(lengths) + line, np.float32)
    start = -block.ctypes.data // 4 % line
    copied: dict[str, Floats] = {}
    for (name, tensor), length in zip(tensors.items(), lengths, strict=True):
        copied[name] = block[start : start + tensor.size].reshape(tensor.shape)
        copied[name][...] = tensor
        start += length
    return copied


def _mask(lengths: Sequence[int], longest: int) -> Floats | None:
    """Return 0 for tokens and -1e9 for padding, [texts, 1, 1, longest], or None where there is no padding."""
    if min(lengths) == longest:
        return None
    padding = np.arange(longest) >= np.asarray(lengths)[:, None]
    return np.where(padding, np.float32(-1e9), np.float32(0))[:, None, None, :]

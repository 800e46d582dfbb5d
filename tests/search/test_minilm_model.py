"""The forward pass and the embedder around it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.search.embedder import LONGEST, MiniLmEmbedder
from tacit.search.minilm import MiniLm
from tacit.search.weights import WeightsFolder, load_tensors

TEXTS = ["rain", "How many euros are 50 dollars?", "Reads printed text out of scanned pages and photos. " * 6]


@pytest.fixture(scope="module")
def model(weights: WeightsFolder) -> MiniLm:
    """Return the model alone."""
    return MiniLm(load_tensors(weights.tensors))


@pytest.fixture(scope="module")
def ids(minilm: MiniLmEmbedder) -> list[list[int]]:
    """Return the token ids of the texts, of very different lengths."""
    tokenizer = minilm._load().tokenizer
    return [tokenizer.encode(text).ids for text in TEXTS]


def test_states_are_those_of_the_reference(model: MiniLm, weights: WeightsFolder, ids: list[list[int]]) -> None:
    """The states are those of BERT as it is written down, in double precision and with the exact erf."""
    expected = reference_states(weights, ids[1])
    found = model.states([ids[1]])[0]
    assert np.abs(found - expected).max() < 1e-5
    pooled, reference = found.mean(axis=0), expected.mean(axis=0)
    assert np.abs(pooled / np.linalg.norm(pooled) - reference / np.linalg.norm(reference)).max() < 1e-6


def test_a_batch_gives_what_each_text_alone_gives(model: MiniLm, ids: list[list[int]]) -> None:
    """Padding changes nothing: texts of several lengths together have the states that each has alone."""
    for together, alone in zip(model.states(ids), [model.states([one])[0] for one in ids], strict=True):
        assert together.shape == alone.shape
        assert np.abs(together - alone).max() < 1e-5


def test_documents_come_in_the_order_given(minilm: MiniLmEmbedder) -> None:
    """Batching by length does not change which vector belongs to which text."""
    texts = [f"{'word ' * length}number {length}" for length in (40, 1, 90, 7, 300)]
    together = minilm.documents(texts)
    for text, vector in zip(texts, together, strict=True):
        assert minilm.documents([text])[0] == pytest.approx(vector, abs=1e-5)


def test_a_text_is_read_up_to_256_wordpieces(minilm: MiniLmEmbedder) -> None:
    """What comes after 254 wordpieces and the two special ones has no influence."""
    filler = "word " * (LONGEST - 2)
    first, second = minilm.documents([filler + "elephants", filler + "volcano"])
    assert first == pytest.approx(second, abs=1e-6)


@pytest.mark.parametrize(("tokens", "windows"), [(1, 1), (6, 1), (7, 3), (12, 5), (300, 85)])
def test_windows_cover_the_request(minilm: MiniLmEmbedder, tokens: int, windows: int) -> None:
    """A window starts at every third position of the model's sequence; at most six tokens are one window."""
    embedding = minilm.query("word " * tokens)
    assert embedding.windows.shape == (windows, 384)
    assert np.linalg.norm(embedding.windows, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_request_without_tokens_has_no_windows(minilm: MiniLmEmbedder) -> None:
    """Control characters alone leave the two special tokens, and no window."""
    embedding = minilm.query("\x00\x01")
    assert embedding.windows.shape == (0, 384)
    assert np.isfinite(embedding.whole).all()


def reference_states(weights: WeightsFolder, ids: list[int]) -> NDArray[np.float64]:
    """Return the last layer's states of a text, computed plainly in double precision."""
    tensors = {name: tensor.astype(np.float64) for name, tensor in load_tensors(weights.tensors).items()}
    erf = np.vectorize(math.erf)

    def dense(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    def heads(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return dense(x, name).reshape(len(ids), 12, 32).transpose(1, 0, 2)

    x = tensors["embeddings.word_embeddings.weight"][ids] + tensors["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(6):
        name = f"encoder.layer.{layer}"
        query, key, value = (heads(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        exponents = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(32))
        attended = exponents / exponents.sum(axis=-1, keepdims=True) @ value
        joined = dense(attended.transpose(1, 0, 2).reshape(len(ids), 384), f"{name}.attention.output.dense")
        y = norm(joined + x, f"{name}.attention.output.LayerNorm")
        inner = dense(y, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = norm(dense(inner, f"{name}.output.dense") + y, f"{name}.output.LayerNorm")
    return x

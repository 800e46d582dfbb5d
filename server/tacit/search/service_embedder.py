"""Embeddings from OpenAI's API, Azure's, or any server that speaks the same.

The service sees whole texts alone: it gives no token states, so there are no token weights and no windows. The
clients retry; what still fails is an `EmbedderMissing`, and search goes on lexically.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import openai

from tacit.errors import EmbedderMissing, LlmError
from tacit.llm.client import OPENAI_URL, open_client
from tacit.search.embedder import QueryEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import SecretStr

    from tacit.config import Settings
    from tacit.search.arrays import Floats

_BATCH = 32
_LONGEST = 8_000
"""Characters of a text that are sent: the models take 8,191 tokens, and a character is hardly ever more than one."""

_QUERY_SECONDS, _DOCUMENT_SECONDS = 5.0, 60.0


class ServiceEmbedder:
    """Embeds by a service; the length of its vectors is learned from its first answer."""

    kind = "service"

    def __init__(self, name: str, model: str, open_for: Callable[[float, int], openai.OpenAI]) -> None:
        """`open_for` opens a client that waits so many seconds for an answer and tries again so often."""
        self.name = name
        self.dimensions = 0
        self._model = model
        self._for_queries = open_for(_QUERY_SECONDS, 1)
        self._for_documents = open_for(_DOCUMENT_SECONDS, 3)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make the one that the settings name; `EmbedderMissing` when its key or endpoint is not set, or is none."""
        if settings.embedder == "azure":
            if not settings.azure_endpoint:
                raise EmbedderMissing("Azure's embeddings need an endpoint.", hint="Set TACIT_AZURE_ENDPOINT.")
            address, model = settings.azure_endpoint, settings.azure_embed_deployment
            key = _secret(settings.azure_api_key, "TACIT_AZURE_API_KEY")
            kind, version, name = "azure", settings.azure_api_version, f"azure:{model}@{address}"
        else:
            address, model = settings.openai_base_url or OPENAI_URL, settings.openai_embedding_model
            key = _secret(settings.openai_api_key, "TACIT_OPENAI_API_KEY")
            kind, version, name = "openai", "", f"openai:{model}@{address.rstrip('/')}/"

        def open_for(seconds: float, retries: int) -> openai.OpenAI:
            return open_client(kind, address, key, version, seconds=seconds, retries=retries)

        try:
            return cls(name, model, open_for)
        except LlmError as error:
            raise EmbedderMissing(error.message) from None

    def documents(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors [n, d], asking for 32 texts at a time."""
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return np.concatenate([self._ask(self._for_documents, batch) for batch in batches])

    def query(self, text: str) -> QueryEmbedding:
        """Return a request's unit vector, without windows."""
        vectors = self._ask(self._for_queries, [text])
        return QueryEmbedding(vectors[0], vectors[1:])

    def close(self) -> None:
        """Close the connections."""
        self._for_queries.close()
        self._for_documents.close()

    def _ask(self, client: openai.OpenAI, texts: Sequence[str]) -> Floats:
        try:
            answer = client.embeddings.create(model=self._model, input=[text[:_LONGEST] for text in texts])
            items = sorted(answer.data, key=lambda item: item.index)
            vectors = np.array([item.embedding for item in items], np.float32)
        except openai.APIStatusError as error:
            # Not as its cause: the library's error quotes what the service said, which may quote the key.
            raise _failed(f"it answered with status {error.status_code}") from None
        except openai.OpenAIError as error:
            raise _failed(str(error) or type(error).__name__) from None
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise _failed("its answer is not a list of embeddings") from error
        return self._checked(vectors, len(texts))

    def _checked(self, vectors: Floats, expected: int) -> Floats:
        if vectors.ndim != 2 or len(vectors) != expected or not vectors.shape[1]:
            raise _failed(f"it answered {len(vectors)} embeddings for {expected} texts, or of several lengths")
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
        if not np.isfinite(lengths).all() or not lengths.all():
            raise _failed("an embedding is zero or not finite")
        if self.dimensions not in (0, vectors.shape[1]):
            raise _failed(f"its embeddings had {self.dimensions} numbers and now have {vectors.shape[1]}")
        self.dimensions = vectors.shape[1]
        return (vectors / lengths[:, None]).astype(np.float32)


def _secret(key: SecretStr | None, variable: str) -> str:
    if key is None:
        raise EmbedderMissing("The embedding service needs a key.", hint=f"Set {variable}.")
    return key.get_secret_value()


def _failed(why: str) -> EmbedderMissing:
    return EmbedderMissing(
        f"The embedding service failed: {why.rstrip('.')}.", hint="Check its settings and its state."
    )

"""Embeddings from OpenAI's API, Azure's, or any server that speaks the same.

The service sees whole texts alone: it gives no token states, so there are no token weights and no windows. The
client retries; what still fails is an `EmbedderMissing`, and search goes on lexically.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import openai

from tacit.errors import EmbedderMissing
from tacit.search.embedder import QueryEmbedding

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def __init__(self, name: str, client: openai.OpenAI, model: str) -> None:
        self.name = name
        self.dimensions = 0
        self._model = model
        self._client = client
        self._for_queries = client.with_options(timeout=_QUERY_SECONDS, max_retries=1)
        self._for_documents = client.with_options(timeout=_DOCUMENT_SECONDS, max_retries=3)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make the one that the settings name; `EmbedderMissing` when its key or endpoint is not set."""
        if settings.embedder == "azure":
            if not settings.azure_endpoint:
                raise EmbedderMissing("Azure's embeddings need an endpoint.", hint="Set TACIT_AZURE_ENDPOINT.")
            client = openai.AzureOpenAI(
                api_key=_secret(settings.azure_api_key, "TACIT_AZURE_API_KEY"),
                azure_endpoint=settings.azure_endpoint,
                api_version=settings.azure_api_version,
            )
            deployment = settings.azure_embed_deployment
            return cls(f"azure:{deployment}@{settings.azure_endpoint}", client, deployment)
        client = openai.OpenAI(
            api_key=_secret(settings.openai_api_key, "TACIT_OPENAI_API_KEY"), base_url=settings.openai_base_url
        )
        model = settings.openai_embedding_model
        return cls(f"openai:{model}@{client.base_url}", client, model)

    def documents(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors [n, d], asking for 32 texts at a time."""
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return np.concatenate([self._ask(self._for_documents, batch) for batch in batches])

    def query(self, text: str) -> QueryEmbedding:
        """Return a request's unit vector, without windows."""
        vectors = self._ask(self._for_queries, [text])
        return QueryEmbedding(vectors[0], vectors[1:])

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def _ask(self, client: openai.OpenAI, texts: Sequence[str]) -> Floats:
        try:
            answer = client.embeddings.create(model=self._model, input=[text[:_LONGEST] for text in texts])
            items = sorted(answer.data, key=lambda item: item.index)
            vectors = np.array([item.embedding for item in items], np.float32)
        except openai.APIStatusError as error:
            raise _failed(f"it answered with status {error.status_code}") from error
        except openai.OpenAIError as error:
            raise _failed(str(error)) from error
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

"""Which language model is configured, and how it is asked; what the builder is told of it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from tacit.config import Settings
from tacit.errors import LlmMissing
from tacit.models import Model


class Endpoint(Model):
    """One model at one endpoint of OpenAI's API or Azure's.

    `model` is Azure's deployment where `kind` is `azure`; `seconds` bounds one answer. The key is plain text, since
    it is written to the builder's stdin: never print or keep this.
    """

    kind: Literal["openai", "azure"]
    base_url: str | None = None
    api_key: str = Field(default="", repr=False)
    api_version: str = ""
    model: str
    temperature: float | None = None
    reasoning_effort: str | None = None
    seconds: float = 120.0
    retries: int = 4

    @property
    def model_setting(self) -> str:
        """What the setting is called that names the model."""
        return "TACIT_AZURE_CHAT_DEPLOYMENT" if self.kind == "azure" else "TACIT_LLM_MODEL"

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return what the settings name, None where no model is configured.

        Raises `LlmMissing`, naming the setting, where one is asked for and something that it needs is not set.
        """
        kind = settings.llm if settings.llm != "auto" else _configured(settings)
        if kind == "none":
            return None
        if kind == "azure":
            return cls._azure(settings)
        if not settings.llm_model:
            raise LlmMissing("A language model is asked for, and none is named.", hint="Set TACIT_LLM_MODEL.")
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
        if not key and not settings.openai_base_url:
            raise LlmMissing(
                f"The model {settings.llm_model} needs a key or an endpoint of your own.",
                hint="Set TACIT_OPENAI_API_KEY, or TACIT_OPENAI_BASE_URL for a server that needs no key.",
            )
        return cls(
            kind="openai", base_url=settings.openai_base_url, api_key=key, model=settings.llm_model, **_shared(settings)
        )

    @classmethod
    def _azure(cls, settings: Settings) -> Self:
        wanted = {
            "TACIT_AZURE_ENDPOINT": settings.azure_endpoint,
            "TACIT_AZURE_API_KEY": settings.azure_api_key,
            "TACIT_AZURE_CHAT_DEPLOYMENT": settings.azure_chat_deployment,
        }
        missing = [name for name, value in wanted.items() if not value]
        if missing or settings.azure_api_key is None:
            raise LlmMissing("Azure's language model is not whole.", hint=f"Set {', '.join(missing)}.")
        return cls(
            kind="azure",
            base_url=settings.azure_endpoint,
            api_key=settings.azure_api_key.get_secret_value(),
            api_version=settings.azure_api_version,
            model=settings.azure_chat_deployment or "",
            **_shared(settings),
        )


def _configured(settings: Settings) -> Literal["openai", "azure", "none"]:
    if settings.azure_endpoint and settings.azure_chat_deployment:
        return "azure"
    return "openai" if settings.llm_model else "none"


def _shared(settings: Settings) -> dict[str, Any]:
    return {
        "temperature": settings.llm_temperature,
        "reasoning_effort": settings.llm_reasoning_effort,
        "seconds": settings.llm_seconds,
        "retries": settings.llm_retries,
    }

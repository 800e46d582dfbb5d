"""Language models that cannot be used; each message is one sentence that names the setting to mend."""

from __future__ import annotations

from tacit.errors.operation import OperatorError


class LlmError(OperatorError):
    """A language model that cannot be used; the message is one sentence that names the setting to mend."""

    code = "llm_error"


class LlmMissing(LlmError):
    """No language model is configured."""

    code = "llm_missing"


class LlmUnreachable(LlmError):
    """Nothing answers at the endpoint, or nothing that speaks the API, or not in time."""

    code = "llm_unreachable"


class LlmKeyRefused(LlmError):
    """The endpoint refused the key (HTTP 401 or 403)."""

    code = "llm_key_refused"


class LlmModelUnknown(LlmError):
    """The endpoint has no such model or deployment."""

    code = "llm_model_unknown"


class LlmWithoutTools(LlmError):
    """The model, or its server, does not call tools."""

    code = "llm_without_tools"


class LlmOverloaded(LlmError):
    """The endpoint went on answering 429 or 5xx after every retry."""

    code = "llm_overloaded"


class LlmBroken(LlmError):
    """The endpoint refused the request, or answered what is not in its API."""

    code = "llm_broken"

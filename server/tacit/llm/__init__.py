"""Language models: which one is configured, and a client of OpenAI's chat completions with tools."""

from tacit.llm.chat import ChatModel
from tacit.llm.endpoint import Endpoint
from tacit.llm.inspection import inspect_model
from tacit.llm.redaction import redacted
from tacit.llm.replies import Reply, ToolCall

__all__ = ["ChatModel", "Endpoint", "Reply", "ToolCall", "inspect_model", "redacted"]

"""Language models: which one is configured, and a client of OpenAI's chat completions with tools."""

from tacit.llm.endpoint import Endpoint

__all__ = ["Endpoint"]

"""A language model to ask: the real client, connected to a scripted server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from scripted_llm import Author, Says, ScriptedLlm

from tacit.config import Settings
from tacit.llm import ChatModel, Endpoint

Connect = Callable[..., tuple[ScriptedLlm, ChatModel]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a function that starts a server for an author, or for one answer, and a model that asks it."""
    with ExitStack() as stack:

        def start(
            author: Author | Says, *, azure: bool = False, counts: bool = True, **changes: Any
        ) -> tuple[ScriptedLlm, ChatModel]:
            says = (lambda request: author) if isinstance(author, Says) else author
            llm = stack.enter_context(ScriptedLlm(says, counts=counts))
            endpoint = Endpoint.of(Settings.load(**(llm.azure_settings() if azure else llm.settings())))
            assert endpoint is not None
            model = ChatModel(endpoint.model_copy(update={"seconds": 20.0, **changes}))
            stack.callback(model.close)
            return llm, model

        yield start

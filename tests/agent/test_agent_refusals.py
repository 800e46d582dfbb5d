"""What `tacit agent` says where it has no model that it can use, or no server: one line, exit code 1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_llm import call, say, status

TASK = "Reverse 'abc'"


def one_line(done) -> str:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_model_is_configured(agent: Callable) -> None:
    """The setting is named, and how Tacit works without it."""
    said = one_line(agent(TASK))
    assert said.startswith("tacit: llm_missing: ")
    assert "TACIT_LLM_MODEL" in said
    assert "tacit serve" in said


def test_wrong_key(agent: Callable, play: Callable) -> None:
    """The key's setting is named, the key is not."""
    said = one_line(agent(TASK, llm=play(lambda _: say("")), openai_api_key="sk-wrong-0123456789"))
    assert said.startswith("tacit: llm_key_refused: ")
    assert "TACIT_OPENAI_API_KEY" in said
    assert "sk-wrong-0123456789" not in said


def test_unknown_model(agent: Callable, play: Callable) -> None:
    """The model's setting is named."""
    said = one_line(agent(TASK, llm=play(lambda _: say("")), llm_model="gpt-nonesuch"))
    assert said.startswith("tacit: llm_model_unknown: ")
    assert "TACIT_LLM_MODEL" in said


def test_model_without_tools(agent: Callable, play: Callable) -> None:
    """As vLLM and Ollama refuse tools."""
    body = {"error": {"message": "scripted does not support tools", "type": "api_error", "param": None, "code": None}}
    said = one_line(agent(TASK, llm=play(lambda _: status(400, body=body))))
    assert said.startswith("tacit: llm_without_tools: ")


def test_nothing_listens_at_the_endpoint(agent: Callable) -> None:
    """The address's setting is named."""
    said = one_line(agent(TASK, llm_model="m", openai_base_url="http://127.0.0.1:9/v1", llm_retries=0))
    assert said.startswith("tacit: llm_unreachable: ")
    assert "TACIT_OPENAI_BASE_URL" in said


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/mcp", "no address", "http://", "file:///etc/passwd"])
def test_no_server_at_the_url(url: str, agent: Callable, play: Callable) -> None:
    """The option is named."""
    said = one_line(agent(TASK, "--url", url, llm=play(lambda _: say(""))))
    assert said.startswith("tacit: server_failed: ")
    assert "--url" in said


def test_url_is_not_an_mcp_server(agent: Callable, play: Callable) -> None:
    """Something else answers there."""
    llm = play(lambda _: say(""))
    assert one_line(agent(TASK, "--url", llm.base_url, llm=llm)).startswith("tacit: server_failed: ")


def test_database_is_damaged(agent: Callable, play: Callable, home: Path) -> None:
    """What the server says of it reaches the person."""
    home.mkdir()
    (home / "tacit.db").write_bytes(b"no database" * 1000)
    done = agent(TASK, llm=play(lambda _: call("run_capability", id="reverse_string")))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("tacit: server_failed: The search failed: store_damaged: ")


def test_token_without_url(agent: Callable, play: Callable) -> None:
    """It would go nowhere."""
    assert "--url" in one_line(agent(TASK, "--token", "t", llm=play(lambda _: say(""))))

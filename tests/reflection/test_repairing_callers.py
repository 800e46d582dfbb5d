"""Repairs of what calls others: the contracts of those are in the contexts, and hold for the test of the diagnosis."""

from __future__ import annotations

import json
from typing import Any

import pytest
import wasmtime
from reflection_samples import (
    ECHO,
    SHARE_BUGGY,
    ZERO_TEST,
    OpenApp,
    diagnose,
    repairer,
    share,
    share_manifest,
)
from scripted_llm import ScriptedLlm

from tacit.app import App
from tacit.errors import TacitError
from tacit.models import Expectation, Manifest, MutateRequest, Permissions, TestCase

TAKES = {"type": "integer", "maximum": 1000}
CALLABLE = "What it may call, as it is now"


def add_capabilities(app: App, share_module: bytes) -> None:
    """Register `echo_back`, which takes and gives whole numbers, and `calculate_share`, which may call it."""
    echo = bytes(wasmtime.wat2wasm(ECHO))
    number = Manifest(id="echo_back", summary="Give a number back.", input_schema=TAKES, output_schema=TAKES)
    test = TestCase(name="one", input=1, expect=Expectation(output=1))
    made: dict[str, Any] = {"effects": frozenset(), "author": "test", "toolchain": "test"}
    app.catalog.register(number, {"main.wat": ECHO}, echo, (test,), **made)
    calling = share_manifest().model_copy(update={"permissions": Permissions(call=("echo_back",))})
    app.catalog.register(calling, {"main.rs": SHARE_BUGGY}, share_module, share().tests, **made)


def test_a_repair_knows_what_it_may_call(open_app: OpenApp, share_module: bytes) -> None:
    """Both steps are shown the contract; a test in which the callee answers what it cannot goes back."""
    wrong = {**ZERO_TEST, "name": "a callee's text", "calls": {"echo_back": "a text"}}
    with ScriptedLlm(repairer([diagnose(wrong), diagnose()])) as llm:
        app = open_app(**llm.settings())
        add_capabilities(app, share_module)
        for part in range(2):
            with pytest.raises(TacitError) as raised:
                app.service.run("calculate_share", {"part": part, "total": 0})
        answer = app.service.mutate(MutateRequest(job=raised.value.details["repair"]), wait_seconds=120)
    assert llm.violations == []
    assert (answer.status, answer.version) == ("registered", 2)
    shown = {request["tools"][0]["function"]["name"]: json.dumps(request["messages"][:2]) for request in llm.requests}
    assert len(shown) == 2
    assert all(CALLABLE in messages and "maximum" in messages for messages in shown.values())
    told = json.dumps([message for request in llm.requests for message in request["messages"]])
    assert "calls.echo_back breaks the output schema of echo_back" in told

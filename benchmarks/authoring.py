"""What like tasks cost with Tacit and without it, on the first, second and tenth request: tokens, LLM calls, time.

The same scripted model is asked on both sides, over real HTTP, through all that lies between: with Tacit the agent, its
server and the author in the builder; without, `benchmarks.coder`. It answers at once and never errs, so the seconds are
those of the machinery alone; its tokens are the bytes of the real messages, four a token.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import anyio
from mcp_types import ElicitRequestParams, ElicitResult

from benchmarks.coder import Coder
from benchmarks.table import Row
from tacit.agent.asking import Asker
from tacit.agent.loop import Agent
from tacit.agent.server import Address, Server, open_server
from tacit.config import Settings
from tacit.llm import Endpoint
from tacit.models import Usage

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "llm"))

from authors import good, write  # the tests' scripted model, which is no package
from samples import COUNT_VOWELS
from scripted_llm import Author, ChatRequest, Says, ScriptedLlm, call, calls, say

TEXTS = (
    "Procedural memory",
    "the quick brown fox",
    "Try, fail, mutate, store, recall",
    "a capability is kept",
    "WebAssembly",
    "Reuse beats regeneration",
    "an agent learns its skills",
    "nothing is done twice",
    "deterministic",
    "and so it is remembered",
)
MEASURED = (1, 2, 10)
_TEXT = re.compile(r"'(.*)'")
_COUNT = re.compile(r'"vowels": ?(\d+)')


@dataclass(frozen=True)
class Spent:
    """What one request used."""

    usage: Usage
    seconds: float


def task(text: str) -> str:
    """Return a request as a person makes it."""
    return f"How many vowels are in '{text}'?"


def answered(request: ChatRequest) -> Says:
    """Answer from what the last tool call gave."""
    found = _COUNT.search(request.results[-1])
    assert found, request.results
    return say(f"There are {found[1]} vowels.")


def asked(request: ChatRequest) -> str:
    """Return the text that the request is about."""
    said = next(message["content"] for message in request.messages if message["role"] == "user")
    found = _TEXT.search(said)
    assert found, said
    return found[1]


def with_tacit() -> Author:
    """Return the model as agent and author: it has made what is not near, and runs what is."""
    author = good(COUNT_VOWELS)

    def says(request: ChatRequest) -> Says:
        if request.step != "agent":
            return author(request)
        if request.turn:
            return answered(request)
        given = {"text": asked(request)}
        if f"- {COUNT_VOWELS.id} (" in request.messages[0]["content"]:
            return call("run_capability", id=COUNT_VOWELS.id, input=given)
        return call("mutate_capability", task=COUNT_VOWELS.task, input=given)

    return says


def without(*, at_once: bool) -> Author:
    """Return the model as a coder: one call a turn, as the author makes them, or all calls `at_once`."""

    def says(request: ChatRequest) -> Says:
        run = call("run", input=json.dumps({"text": asked(request)}))
        source = write(COUNT_VOWELS.source)
        moves = [calls(source, run)] if at_once else [source, call("build"), run]
        return moves[request.turn] if request.turn < len(moves) else answered(request)

    return says


def measure() -> list[Row]:
    """Return the rows of authoring."""
    with tempfile.TemporaryDirectory() as folder:
        ours = _ours(Path(folder))
        theirs = _theirs(Path(folder), at_once=False)
        best = _theirs(Path(folder), at_once=True)
    rows = [row for number in MEASURED for row in _compared(number, ours[number - 1], theirs[number - 1])]
    tenth, at_once = ours[-1], best[-1]
    return [
        *rows,
        _ratio("ten requests: tokens", sum(each.usage.tokens for each in ours), sum(e.usage.tokens for e in theirs)),
        _ratio("ten requests: seconds", sum(each.seconds for each in ours), sum(each.seconds for each in theirs)),
        _ratio(
            "request 10: tokens, the coder writing and running in one turn", tenth.usage.tokens, at_once.usage.tokens
        ),
        _ratio("request 10: seconds, the coder writing and running in one turn", tenth.seconds, at_once.seconds),
    ]


def _compared(number: int, ours: Spent, theirs: Spent) -> list[Row]:
    later = number > 1
    name = f"request {number}"
    return [
        _ratio(f"{name}: tokens", ours.usage.tokens, theirs.usage.tokens, "<= 1" if later else ""),
        _ratio(
            f"{name}: tokens that the model writes",
            ours.usage.completion_tokens,
            theirs.usage.completion_tokens,
            "<= 0.5" if later else "",
        ),
        _ratio(f"{name}: LLM calls", ours.usage.llm_calls, theirs.usage.llm_calls, "<= 0.5" if later else ""),
        _ratio(f"{name}: seconds", ours.seconds, theirs.seconds, "<= 0.5" if later else ""),
    ]


def _ratio(name: str, ours: float, theirs: float, bound: str = "") -> Row:
    return Row(f"{name}, with / without Tacit", ours / theirs, "×", bound, note=f"{ours:.4g} / {theirs:.4g}")


def _ours(folder: Path) -> list[Spent]:
    with ScriptedLlm(with_tacit()) as llm:
        given = llm.settings()
        variables = {f"TACIT_{name.upper()}": str(value) for name, value in given.items()}
        with patch.dict(os.environ, variables):
            return anyio.run(_solve_all, Settings.load(data=folder / "data", **given))


async def _solve_all(settings: Settings) -> list[Spent]:
    endpoint = Endpoint.of(settings)
    assert endpoint is not None
    asker = Asker(endpoint)
    async with open_server(settings, Address(), _nobody) as server:
        await server.search("anything", 1)  # what a start costs is in the rows of the protocol
        spent = [await _solve(server, asker, text) for text in TEXTS]
    asker.close()
    return spent


async def _solve(server: Server, asker: Asker, text: str) -> Spent:
    agent = Agent(server, await server.tools(), asker, lambda _: None, None)
    _check(text, await agent.solve(task(text)))
    return Spent(agent.spent.asked + agent.spent.built, agent.spent.seconds)


async def _nobody(_: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="decline")


def _theirs(folder: Path, *, at_once: bool) -> list[Spent]:
    with ScriptedLlm(without(at_once=at_once)) as llm:
        settings = Settings.load(data=folder / "data", **llm.settings())
        endpoint = Endpoint.of(settings)
        assert endpoint is not None
        coder = Coder(settings, endpoint)
        spent = [_timed(lambda text=text: coder.solve(task(text)), text) for text in TEXTS]
        coder.close()
        return spent


def _timed(solve: Callable[[], tuple[str, Usage]], text: str) -> Spent:
    started = time.perf_counter()
    answer, usage = solve()
    seconds = time.perf_counter() - started
    _check(text, answer)
    return Spent(usage, seconds)


def _check(text: str, answer: str) -> None:
    vowels = sum(letter in "aeiouAEIOU" for letter in text)
    assert answer == f"There are {vowels} vowels.", (text, answer)

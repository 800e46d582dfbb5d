"""A single task, or a conversation with tasks one after another."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from tacit.agent.asking import Asker
from tacit.agent.display import Display, Record, Write
from tacit.agent.events import Show
from tacit.agent.interruption import interruptible
from tacit.agent.keyboard import Keyboard, Lines, Terminal, at_terminal, confirm_at_terminal, nobody
from tacit.agent.loop import Agent
from tacit.agent.server import Address, Consent, open_server
from tacit.config import Settings
from tacit.errors import LlmMissing, ServerFailed, TacitError
from tacit.llm import Endpoint
from tacit.prices import Prices

HELP = """\
Say in plain words what you want. Ctrl-C stops what is going on, Ctrl-D or `exit` ends.
  /nearest [TASK]  the capabilities nearest to a task, or to your last one
  /usage           what this session used so far
  /help            this text"""
ENDS = ("exit", "quit", "/exit", "/quit")


def solve(settings: Settings, address: Address, task: str, write: Write) -> None:
    """Solve one task and print each step by `write`; raises `TacitError`, and `KeyboardInterrupt` at Ctrl-C."""
    display = Display(write)
    anyio.run(_solve, settings, address, task, display, partial(_consent, confirm_at_terminal, display))


def record(settings: Settings, address: Address, task: str, warn: Write) -> dict[str, Any]:
    """Solve one task and return its steps, answer and usage; nobody is asked for consent, which `warn` says."""
    kept = Record()
    anyio.run(_solve, settings, address, task, kept, partial(_consent, nobody, Display(warn)))
    return kept.to_dict()


def converse(settings: Settings, address: Address, write: Write, warn: Write) -> bool:
    """Hold a conversation until its end, errors said by `warn`; return whether every task in it was answered."""
    return anyio.run(_converse, settings, address, Display(write), Display(warn))


async def _solve(settings: Settings, address: Address, task: str, show: Show, consent: Consent) -> None:
    async def work() -> None:
        async with _agent(settings, address, show, consent) as agent:
            await agent.solve(task)

    await interruptible(work)


async def _converse(settings: Settings, address: Address, display: Display, errors: Display) -> bool:
    keyboard: Keyboard = Terminal(settings.data) if at_terminal() else Lines()
    async with _agent(settings, address, display, partial(_consent, keyboard.confirm, display)) as agent:
        if at_terminal():
            display.say("Say what you want; /help says more.")
        return await _Session(agent, keyboard, display, errors).run()


@asynccontextmanager
async def _agent(settings: Settings, address: Address, show: Show, consent: Consent) -> AsyncGenerator[Agent]:
    endpoint = Endpoint.of(settings)
    if endpoint is None:
        raise LlmMissing(
            "The agent needs a language model, and none is configured.",
            hint="Set TACIT_LLM_MODEL, with TACIT_OPENAI_API_KEY or TACIT_OPENAI_BASE_URL; without one, connect an "
            "MCP client to `tacit serve`: its model is the agent and the author then.",
        )
    asker = Asker(endpoint)
    try:
        async with open_server(settings, address, consent) as server:
            yield Agent(server, await server.tools(), asker, show, Prices.of(settings))
    finally:
        asker.close()


class _Session:
    """The lines that a person enters, and what comes of each."""

    def __init__(self, agent: Agent, keyboard: Keyboard, display: Display, errors: Display) -> None:
        self._agent = agent
        self._keyboard = keyboard
        self._display = display
        self._errors = errors
        self._task = ""

    async def run(self) -> bool:
        """Carry out lines until the end; return whether every task was answered."""
        answered = True
        while (line := await self._keyboard.read_task()) is not None:
            said = line.strip()
            if said in ENDS:
                break
            if said:
                answered = await self._carry_out(said) and answered
        return answered

    async def _carry_out(self, line: str) -> bool:
        """Carry out one line; return whether it came to its end. Raises `ServerFailed` when the server is gone."""
        try:
            await interruptible(partial(self._do, line))
        except KeyboardInterrupt:
            self._display.say("(stopped)")
        except ServerFailed:
            raise
        except TacitError as error:
            self._errors.say(f"tacit: {error.code}: {' '.join(str(error).split())}")
        else:
            return True
        return False

    async def _do(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        if command == "/nearest":
            await self._agent.nearest(rest.strip() or self._task or "anything")
        elif command == "/usage":
            self._display.say(self._agent.spent.line())
        elif command == "/help" or (command.startswith("/") and command[1:].isalpha()):
            self._display.say(HELP)
        else:
            self._task = line
            await self._agent.solve(line)


async def _consent(confirm: Any, display: Display, params: ElicitRequestParams) -> ElicitResult:
    """Ask the person each question of the server's form, all of which have to be yes or no; a no declines."""
    if not isinstance(params, ElicitRequestFormParams):
        return ElicitResult(action="decline")
    display.say(params.message)
    properties: dict[str, Any] = params.requested_schema.get("properties", {})
    content: dict[str, Any] = {}
    for name, schema in properties.items():
        if schema.get("type") != "boolean":
            return ElicitResult(action="decline")
        said = await confirm(schema.get("description") or schema.get("title") or name)
        if said is None:
            display.say("Nobody is here to say so: not granted. `tacit grant` grants it.")
        if not said:
            return ElicitResult(action="decline")
        content[name] = True
    return ElicitResult(action="accept", content=content)

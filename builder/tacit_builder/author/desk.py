"""What every step of an author works with, put together once for each build."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from tacit.building.orders import Budget, Machine
from tacit.building.protocol import Answer, Attempt, Progress, Question, Reply
from tacit.errors import LlmMissing
from tacit.llm import ChatModel
from tacit.models import Contract, TestCase
from tacit.programs.callees import AGENT
from tacit_builder.answers import Inquiry
from tacit_builder.author.findings import Findings
from tacit_builder.author.meter import Meter
from tacit_builder.toolchain import find_confinement, find_sdk, find_toolchain

EVERYTHING = "*"
"""What permissions name that let call any capability."""


@dataclass(slots=True)
class Desk:
    """The model, the budget and the server of one build, what it has found out, and the `seconds` of its stages."""

    model: ChatModel
    model_name: str
    machine: Machine
    meter: Meter
    inquiry: Inquiry
    say: Callable[[Reply], None]
    findings: Findings
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _contracts: dict[str, Contract | None] = field(default_factory=dict[str, "Contract | None"])
    _fraction: float = 0.0

    def report(self, stage: str, message: str, fraction: float) -> None:
        """Tell the server how far the build is; a fraction never goes back."""
        self._fraction = max(self._fraction, min(fraction, 1.0))
        self.say(Progress(stage=stage, message=message, fraction=self._fraction))

    def count_attempt(self) -> None:
        """Count one more source that is compiled, and tell the server; raises `BuildRefused("budget")`."""
        self.meter.count_attempt()
        self.say(Attempt())

    def contracts(self, names: Iterable[str]) -> dict[str, Contract]:
        """Return what those of the capabilities that there are take and answer; each is asked for once in a build."""
        wanted = {*names} - {AGENT, EVERYTHING}
        unknown = wanted - self._contracts.keys()
        found = self.inquiry.contracts(unknown)
        self._contracts |= {name: found.get(name) for name in unknown}
        return {name: contract for name in sorted(wanted) if (contract := self._contracts[name]) is not None}

    def contracts_in(self, tests: Iterable[TestCase]) -> dict[str, Contract]:
        """Return the contracts of those whose answers the tests give."""
        return self.contracts(name for test in tests for name in test.callees)

    @contextmanager
    def timing(self, stage: str) -> Generator[None]:
        """Add the time of what is done within to the `seconds` of the stage."""
        started = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - started, 4)


@contextmanager
def open_desk(
    machine: Machine,
    budget: Budget,
    say: Callable[[Reply], None],
    ask: Callable[[Question], Answer],
    *,
    compiles: bool = True,
) -> Generator[Desk]:
    """Give a desk, and close its model.

    Raises `LlmMissing` where the machine has no model, and what else of an `OperatorError` it lacks to compile with,
    before the model is asked anything; a desk at which nothing `compiles` needs no toolchain.
    """
    if machine.llm is None:
        raise LlmMissing("No language model is configured.", hint="Set TACIT_LLM_MODEL, and the key it needs.")
    if compiles:
        settings = machine.settings()
        find_sdk(settings, find_toolchain(settings))
        find_confinement(settings)
    with closing(ChatModel(machine.llm)) as model:
        yield Desk(model, machine.llm.model, machine, Meter(budget), Inquiry(ask), say, Findings(say))

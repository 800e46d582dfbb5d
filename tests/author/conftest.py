"""A real builder with a scripted model: what an author is asked, says and makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from author_samples import asked
from scripted_llm import Author, ScriptedLlm

from tacit.building import Builder
from tacit.building.orders import AuthorRequest
from tacit.building.protocol import Answer, BuildResult, Progress, Question, Turn
from tacit.config import Settings
from tacit.errors import TacitError
from tacit.models import Usage

Answers = Callable[[Question], Answer]


@dataclass
class Outcome:
    """How a build by an author went: its result or its error, and all that it said on the way."""

    llm: ScriptedLlm
    result: BuildResult | None = None
    error: TacitError | None = None
    turns: list[Turn] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    @property
    def made(self) -> BuildResult:
        """The result; fails the test where there is none."""
        if self.result is None:
            pytest.fail(f"not built: {self.error and self.error.to_dict()}")
        return self.result

    @property
    def refusal(self) -> dict[str, Any]:
        """The error as a dictionary, its details among its fields; fails the test where there is none."""
        assert self.result is None
        assert self.error is not None
        return {**self.error.to_dict(), **self.error.details}

    @property
    def usage(self) -> Usage:
        """What all turns used together."""
        return sum((turn.usage for turn in self.turns), Usage())

    def requests(self, tool: str) -> list[dict[str, Any]]:
        """Return the requests to the model in which that tool was offered."""
        return [
            request
            for request in self.llm.requests
            if tool in [each["function"]["name"] for each in request.get("tools", ())]
        ]

    def answers(self, tool: str) -> list[str]:
        """Return what the model's calls of that tool were answered, in order, as the transcript has them."""
        made = [each for turn in self.turns for each in turn.reply.get("tool_calls", ())]
        of_tool = {each["id"] for each in made if each["function"]["name"] == tool}
        told = [message for turn in self.turns for message in turn.sent if message["role"] == "tool"]
        return [message["content"] for message in told if message["tool_call_id"] in of_tool]


@pytest.fixture
def author(tmp_path: Path) -> Iterator[Callable[..., Outcome]]:
    """Return a function that has an author write, through the real builder, and returns the outcome."""
    left: list[Any] = []

    def write(
        plays: Author, request: AuthorRequest | None = None, answer: Answers | None = None, **settings: Any
    ) -> Outcome:
        llm = ScriptedLlm(plays).__enter__()
        builder = Builder(Settings.load(data=tmp_path / "data", **{**llm.settings(), **settings}))
        left.extend((builder.close, lambda: llm.__exit__(None, None, None)))
        outcome = Outcome(llm)

        def answered(question: Question) -> Answer:
            outcome.questions.append(question)
            return answer(question) if answer else Answer(number=question.number, text="There is none.")

        try:
            outcome.result = builder.build(
                request or asked(), outcome.progress.append, on_turn=outcome.turns.append, answer=answered
            )
        except TacitError as error:
            outcome.error = error
        assert llm.violations == []
        return outcome

    yield write
    for close in left:
        close()

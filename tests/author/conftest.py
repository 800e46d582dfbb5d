"""A real builder with a scripted model: what an author is asked, says and makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from author_samples import asked
from scripted_llm import Author, ScriptedLlm

from tacit.building import Builder
from tacit.building.orders import AuthorRequest, Machine
from tacit.building.protocol import Answer, BuildResult, Finding, Progress, Question, Reply, Turn
from tacit.config import Settings
from tacit.errors import TacitError
from tacit.llm import Endpoint
from tacit.models import Usage
from tacit_builder.author import write as author_write

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
    findings: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the error that is raised within; fails the test where a request breaks the API's rules."""
        try:
            yield
        except TacitError as error:
            self.error = error
        assert self.llm.violations == []

    def heard(self, reply: Reply) -> None:
        """Keep what the author says on the way."""
        if isinstance(reply, Turn):
            self.turns.append(reply)
        elif isinstance(reply, Progress):
            self.progress.append(reply)
        elif isinstance(reply, Finding):
            self.findings[reply.about] = reply.text

    def answering(self, answer: Answers | None) -> Answers:
        """Return what keeps each question, and answers it."""

        def answered(question: Question) -> Answer:
            self.questions.append(question)
            return answer(question) if answer else Answer(number=question.number, text="There is none.")

        return answered

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
    with ExitStack() as left:

        def write(
            plays: Author, request: AuthorRequest | None = None, answer: Answers | None = None, **settings: Any
        ) -> Outcome:
            outcome = Outcome(left.enter_context(ScriptedLlm(plays)))
            prepared = Settings.load(data=tmp_path / "data", **{**outcome.llm.settings(), **settings})
            builder = left.enter_context(closing(Builder(prepared)))
            with outcome.kept():
                outcome.result = builder.build(
                    request or asked(), outcome.heard, on_turn=outcome.heard, answer=outcome.answering(answer)
                )
            return outcome

        yield write


@pytest.fixture
def author_here(tmp_path: Path) -> Iterator[Callable[..., Outcome]]:
    """Return the same function for this very process, which is quicker where nothing is compiled."""
    with ExitStack() as left:

        def write(plays: Author, request: AuthorRequest) -> Outcome:
            outcome = Outcome(left.enter_context(ScriptedLlm(plays)))
            settings = Settings.load(data=tmp_path / "data", **outcome.llm.settings())
            machine = Machine.of(settings).model_copy(update={"llm": Endpoint.of(settings)})
            with outcome.kept():
                outcome.result = author_write(request, machine, outcome.heard, outcome.answering(None))
            return outcome

        yield write

"""Talking with a builder: questions answered while it is listened to, turns passed on, keys for authors alone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.building.answering import MAX_WAITING
from tacit.building.client import Builder
from tacit.building.orders import AuthorRequest, Budget, BuildRequest, Request
from tacit.building.protocol import Answer, Progress, Question, Turn
from tacit.config import Settings
from tacit.errors import BuilderFailed, BuildRefused, LlmError, LlmMissing, StoreBusy, UnknownCapability

PREAMBLE = """
import json, sys, time
def say(**reply):
    print(json.dumps(reply), flush=True)
def progress(message):
    say(kind="progress", stage="compile", message=message, fraction=0.5)
def ask(number, query="x"):
    say(kind="question", number=number, asks="search", query=query)
def heard():
    return json.loads(sys.stdin.readline())
def result():
    say(kind="result", wasm="AGFzbQ==", digest="d", effects=[], toolchain="t", tests=[], seconds={})
order = heard()
"""
MODEL = {"llm_model": "m", "openai_api_key": "sk-0123456789", "grants": {"http": ["api.example.com"]}}
AUTHOR = AuthorRequest(job="j", task="t", budget=Budget(tokens=1, llm_calls=1, attempts=1))
CALLER = BuildRequest(job="j", id="some_id", source={"main.rs": ""})
Make = Callable[..., Builder]


@pytest.fixture
def builder_of(tmp_path: Path) -> Iterator[Make]:
    """Make builders whose subprocess is the program given, after the preamble."""
    made: list[Builder] = []

    def make(program: str, **settings: Any) -> Builder:
        command = (sys.executable, "-S", "-c", PREAMBLE + program)
        made.append(Builder(Settings.load(data=tmp_path, **{**MODEL, **settings}), command=command))
        return made[-1]

    yield make
    for builder in made:
        builder.close()


def told(builder: Builder, request: Request = AUTHOR, **options: Any) -> list[str]:
    """Build, and return the messages of the progress."""
    seen: list[Progress] = []
    builder.build(request, seen.append, **options)
    return [each.message for each in seen]


def test_a_question_is_answered(builder_of: Make) -> None:
    """The answer of that number arrives as a line on stdin."""
    program = "ask(7, 'q'); progress(json.dumps(heard())); result()"
    answers: Callable[[Question], Answer] = lambda question: Answer(number=0, text=question.query * 2)  # noqa: E731
    assert told(builder_of(program), answer=answers) == ['{"number": 7, "text": "qq", "refused": false, "callees": {}}']


def test_a_slow_answer_holds_nothing_up(builder_of: Make) -> None:
    """What the builder says is heard while its question is still being answered."""
    heard = threading.Event()

    def answer(question: Question) -> Answer:
        assert heard.wait(20), "the progress waited for the answer"
        return Answer(number=question.number)

    def on_progress(_: Progress) -> None:
        heard.set()

    program = "ask(1); progress('meanwhile'); heard(); result()"
    assert builder_of(program).build(AUTHOR, on_progress, answer=answer).digest == "d"


def test_a_large_answer_to_one_who_does_not_read_holds_nothing_up(builder_of: Make) -> None:
    """An answer that fills the pipe waits until the builder reads it."""
    program = "ask(1); [progress('x' * 1000) for _ in range(300)]; progress(str(len(heard()['text']))); result()"
    said = told(builder_of(program), answer=lambda question: Answer(number=1, text="y" * 3_000_000))
    assert (len(said), said[-1]) == (301, "3000000")


def test_a_flood_of_questions_ends_the_build(builder_of: Make) -> None:
    """A builder that goes on asking without hearing is ended."""
    stuck = threading.Event()
    program = f"[ask(number) for number in range({MAX_WAITING * 3})]; time.sleep(60)"
    with pytest.raises(BuilderFailed, match="more questions"):
        told(builder_of(program), answer=lambda _: stuck.wait(20) and Answer(number=0))
    stuck.set()


@pytest.mark.parametrize(
    ("error", "said"),
    [(UnknownCapability("There is no such thing."), "no such thing"), (ZeroDivisionError("/etc/secret"), "broke")],
)
def test_an_answer_that_fails_is_an_answer(builder_of: Make, error: Exception, said: str) -> None:
    """The author is told that its question cannot be answered, and nothing of the inside."""

    def answer(_: Question) -> Answer:
        raise error

    text = told(builder_of("ask(1); progress(heard()['text']); result()"), answer=answer)[0]
    assert said in text
    assert "secret" not in text


def test_turns_arrive_as_they_come(builder_of: Make) -> None:
    """Each exchange with the model is passed on before the build has ended."""
    turns: list[Turn] = []
    program = (
        "usage = {'llm_calls': 1, 'prompt_tokens': 5}\n"
        "say(kind='turn', step='tests', sent=[{'role': 'user'}], reply={'role': 'assistant'}, usage=usage)\n"
        "progress('after'); result()"
    )
    counts: list[int] = []
    builder_of(program).build(AUTHOR, lambda _: counts.append(len(turns)), on_turn=turns.append)
    assert (counts, turns[0].usage.tokens, turns[0].step) == ([1], 5, "tests")


def test_who_listens_to_turns_can_end_the_build(builder_of: Make) -> None:
    """A budget that is used up ends the builder at once."""
    program = "say(kind='turn', step='s', sent=[], reply={}, usage={}); time.sleep(60)"

    def stop(_: Turn) -> None:
        raise BuildRefused("budget", "Used up.")

    with pytest.raises(BuildRefused, match="Used up"):
        builder_of(program).build(AUTHOR, on_turn=stop)


def test_only_authors_get_the_model_and_the_web(builder_of: Make) -> None:
    """A caller's build learns neither the key nor the granted hosts; an author's gets both."""
    program = (
        "m = order['machine']; progress(json.dumps([m['llm'] and m['llm']['api_key'], m['web']['http']])); result()"
    )
    assert told(builder_of(program), AUTHOR) == ['["sk-0123456789", ["api.example.com"]]']
    assert told(builder_of(program), CALLER) == ["[null, []]"]


def test_authors_have_a_time_of_their_own(builder_of: Make) -> None:
    """`author_seconds` bounds an author, whatever one compilation may take."""
    with pytest.raises(BuildRefused, match=r"longer than 0\.5 seconds"):
        told(builder_of("time.sleep(60)", author_seconds=0.5))


def test_without_a_model_no_author_starts(builder_of: Make) -> None:
    """An order for an author is refused where no model is configured."""
    with pytest.raises(LlmMissing):
        told(builder_of("result()", llm="none"))


def _kinds(error: type[LlmError]) -> list[type[LlmError]]:
    return [error, *(each for below in error.__subclasses__() for each in _kinds(below))]


@pytest.mark.parametrize("error", _kinds(LlmError))
def test_every_trouble_with_a_model_keeps_its_class(builder_of: Make, error: type[LlmError]) -> None:
    """What the builder says of the model arrives as the error that says so."""
    program = f"say(kind='failure', code={error.code!r}, message='Mend me.', hint='Set it.')"
    with pytest.raises(error, match="Mend me") as raised:
        told(builder_of(program))
    assert (type(raised.value), raised.value.hint) == (error, "Set it.")


def test_what_a_listener_raises_passes_through(builder_of: Make) -> None:
    """An error of the store while a turn is kept is not taken for the builder's."""

    def busy(_: Turn) -> None:
        raise StoreBusy("The database is busy.")

    with pytest.raises(StoreBusy):
        builder_of("say(kind='turn', step='s', sent=[], reply={}, usage={}); result()").build(AUTHOR, on_turn=busy)


FOUND = """
say(kind="finding", about="The cause", text="first")
say(kind="finding", about="Gone", text="wrong")
say(kind="finding", about="The cause", text="then this")
say(kind="finding", about="Gone", text="")
"""


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ('say(kind="refusal", stage="tests", message="no")', BuildRefused),
        ('say(kind="failure", code="llm_overloaded", message="no")', LlmError),
        ("time.sleep(60)", BuildRefused),
    ],
    ids=["refused", "without a model", "out of time"],
)
def test_what_an_author_found_out_outlives_its_build(builder_of: Make, end: str, error: type[Exception]) -> None:
    """However it ends, the latest of each finding is among the error's details; none is, where it was taken back."""
    with pytest.raises(error) as caught:
        told(builder_of(f"{FOUND}{end}", author_seconds=3))
    assert caught.value.details["learnt"] == "The cause:\nthen this"  # type: ignore[attr-defined]

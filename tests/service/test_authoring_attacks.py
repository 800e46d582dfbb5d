"""What the arguments of `mutate_capability` may try against the service, its store and whoever reads the answers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from service_samples import WORD_COUNT, OpenApp, word_count

from tacit.app import App
from tacit.errors import BuildRefused, UnknownJob
from tacit.models import MutateAnswer, MutateRequest
from tacit.service.jobs import MAX_OF_SESSION, MAX_UNFINISHED, Job, Jobs

GOOD = [
    {"name": "one", "input": {"text": "a"}, "expect": {"output": {"words": 1}}},
    {"name": "none", "input": {"text": ""}, "expect": {"output": {"words": 0}}},
]


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_force_takes_over_no_existing_id(app: App) -> None:
    """`force` registers beside a near duplicate; an id that exists is replaced only by what passes its tests."""
    answer = app.service.mutate(word_count(id="reverse_string", force=True))
    assert (answer.status, answer.stage) == ("refused", "duplicate")
    assert app.service.show("reverse_string")["version"] == 1


@pytest.mark.parametrize("value", ["\ud800", float("nan"), 10**5000], ids=["surrogate", "nan", "vast"])
def test_a_test_that_is_no_json_is_refused(value: object, open_app: OpenApp) -> None:
    """What a caller's program can say and JSON cannot is refused before anything is compiled."""
    test = {"name": "odd", "input": {"text": value}, "expect": {"error": "invalid_input"}}
    answer = open_app().service.mutate(word_count(tests=[test, *GOOD]), wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", "request")


@pytest.mark.parametrize("depth", [120, 230, 900])
def test_a_test_that_nests_without_end_is_refused(depth: int, open_app: OpenApp) -> None:
    """An input nested deeper than the builder reads is the caller's fault, not the builder's."""
    deep: object = 1
    for _ in range(depth):
        deep = {"text": deep}
    test = {"name": "deep", "input": deep, "expect": {"error": "invalid_input"}}
    answer = open_app().service.mutate(word_count(tests=[test, *GOOD]), wait_seconds=60)
    assert (answer.status, answer.stage) == (("refused", "request") if depth > 120 else ("registered", None))


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "Counts words. \x1b[2J And clears the screen."},
        {"summary": "Counts words. \u202e.sdrow stnuoC"},
        {"examples": ["count \x9b2J words"]},
        {"examples": [f"count words for the {number}th time" for number in range(51)]},
        {"examples": ["count " * 100]},
    ],
    ids=["escape", "direction", "control", "many", "long"],
)
def test_what_search_shows_is_plain_and_short(changes: dict[str, object], app: App) -> None:
    """Summaries and example tasks steer no terminal, hide nothing, and are few enough to be embedded."""
    answer = app.service.mutate(word_count(**changes))
    assert (answer.status, answer.stage) == ("refused", "request")


def test_a_refused_request_fills_no_store(open_app: OpenApp) -> None:
    """The tests that came with a build are not kept with the build."""
    app = open_app()
    before = size_of(app.settings.data)
    test = {"name": "vast", "input": {"text": "a"}, "files": {"a.txt": "x" * (33 << 20)}, "expect": {"output": 1}}
    assert app.service.mutate(word_count(tests=[test]), wait_seconds=60).stage == "request"
    assert size_of(app.settings.data) - before < 1 << 20


def test_source_below_src_is_kept_as_it_is_exported(open_app: OpenApp) -> None:
    """`src/main.rs` and `main.rs` are one file, so what is exported can be imported."""
    service = open_app().service
    service.mutate(word_count(source={"src/main.rs": WORD_COUNT}), wait_seconds=60)
    assert list(service.show("count_words")["source"]) == ["main.rs"]


def test_builds_that_wait_are_bounded() -> None:
    """Each build that waits holds its source and tests, so a flood of them is refused, until some have ended."""
    jobs, go_on = Jobs(), threading.Event()

    def build(_: Job) -> MutateAnswer:
        go_on.wait()
        return MutateAnswer(status="registered")

    started = [jobs.start(Job(str(number)), build) for number in range(MAX_UNFINISHED)]
    with pytest.raises(BuildRefused, match="wait already"):
        jobs.require_room()
    go_on.set()
    assert started[0].wait(20, None) is not None
    jobs.require_room()


def test_one_session_leaves_others_builds_to_begin() -> None:
    """A session that has begun as many as one may is refused more, and another one is not."""
    jobs, go_on = Jobs(), threading.Event()

    def build(_: Job) -> MutateAnswer:
        go_on.wait()
        return MutateAnswer(status="registered")

    for number in range(MAX_OF_SESSION):
        jobs.require_room("a")
        jobs.start(Job(str(number), session="a"), build)
    with pytest.raises(BuildRefused, match="of this session are under way"):
        jobs.require_room("a")
    jobs.require_room("b")
    go_on.set()


def test_an_unknown_job_is_quoted_in_short(app: App) -> None:
    """A job that was never given does not come back in full."""
    with pytest.raises(UnknownJob) as unknown:
        app.service.mutate(MutateRequest(job="x" * 100_000))
    assert len(str(unknown.value)) < 300

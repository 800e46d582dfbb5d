"""Reflection end to end: a version fails, a scripted model repairs it in the background, and the repair runs next."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from reflection_samples import (
    CAUSE,
    SHARE_FLATTERING,
    SHARE_TESTS,
    OpenApp,
    add_share,
    diagnose,
    mend,
    repairer,
    share,
)
from scripted_llm import Author, ChatRequest, Says, ScriptedLlm, hang, say

from tacit.app import App
from tacit.errors import CapabilityDeprecated, TacitError
from tacit.models import MutateAnswer, MutateRequest

Llm = Callable[[Author], ScriptedLlm]
Opened = Callable[..., App]
ZERO = {"part": 7, "total": 0}
NUMBERS = itertools.count(8)
FAILS = """
import sys
from pathlib import Path
import tacit
from tacit.config import Settings
from tacit.errors import CapabilityFailed
with tacit.open(Settings.load(data=Path(sys.argv[1]), embedder="none", shipped=False, **eval(sys.argv[2]))) as app:
    for part in range(2):
        try:
            app.service.run("calculate_share", {"part": part, "total": 0})
        except CapabilityFailed as error:
            print(error.details.get("repair", ""), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def llm() -> Iterator[Callable[[Author], ScriptedLlm]]:
    """Return a function that starts a model which an author plays."""
    started: list[ScriptedLlm] = []

    def start(author: Author) -> ScriptedLlm:
        started.append(ScriptedLlm(author).__enter__())
        return started[-1]

    yield start
    for each in started:
        each.__exit__()
        assert each.violations == []


@pytest.fixture
def opened(open_app: OpenApp, share_module: bytes, llm: Llm) -> Opened:
    """Return a function that opens an app with `calculate_share`, and with a model if an author is given."""

    def opening(author: Author | None = None) -> App:
        app = open_app(**(llm(author).settings() if author else {}))
        add_share(app, share_module)
        return app

    return opening


@pytest.fixture
def app(opened: Opened) -> App:
    """An app with `calculate_share` and a model that repairs it."""
    return opened(repairer())


def fails(app: App, times: int = 1, session: str | None = None) -> TacitError:
    """Run `calculate_share` on parts of a total of zero, each another one, and return the last error."""
    error: TacitError | None = None
    for _ in range(times):
        with pytest.raises(TacitError) as raised:
            app.service.run("calculate_share", {"part": next(NUMBERS), "total": 0}, session=session)
        error = raised.value
    assert error is not None
    return error


def repaired(app: App, error: TacitError) -> MutateAnswer:
    """Wait for the repair that an error names."""
    return app.service.mutate(MutateRequest(job=error.details["repair"]), wait_seconds=60)


def test_the_second_failure_starts_a_repair(app: App) -> None:
    """The first failure alone does not; the hint of the second names the job, and how to wait for it."""
    assert "repair" not in fails(app).details
    error = fails(app)
    assert f'A repair is under way: mutate_capability with only {{"job": "{error.details["repair"]}"}}' in error.hint


def test_a_repeated_input_starts_no_repair(app: App) -> None:
    """A model is paid for what fails on more than one input; while one is at it, whoever repeats one is told."""
    for session in ("a", "b", "c"):
        with pytest.raises(TacitError) as raised:
            app.service.run("calculate_share", ZERO, session=session)
        assert "repair" not in raised.value.details
    started = fails(app).details["repair"]
    with pytest.raises(TacitError) as raised:
        app.service.run("calculate_share", ZERO, session="c")
    assert raised.value.details["repair"] == started


def test_the_next_call_runs_the_repaired_version(app: App) -> None:
    """The next version is registered, found by search, and gives what the summary promises."""
    answer = repaired(app, fails(app, 2))
    assert (answer.status, answer.version, answer.parent) == ("registered", 2, "calculate_share@1")
    assert answer.message == f"It repairs calculate_share@1: {CAUSE}"
    found = app.service.search("calculate_share").hits[0]
    assert (found.id, found.version) == ("calculate_share", 2)
    run = app.service.run("calculate_share", ZERO)
    assert (run.version, run.output) == (2, {"percent": 0})


def test_a_repair_is_linked_to_the_failure(app: App) -> None:
    """Its origin has the failed run, the cause, the model, what that used, and the transcript."""
    error = fails(app, 2)
    repaired(app, error)
    origin = app.catalog.origin("calculate_share", 2)
    assert (origin.failure, origin.cause, origin.job) == (error.details["run_id"], CAUSE, error.details["repair"])
    assert origin.usage.llm_calls == 4
    assert {turn["step"] for turn in origin.turns()} == {"diagnosis", "implementation"}
    assert app.catalog.get("calculate_share", 2).author == origin.model == "scripted"


def test_a_repair_is_audited(app: App) -> None:
    """The audit log has the policy as actor, and what was repaired why."""
    error = fails(app, 2)
    repaired(app, error)
    entry = app.service.audit_log(1)[0]
    assert (entry["actor"], entry["action"], entry["version"]) == ("policy", "repair", 2)
    assert entry["details"]["repairs"] == "calculate_share@1"
    assert entry["details"]["run"] == error.details["run_id"]


def test_a_deprecated_version_names_its_repair(opened: Opened) -> None:
    """A third failure while the repair goes on deprecates the version; the repair is offered in its place."""
    goes_on = threading.Event()

    def author(request: ChatRequest) -> Says:
        goes_on.wait()
        return repairer()(request)

    app = opened(author)
    fails(app, 2)
    error = fails(app, session="another")
    assert "is deprecated now" in error.hint
    assert "A repair is under way" in error.hint
    goes_on.set()
    assert repaired(app, error).version == 2
    assert app.service.run("calculate_share", ZERO).version == 2
    with pytest.raises(CapabilityDeprecated, match="Run calculate_share instead"):
        app.service.run("calculate_share", ZERO, version=1)


def test_without_a_model_nothing_is_repaired(opened: Opened) -> None:
    """Failures are counted and deprecate all the same."""
    app = opened()
    assert "repair" not in fails(app, 2).details
    assert "is deprecated now" in fails(app, session="another").hint


def test_a_refused_repair_registers_nothing(opened: Opened) -> None:
    """What breaks a recorded run is not registered; the build's record keeps the cause."""
    app = opened(repairer(mending=mend(SHARE_FLATTERING)))
    error = fails(app, 2)
    answer = repaired(app, error)
    assert (answer.status, answer.stage) == ("refused", "verification")
    assert len(app.catalog.history("calculate_share")) == 1
    record = app.catalog.store.builds.get(error.details["repair"])
    assert record is not None
    assert (record.status, CAUSE in record.learnt) == ("refused", True)


def test_a_version_gets_as_many_repairs_as_the_policy_says(
    opened: Opened,
) -> None:
    """By default two; after them it fails without another one."""
    shows_nothing = repairer([diagnose({**SHARE_TESTS[0], "name": "a half again"})])
    app = opened(shows_nothing)
    app.service.set_policy("failure_handling", {"deprecate_after": 100})
    first = fails(app, 2)
    repaired(app, first)
    second = fails(app)
    repaired(app, second)
    assert first.details["repair"] != second.details["repair"]
    assert "repair" not in fails(app).details


def test_a_used_up_budget_starts_no_repair(app: App) -> None:
    """Where the day's budget is used up, the version fails as it would without a model."""
    app.service.set_policy("cost_limits", {"tokens_per_day": 0})
    assert "repair" not in fails(app, 2).details


def test_a_model_that_gives_up_leaves_a_record(opened: Opened) -> None:
    """A repair by a model that calls no tools fails with what to change, and runs go on."""
    app = opened(repairer([say("I give up.")]))
    error = fails(app, 2)
    with pytest.raises(TacitError, match="TACIT_LLM_MODEL"):
        repaired(app, error)
    record = app.catalog.store.builds.get(error.details["repair"])
    assert record is not None
    assert record.status == "failed"
    assert app.service.run("calculate_share", {"part": 1, "total": 2}).output == {"percent": 50}


def test_a_newer_version_is_not_replaced(opened: Opened) -> None:
    """What somebody registered while the repair went on stays; the repair is not registered."""
    goes_on = threading.Event()

    def author(request: ChatRequest) -> Says:
        goes_on.wait()
        return repairer()(request)

    app = opened(author)
    error = fails(app, 2)
    changed = share(parent_id="calculate_share", examples=("What part of ten is five?",))
    assert app.service.mutate(changed, wait_seconds=60).version == 2
    goes_on.set()
    answer = repaired(app, error)
    assert (answer.status, answer.stage) == ("refused", "register")
    assert app.catalog.get("calculate_share").version == 2


def test_closing_ends_a_repair(open_app: OpenApp, share_module: bytes, llm: Llm) -> None:
    """A repair whose model hangs ends with the app, and its record says that it was cancelled."""
    model = llm(lambda _: hang())
    app = open_app(**model.settings())
    add_share(app, share_module)
    job = fails(app, 2).details["repair"]
    model.asked.wait()
    app.close()
    record = open_app().catalog.store.builds.get(job)
    assert record is not None
    assert record.status == "cancelled"


def test_one_repair_in_all_processes_and_a_kill_leaves_nothing_half(
    open_app: OpenApp, opened: Opened, llm: Llm, tmp_path: Path
) -> None:
    """While another process repairs, its job is named here; once it is killed, another repair may start."""
    model = llm(lambda _: hang())
    app = opened()
    app.service.set_policy("failure_handling", {"deprecate_after": 100})
    app.close()
    other = subprocess.Popen(
        [sys.executable, "-c", FAILS, str(tmp_path / "data"), repr(model.settings())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    told = [other.stdout.readline().strip() for _ in range(2)]
    model.asked.wait()
    here = open_app(**llm(repairer()).settings())
    assert [fails(here).details["repair"], told[0]] == [told[1], ""]
    other.send_signal(signal.SIGKILL)
    other.communicate()
    error = fails(here)
    assert error.details["failures_in_row"] == 4
    assert error.details["repair"] != told[1]
    lost = here.catalog.store.builds.get(told[1])
    assert lost is not None
    assert (lost.status, len(here.catalog.history("calculate_share"))) == ("lost", 1)
    assert repaired(here, error).version == 2


def test_keys_are_in_no_record(app: App) -> None:
    """Neither the transcript nor the record of a repair holds the model's key."""
    error = fails(app, 2)
    repaired(app, error)
    record = app.catalog.store.builds.get(error.details["repair"])
    assert record is not None
    origin = app.catalog.origin("calculate_share", 2)
    kept = json.dumps([origin.as_json(), origin.turns(), record.result, record.request, record.learnt])
    assert "sk-scripted" not in kept


@pytest.mark.parametrize(
    ("action", "options"),
    [("deprecate", {"version": 2}), ("rollback", {"version": 1}), ("archive", {"version": 2})],
    ids=["deprecates it", "rolls it back", "archives it"],
)
def test_what_a_person_decides_meanwhile_wins(
    open_app: OpenApp, share_module: bytes, llm: Llm, action: str, options: dict[str, int]
) -> None:
    """A repair is not registered once a person, in whichever process, has decided what is offered instead."""
    goes_on = threading.Event()

    def author(request: ChatRequest) -> Says:
        goes_on.wait()
        return repairer()(request)

    app = open_app(**llm(author).settings())
    add_share(app, share_module)
    add_share(app, share_module, examples=("What part of ten is five?",))
    error = fails(app, 2)
    getattr(open_app().service, action)("calculate_share", **options, actor="cli")
    goes_on.set()
    answer = repaired(app, error)
    assert (answer.status, answer.stage) == ("refused", "register")
    assert app.service.run("calculate_share", {"part": 1, "total": 2}).version == 1
    assert len(app.catalog.history("calculate_share")) == 2


def test_a_version_that_was_gone_back_to_is_repaired(app: App, share_module: bytes) -> None:
    """A newer version that a person rolled back does not keep the older one from being mended."""
    add_share(app, share_module, examples=("What part of ten is five?",))
    app.service.rollback("calculate_share", 1)
    answer = repaired(app, fails(app, 2))
    assert (answer.status, answer.version, answer.parent) == ("registered", 3, "calculate_share@1")
    assert app.service.run("calculate_share", ZERO).version == 3

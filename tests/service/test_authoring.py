"""Making capabilities through the service, with the real builder and compiler."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from service_samples import WORD_COUNT, OpenApp, word_count

from tacit.app import App
from tacit.errors import InvalidArgument, RunCancelled, UnknownCapability, UnknownJob
from tacit.models import MutateRequest
from tacit.sandbox import Cancellation

SLOW = word_count(id="count_slowly", source=WORD_COUNT + "\nconst _: [u64; 3] = [1, 2, 3];\n")


def test_without_source_the_answer_is_a_brief(app: App) -> None:
    """A task alone is answered with what an author needs, the nearest capability's source included."""
    answer = app.service.mutate(MutateRequest(task="What does an employee earn in pounds?"))
    assert answer.status == "needs_source"
    assert answer.brief is not None
    assert answer.brief.nearest is not None
    assert answer.brief.nearest["id"] == "get_salary_details"
    assert "main.rs" in answer.brief.nearest["source"]
    assert answer.brief.nearest["tests"]


def test_a_named_parent_is_the_nearest(app: App) -> None:
    """A parent that the caller names is what the brief starts from."""
    answer = app.service.mutate(MutateRequest(task="Say hello", parent_id="reverse_string"))
    assert answer.brief is not None
    assert answer.brief.nearest is not None
    assert answer.brief.nearest["id"] == "reverse_string"


def test_an_empty_request(app: App) -> None:
    """A request that says nothing is refused with what to say."""
    with pytest.raises(InvalidArgument, match="task"):
        app.service.mutate(MutateRequest())


def test_an_unknown_parent(app: App) -> None:
    """A parent that does not exist is named."""
    with pytest.raises(UnknownCapability):
        app.service.mutate(MutateRequest(task="x", parent_id="nobody_knows"))


def test_source_becomes_a_capability_that_is_found_and_run(open_app: OpenApp) -> None:
    """Source and tests are built, tested and registered; the next call finds and runs the result."""
    service = open_app().service
    answer = service.mutate(word_count(), wait_seconds=60)
    assert (answer.status, answer.id, answer.version) == ("registered", "count_words", 1)
    assert [test.passed for test in answer.tests] == [True, True]
    assert service.search("how many words are in this sentence").hits[0].id == "count_words"
    assert service.run("count_words", {"text": "a b c"}).output == {"words": 3}


def test_it_is_remembered_after_a_restart(open_app: OpenApp) -> None:
    """A capability made before the app closed runs after it opens again."""
    first = open_app()
    assert first.service.mutate(word_count(), wait_seconds=60).status == "registered"
    first.close()
    assert open_app().service.run("count_words", {"text": "a"}).output == {"words": 1}


def test_progress_names_the_stages(open_app: OpenApp) -> None:
    """The stages of a build are reported in order, with a growing fraction."""
    seen: list[tuple[str, float]] = []
    open_app().service.mutate(word_count(), wait_seconds=60, on_progress=lambda *step: seen.append(step))
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert any(message.startswith("compile") for message, _ in seen)


def test_the_same_id_needs_its_parent_named(app: App) -> None:
    """An id that exists is refused as a duplicate unless it is said to be a new version."""
    answer = app.service.mutate(word_count(id="reverse_string"))
    assert (answer.status, answer.stage) == ("refused", "duplicate")
    assert "parent_id" in answer.hint


def test_a_near_duplicate_is_refused(open_app: OpenApp) -> None:
    """What an active capability does already is refused, naming that capability."""
    service = open_app(embedder="auto").service
    request = word_count(
        id="string_reverser",
        summary="Reverses a string, character by character.",
        examples=["Reverse the string hello", "Spell this backwards"],
    )
    answer = service.mutate(request)
    assert (answer.status, answer.stage) == ("refused", "duplicate")
    assert "reverse_string" in answer.closest


def test_force_registers_it_beside(open_app: OpenApp) -> None:
    """With force, a near-duplicate is built and registered."""
    service = open_app(embedder="auto").service
    request = word_count(id="string_reverser", summary="Reverses a string, character by character.", force=True)
    assert service.mutate(request, wait_seconds=60).status == "registered"


def test_a_new_version_passes_the_parents_tests_too(open_app: OpenApp) -> None:
    """A new version that breaks a test of its parent is refused, and the parent stays."""
    service = open_app().service
    service.mutate(word_count(), wait_seconds=60)
    worse = WORD_COUNT.replace("input.text.split_whitespace().count()", "input.text.len()")
    test = {"name": "one letter", "input": {"text": "a"}, "expect": {"output": {"words": 1}}}
    answer = service.mutate(word_count(parent_id="count_words", source=worse, tests=[test]), wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", "tests")
    assert service.show("count_words")["version"] == 1


def test_a_new_version_inherits_what_is_left_out(open_app: OpenApp) -> None:
    """Id, parent and source alone make a new version with the parent's summary, schemas and tests."""
    service = open_app().service
    service.mutate(word_count(), wait_seconds=60)
    better = WORD_COUNT.replace("fn count(", "// counted by white space\nfn count(")
    request = MutateRequest(id="count_words", parent_id="count_words", source=better)
    answer = service.mutate(request, wait_seconds=60)
    assert (answer.status, answer.version, answer.parent) == ("registered", 2, "count_words@1")
    shown = service.show("count_words")
    assert shown["summary"] == word_count().summary
    assert [row["version"] for row in service.history("count_words")] == [1, 2]
    assert service.run("count_words", {"text": "a b"}, version=1).version == 1


def test_what_changes_nothing_says_so(open_app: OpenApp) -> None:
    """The same source, manifest and tests again are no new version, and the answer does not pretend one."""
    service = open_app().service
    first = service.mutate(word_count(), wait_seconds=60)
    again = service.mutate(word_count(parent_id="count_words"), wait_seconds=60)
    assert (first.version, again.version) == (1, 1)
    assert (first.message.startswith("Run it"), again.message.startswith("Nothing changed")) == (True, True)


def test_a_child_keeps_its_parents_name(open_app: OpenApp) -> None:
    """Another id with a parent is a child: version 1, linked to its parent."""
    service = open_app().service
    answer = service.mutate(word_count(parent_id="reverse_string"), wait_seconds=60)
    assert (answer.version, answer.parent) == (1, "reverse_string@1")


def expecting(text: str, words: int) -> dict[str, object]:
    """Return a test of `count_words`."""
    return {"name": f"words of {text!r}", "input": {"text": text}, "expect": {"output": {"words": words}}}


@pytest.mark.parametrize(
    ("changes", "stage", "named"),
    [
        ({"source": "fn main() { let x: u8 = 300; }"}, "compile", "300"),
        ({"source": 'fn main() { print!("{}", include_str!("/etc/passwd")); }'}, "compile", ""),
        ({"source": "use reqwest::get; fn main() {}"}, "compile", "reqwest"),
        ({"tests": [expecting("a", 7), expecting("", 0)]}, "tests", "expected 7, got 1"),
        ({"tests": [expecting("a", 1)]}, "tests", "always answers"),
        ({"tests": []}, "request", "tests"),
        ({"summary": ""}, "request", "summary"),
        ({"source": {"lib.rs": "fn x() {}"}}, "request", "main.rs"),
        ({"source": {"main.rs": WORD_COUNT, "build.rs": "fn main() {}"}}, "request", "build.rs"),
        ({"source": {"main.rs": WORD_COUNT, "../x.rs": ""}}, "request", "../x.rs"),
        ({"input_schema": {"type": "nonsense"}}, "request", "nonsense"),
        ({"input_schema": {"$ref": "http://127.0.0.1:9/x"}}, "request", "ref"),
    ],
)
def test_a_refusal_names_its_stage_and_leaves_nothing(
    open_app: OpenApp, changes: dict[str, object], stage: str, named: str
) -> None:
    """What cannot be built is refused at its stage with what was wrong, and nothing is registered."""
    service = open_app().service
    answer = service.mutate(word_count(**changes), wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", stage)
    assert named in answer.model_dump_json()
    assert "root:" not in answer.model_dump_json()
    assert "count_words" not in {row["id"] for row in service.list(include_deprecated=True)}


def test_an_effect_without_its_permission_is_refused(open_app: OpenApp) -> None:
    """Source that reads files without asking for it is refused, naming the permission to ask for."""
    source = WORD_COUNT.replace("Ok(Output", 'let _ = capability_common::file_read("a.txt")?; Ok(Output')
    answer = open_app().service.mutate(word_count(source=source), wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", "permissions")
    assert "read" in answer.message + answer.hint


def test_what_is_not_granted_is_named(open_app: OpenApp) -> None:
    """A capability whose permissions are not granted is registered, and the answer names what is missing."""
    answer = open_app().service.mutate(word_count(permissions={"http": ["api.example.com"]}), wait_seconds=60)
    assert answer.status == "registered"
    assert answer.permissions_not_granted is not None
    assert answer.permissions_not_granted.http == ("api.example.com",)


def test_of_two_builds_of_one_new_id_one_makes_it(open_app: OpenApp) -> None:
    """The other is refused as a duplicate once it is built, whichever comes first."""
    service = open_app().service
    barrier = threading.Barrier(2)

    def build(number: int) -> tuple[str, str | None]:
        barrier.wait()
        answer = service.mutate(word_count(source=f"{WORD_COUNT}\n// {number}\n"), wait_seconds=90)
        return answer.status, answer.stage

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(build, range(2))) == [("refused", "duplicate"), ("registered", None)]
    assert [row["version"] for row in service.history("count_words")] == [1]


def test_a_slow_build_answers_with_a_job(open_app: OpenApp) -> None:
    """A build that is not done in time answers with a job, which gives the result later."""
    service = open_app().service
    first = service.mutate(SLOW, wait_seconds=0)
    assert first.status == "building"
    assert first.job
    assert service.mutate(MutateRequest(job=first.job), wait_seconds=60).status == "registered"


def test_a_job_can_be_asked_for_from_another_server(open_app: OpenApp) -> None:
    """Another app on the same data folder answers for a job of the first."""
    first, second = open_app(), open_app()
    job = first.service.mutate(SLOW, wait_seconds=0).job
    assert second.service.mutate(MutateRequest(job=job), wait_seconds=60).status == "registered"


def test_an_unknown_job(app: App) -> None:
    """A job that was never given is named as such."""
    with pytest.raises(UnknownJob):
        app.service.mutate(MutateRequest(job="nothing"), wait_seconds=1)


def test_a_cancelled_build_leaves_nothing(open_app: OpenApp) -> None:
    """Cancelling a call stops its build, and nothing is registered."""
    service = open_app().service
    cancellation = Cancellation()

    def cancel(_message: str, _fraction: float) -> None:
        cancellation.cancel()

    with pytest.raises(RunCancelled):
        service.mutate(SLOW, wait_seconds=60, on_progress=cancel, cancellation=cancellation)
    assert "count_slowly" not in {row["id"] for row in service.list()}


def test_export_and_import_carry_a_version(open_app: OpenApp, tmp_path: Path) -> None:
    """An exported version, imported elsewhere, runs there."""
    service = open_app().service
    service.mutate(word_count(), wait_seconds=60)
    folder = service.export("count_words", tmp_path / "out")
    assert json.loads((folder / "meta.json").read_text())["id"] == "count_words"
    other = open_app(data=tmp_path / "other").service
    assert other.import_folder(folder)["id"] == "count_words"
    assert other.run("count_words", {"text": "a b"}).output == {"words": 2}


def test_two_servers_see_each_others_capabilities(open_app: OpenApp) -> None:
    """What one app registers, another on the same folder finds and runs on its next call."""
    first, second = open_app(), open_app()
    second.service.search("warm up")
    first.service.mutate(word_count(), wait_seconds=60)
    assert second.service.search("count_words").hits[0].id == "count_words"
    assert second.service.run("count_words", {"text": "a"}).output == {"words": 1}

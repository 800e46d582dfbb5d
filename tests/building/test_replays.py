"""Recorded runs of the version before, repeated on a new version by the real builder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import pytest

from tacit.building import Builder, BuildRequest, BuildResult
from tacit.building.orders import Replay
from tacit.config import Limits, Settings
from tacit.errors import BuildRefused
from tacit.models import Permissions, TestCase
from tacit.sandbox import Sandbox
from tacit.sandbox.worlds.fixture import FixtureWorld
from tacit.sandbox.worlds.recording import RecordingWorld, encode_calls

MakeBuilder = Callable[..., Builder]

PERMISSIONS = Permissions(read=("in/*",), write=("out/*.json",), time=True)
READER = """
use capability_common::{{current_time_millis, file_read_text, file_write, log, run, Error}};
use serde_json::{{json, Value}};

fn total(input: Value) -> Result<Value, Error> {{
    let factor = input["factor"].as_i64().unwrap_or(1);
    {body}
}}

fn main() {{ run(total) }}
"""
FIRST = READER.format(
    body="""
    let one: i64 = file_read_text("in/a.txt")?.trim().parse()?;
    let two: i64 = file_read_text("in/b.txt")?.trim().parse()?;
    let now = current_time_millis();
    log("first");
    file_write("out/total.json", format!("{{\\"total\\": {}}}", (one + two) * factor))?;
    Ok(json!({"total": (one + two) * factor, "at": now}))
"""
)


def case(factor: int, total: int) -> TestCase:
    """Return a test of the total of 1 and 2."""
    return TestCase.model_validate(
        {
            "name": f"times {factor}",
            "input": {"factor": factor},
            "files": {"in/a.txt": "1", "in/b.txt": "2", "in/c.txt": "3"},
            "now": 5,
            "expect": {"output": {"total": total, "at": 5}},
        }
    )


TESTS = (case(1, 3), case(2, 6))


def request(source: str, replays: Sequence[Replay] = (), **changes: Any) -> BuildRequest:
    """Return a request to build a version of the totaller."""
    given = {
        "job": "job",
        "id": "add_files",
        "source": {"main.rs": source},
        "permissions": PERMISSIONS,
        "tests": TESTS,
        "replays": tuple(replays),
    }
    return BuildRequest(**(given | changes))


def version(body: str) -> str:
    """Return a source whose function has this body."""
    return READER.format(body=body)


def record(built: BuildResult, factor: int = 10) -> Replay:
    """Run the module on files of 40 and 2, and return the record."""
    test = TestCase.model_validate(
        {
            "name": "r",
            "input": None,
            "files": {"in/a.txt": "40", "in/b.txt": "2\n"},
            "now": 77,
            "expect": {"error": "e"},
        }
    )
    world = RecordingWorld(FixtureWorld(test, PERMISSIONS))
    given = json.dumps({"factor": factor}).encode()
    with Sandbox(Limits(), workers=1) as sandbox:
        program = sandbox.load(sha256(built.wasm).hexdigest(), lambda: built.wasm)
        done = sandbox.run(program, given, world, now_millis=70, seed=b"seed")
    assert done.failure is None
    return Replay(
        run_id="r1",
        input=given,
        output=done.output,
        calls=encode_calls(world.calls),
        energy_limit=Limits().energy,
        now_millis=70,
        seed=b"seed",
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """A recorded run of the first version: 42 times 10, at 77."""
    builder = Builder(Settings.load(data=tmp_path_factory.mktemp("data")))
    try:
        return record(builder.build(request(FIRST)))
    finally:
        builder.close()


def replayed(make_builder: MakeBuilder, body: str, replay: Replay, **changes: Any) -> BuildResult:
    """Build a version against the recorded run."""
    return make_builder().build(request(version(body), [replay], **changes))


READ = """
let a: i64 = file_read_text("in/a.txt")?.trim().parse()?;
let b: i64 = file_read_text("in/b.txt")?.trim().parse()?;
"""
ANSWER = 'Ok(json!({"at": current_time_millis(), "total": (a + b) * factor}))'
WRITE = 'file_write("out/total.json", format!("{{ \\"total\\":{} }}", (a + b) * factor))?;'


def test_a_version_that_asks_in_another_order_is_the_same(make_builder: MakeBuilder, recorded: Replay) -> None:
    """Other order, a file read twice, other spacing of JSON: what counts is what comes out."""
    body = f'let _ = file_read_text("in/b.txt")?; let _ = current_time_millis(); {READ} {WRITE} {ANSWER}'
    result = replayed(make_builder, body, recorded)
    assert [(replay.name, replay.passed, replay.difference) for replay in result.replays] == [("run r1", True, "")]
    assert list(result.seconds)[-2:] == ["tests", "verification"]


def test_a_version_that_answers_otherwise_is_refused(make_builder: MakeBuilder, recorded: Replay) -> None:
    """Tests that pass do not excuse a recorded run that goes differently; input and difference are shown."""
    body = f"{READ} {WRITE} let factor = factor.min(2); {ANSWER}"
    with pytest.raises(BuildRefused) as refused:
        replayed(make_builder, body, recorded)
    assert refused.value.stage == "verification"
    assert refused.value.message == "1 of 1 recorded runs of the version before go differently now."
    assert all(word in refused.value.hint for word in ("add a test with that input", "force: true", "another id"))
    assert refused.value.details["tests"][0]["difference"] == (
        'with the input {"factor": 10}\nat $.total: expected 420, got 84'
    )


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        (f"{READ} {ANSWER}", "the file 'out/total.json': was written then, and now it is not"),
        (f'{READ} {WRITE} file_write("out/more.json", "1")?; {ANSWER}', "'out/more.json': was not written then"),
        (
            f'{READ} file_write("out/total.json", format!("{{{{\\"total\\":{{}}}}}}", factor))?; {ANSWER}',
            "the file 'out/total.json': expected",
        ),
        (f'{READ} {WRITE} if factor > 2 {{ return Err(Error::new("odd", "no")) }} {ANSWER}', "the run failed"),
        (f'{READ} {WRITE} if factor > 2 {{ loop {{ log(""); }} }} {ANSWER}', "the run failed"),
    ],
    ids=["not written", "more written", "other text", "fails", "loops"],
)
def test_what_a_run_leaves_behind_is_compared(
    body: str, difference: str, make_builder: MakeBuilder, recorded: Replay
) -> None:
    """Written files and failures count like outputs."""
    with pytest.raises(BuildRefused) as refused:
        replayed(make_builder, body, recorded.model_copy(update={"energy_limit": 50_000_000}))
    assert refused.value.stage == "verification"
    assert difference in refused.value.details["tests"][0]["difference"]


def test_a_change_that_a_test_asserts_is_wanted(make_builder: MakeBuilder, recorded: Replay) -> None:
    """A test of the new version with the same input says that the output may be another."""
    body = f"{READ} {WRITE} let factor = factor.min(2); {ANSWER}"
    result = replayed(make_builder, body, recorded, tests=(*TESTS, case(10, 6)))
    assert result.replays[0].passed
    assert "A test of the new version has the same input" in result.replays[0].difference


def test_what_was_never_asked_cannot_be_compared(make_builder: MakeBuilder, recorded: Replay) -> None:
    """A version that reads another file is not refused for it, and the result says so."""
    body = f'{READ} let _ = file_read_text("in/c.txt")?; {WRITE} {ANSWER}'
    result = replayed(make_builder, body, recorded)
    assert result.replays[0].passed
    assert result.replays[0].difference == (
        "Not comparable: It asked for file_read('in/c.txt'), which the recorded run did not."
    )


def test_permissions_that_shrank_fail_the_run(make_builder: MakeBuilder, recorded: Replay) -> None:
    """What the new manifest no longer asks for would be denied, so the run would fail."""
    body = f'let (a, b) = (1, 2); if factor > 2 {{ file_read_text("in/a.txt")?; }} {WRITE} {ANSWER}'
    with pytest.raises(BuildRefused) as refused:
        replayed(make_builder, body, recorded, permissions=PERMISSIONS.model_copy(update={"read": ("other/*",)}))
    assert "does not ask for" in refused.value.details["tests"][0]["difference"]


@pytest.mark.parametrize(
    ("field", "schema", "told"),
    [
        ("input_schema", {"properties": {"factor": {"maximum": 5}}}, "input_schema refuses the input now"),
        ("output_schema", {"properties": {"total": {"maximum": 50}}}, "output_schema, at $.total"),
    ],
)
def test_schemas_that_shrank_fail_the_run(
    field: str, schema: dict[str, Any], told: str, make_builder: MakeBuilder, recorded: Replay
) -> None:
    """What was taken and answered still has to be."""
    with pytest.raises(BuildRefused) as refused:
        replayed(make_builder, f"{READ} {WRITE} {ANSWER}", recorded, **{field: schema})
    assert (refused.value.stage, told in refused.value.details["tests"][0]["difference"]) == ("verification", True)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"calls": b"\x01garbage"}, "cannot be read"),
        ({"output": b"not json"}, "cannot be read"),
        ({"input": b"NaN"}, "cannot be read"),
        ({"failure": {"code": "trap", "message": "x"}}, "It failed then"),
    ],
)
def test_a_record_that_proves_nothing_is_noted(
    change: dict[str, Any], note: str, make_builder: MakeBuilder, recorded: Replay
) -> None:
    """Damaged records and failed runs hold nobody up."""
    result = replayed(make_builder, f"{READ} {WRITE} {ANSWER}", recorded.model_copy(update=change))
    assert (result.replays[0].passed, note in result.replays[0].difference) == (True, True)


def test_a_build_names_its_sdk(make_builder: MakeBuilder) -> None:
    """What was linked is part of the record: the fingerprint of the guest SDK."""
    sdk = make_builder().build(request(FIRST)).sdk
    assert (len(sdk), int(sdk, 16) > 0) == (16, True)


def test_a_suite_that_tells_nothing_is_refused_before_compiling(make_builder: MakeBuilder) -> None:
    """The gate holds for a caller's source, and costs no compilation; a parent's tests count as well."""
    seen: list[str] = []
    with pytest.raises(BuildRefused, match="tell too little") as refused:
        make_builder().build(request("no rust at all", tests=TESTS[:1]), lambda progress: seen.append(progress.stage))
    assert (refused.value.stage, seen) == ("tests", ["request"])
    result = make_builder().build(request(FIRST, tests=TESTS[:1], parent_tests=TESTS))
    assert [len(result.tests), len(result.parent_tests)] == [1, 1]

"""The crate `capability_common` as a guest has it: compiled to WebAssembly, against worlds that answer oddly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from tacit.config import Settings
from tacit.errors import CapabilityFailed, TacitError
from tacit.models import Expectation, Permissions, TestCase
from tacit.sandbox.engine import Sandbox
from tacit.sandbox.execution import Execution
from tacit.sandbox.world import Called, FailureCode, HostFailure, World
from tacit.sandbox.worlds.fixture import FixtureWorld
from tacit_builder.toolchain import compile_source, find_confinement, find_sdk, find_toolchain

SOURCE = """
use capability_common::{self as host, run, Error};
use serde_json::{json, Value};

fn main() {
    run(act)
}

fn act((action, argument): (String, String)) -> Result<Value, Error> {
    Ok(match action.as_str() {
        "panic" => panic!("no {argument} here"),
        "index" => json!(argument.as_bytes()[argument.len()]),
        "question mark" => json!(argument.parse::<i32>()?),
        "box" => json!(boxed(&argument)?),
        "read" => json!(host::file_read(&argument)?.len()),
        "read text" => json!(host::file_read_text(&argument)?),
        "write" => json!(host::file_write(&argument, "Grüße")?),
        "list" => json!(host::list_folder(&argument)?),
        "get" => host::http_get_json(&argument)?,
        "call" => host::capability_call(&argument, &json!({"n": 1}))?,
        "time" => json!(host::current_time_millis()),
        "log" => json!(host::log(&argument)),
        _ => return Err(Error::invalid_input("no such action")),
    })
}

fn boxed(text: &str) -> Result<bool, Box<dyn std::error::Error>> {
    if text == "own" {
        return Err(Error::new("own_code", "An error of the capability's own."))?;
    }
    Ok(text.parse()?)
}
"""
EVERYTHING = Permissions(http=("*",), read=("**",), write=("**",), time=True, call=("*",))
Act = Callable[..., Execution]


class Odd:
    """A world that answers every call with the same bytes or failure."""

    def __init__(self, answer: bytes | HostFailure) -> None:
        self._given = answer

    def _answer(self, *_: object) -> bytes:
        if isinstance(self._given, HostFailure):
            raise self._given
        return self._given

    http_get = file_read = _answer

    def capability_call(self, *_: object) -> Called:
        return Called(self._answer(), 0)

    def file_write(self, path: str, data: bytes) -> None:
        """Fail if that is what it does."""
        self._answer(path, data)

    def current_time_millis(self) -> int:
        """Tell the smallest time there is."""
        return -(1 << 63)

    def clock_time_get(self, now: int) -> int:
        """Tell the run's start."""
        return now


@pytest.fixture(scope="module")
def act(sandbox: Sandbox) -> Act:
    """Have a compiled guest do one action in a world."""
    settings = Settings.load()
    toolchain = find_toolchain(settings)
    confinement, sdk = find_confinement(settings), find_sdk(settings, toolchain)
    wasm = compile_source(toolchain, sdk, {"main.rs": SOURCE}, confinement=confinement, seconds=60).wasm
    program = sandbox.load(hashlib.sha256(wasm).hexdigest(), lambda: wasm)

    def acting(action: str, argument: str = "", world: World | None = None, **case: Any) -> Execution:
        test = TestCase(name=action, expect=Expectation(output=None), **case)
        stdin = json.dumps([action, argument]).encode()
        return sandbox.run(program, stdin, world or FixtureWorld(test, EVERYTHING))

    return acting


def code(execution: Execution) -> str:
    """Return the code of the error that the guest reported itself."""
    failure: TacitError | None = execution.failure
    assert isinstance(failure, CapabilityFailed)
    return failure.details["code"]


def message(execution: Execution) -> str:
    """Return the message of the error that the guest reported itself."""
    assert execution.failure is not None
    return execution.failure.details["message"]


@pytest.mark.parametrize(("action", "said"), [("panic", "no tea here"), ("index", "the len is 3 but the index is 3")])
def test_a_panic_is_reported_with_its_place(act: Act, action: str, said: str) -> None:
    """A panic ends the run with the code `panic` and says what and where."""
    done = act(action, "tea")
    assert code(done) == "panic"
    assert said in message(done)
    assert "main.rs:" in message(done)


def test_errors_of_the_standard_library_become_messages(act: Act) -> None:
    """The question mark takes errors of the standard library, boxed ones and own ones in boxes."""
    assert message(act("question mark", "x")) == "invalid digit found in string"
    assert code(act("box", "x")) == "failed"
    assert code(act("box", "own")) == "own_code"


def test_an_input_of_another_shape_is_refused(act: Act) -> None:
    """An input that is not what the function takes fails with `invalid_input`."""
    assert code(act("dance")) == "invalid_input"


def test_files_are_read_written_and_listed(act: Act) -> None:
    """Paths and contents pass in both directions, the empty file and a large one included."""
    files = {"ä/b.txt": "Grüße", "ä/c/d.txt": "", "large": "x" * 1_000_000}
    assert act("read text", "ä/b.txt", files=files).value == "Grüße"
    assert act("read text", "ä/c/d.txt", files=files).value == ""
    assert act("read", "large", files=files).value == 1_000_000
    assert act("list", "ä", files=files).value == ["b.txt", "c/"]
    assert act("list", files=files).value == ["large", "ä/"]


def test_a_file_is_written(act: Act) -> None:
    """What is written reaches the world byte for byte."""
    world = FixtureWorld(TestCase(name="write", expect=Expectation(output=None)), EVERYTHING)
    assert act("write", "new.txt", world).failure is None
    assert world.written == {"new.txt": "Grüße".encode()}


def test_web_calls_and_clock_answer(act: Act) -> None:
    """JSON of the web and of another capability is read, and the time is told."""
    assert act("get", "https://a.example/", http={"https://a.example/": '{"n": [1]}'}).value == {"n": [1]}
    assert act("call", "double", calls={"double": {"n": 2}}).value == {"n": 2}
    assert act("time", now=1795254305678).value == 1795254305678
    assert act("time", world=Odd(b"")).value == -(1 << 63)


def test_a_log_line_is_kept_apart_from_the_output(act: Act) -> None:
    """What is logged is in the run's log, one line each."""
    done = act("log", "half way")
    assert (done.value, done.log) == (None, "half way\n")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (FailureCode.FAILED, "host_failed"),
        (FailureCode.NOT_FOUND, "not_found"),
        (FailureCode.TOO_LARGE, "too_large"),
        (FailureCode.TIMED_OUT, "timed_out"),
        (FailureCode.INVALID, "invalid_request"),
    ],
)
@pytest.mark.parametrize("action", ["read", "write", "get", "call", "list"])
def test_a_failure_of_the_host_keeps_its_kind_and_message(
    act: Act, action: str, failure: FailureCode, expected: str
) -> None:
    """Every negative code of the host has a code of its own in the guest, with the host's message."""
    done = act(action, "x", Odd(HostFailure(failure, "Grüße vom Wirt")))
    assert (code(done), message(done)) == (expected, "Grüße vom Wirt")


@pytest.mark.parametrize("text", ["", "m" * 100_000])
def test_a_message_of_any_length_is_no_trouble(act: Act, text: str) -> None:
    """A message beyond what the guest reads is cut, and none at all is no error of another kind."""
    done = act("read", "x", Odd(HostFailure(FailureCode.NOT_FOUND, text)))
    assert code(done) == "not_found"
    assert message(done).startswith(text[:1000])


@pytest.mark.parametrize("action", ["list", "get", "call", "read text"])
def test_bytes_that_are_no_text_are_an_error_of_the_guest(act: Act, action: str) -> None:
    """What the host answers is never trusted to be UTF-8 or JSON."""
    assert code(act(action, "x", Odd(b"\xff\xfe"))) == "invalid_request"


def test_no_answer_at_all_is_not_json(act: Act) -> None:
    """An empty body is an error for what expects JSON."""
    assert code(act("get", "https://a.example/", Odd(b""))) == "invalid_request"

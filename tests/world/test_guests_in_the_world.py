"""Real guests in the live world: grants, transactions, fetching, recording and replay, end to end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import world_guests as guests
from world_site import Site

from tacit.config import Limits
from tacit.errors import PermissionDenied
from tacit.models import Permissions
from tacit.sandbox import (
    Allowance,
    Called,
    Cancellation,
    Execution,
    FilesFolder,
    Guest,
    HttpGateway,
    LiveWorld,
    RecordingWorld,
    ReplayWorld,
    Sandbox,
    decode_calls,
    encode_calls,
)

RunLive = Callable[..., tuple[Execution, RecordingWorld]]


@pytest.fixture
def run_live(sandbox: Sandbox, load: Callable[[bytes], Guest], files: FilesFolder) -> RunLive:
    """Run a guest in a recorded live world whose permissions and grants are the same, and commit if it ends well."""

    def run(wasm: bytes, cancellation: Cancellation | None = None, **permissions: object) -> object:
        both = Permissions.model_validate(permissions)
        allowance = Allowance(both, both)
        with files.transaction(allowance.write_patterns, cancellation) as transaction:
            live = LiveWorld(
                allowance,
                transaction,
                HttpGateway(Limits()),
                clock=lambda: 42,
                call=lambda capability, data, energy: Called(b"[%s]" % data),
                cancellation=cancellation,
            )
            world = RecordingWorld(live)
            execution = sandbox.run(load(wasm), b"null", world, cancellation=cancellation)
            if execution.failure is None:
                transaction.commit()
        return execution, world

    return run


def test_a_write_lands_when_the_run_ends_well(run_live: RunLive, files: FilesFolder) -> None:
    """The guest's file is in the folder."""
    execution, _ = run_live(guests.gives("file_write", "out/a", "[1]"), write=["out/*"])
    assert execution.value == [1]
    assert (files.root / "out/a").read_bytes() == b"[1]"


def test_a_run_that_traps_writes_nothing(run_live: RunLive, files: FilesFolder) -> None:
    """A file that was written before a trap does not land."""
    execution, _ = run_live(guests.writes_then_traps("a"), write=["a"])
    assert execution.failure is not None
    assert not (files.root / "a").exists()


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "link", "other", "a\0b"])
def test_a_path_out_of_reach_ends_the_run(run_live: RunLive, files: FilesFolder, tmp_path: Path, path: str) -> None:
    """A guest cannot swallow a denial: the run's failure is the denial, and it is recorded."""
    (tmp_path / "secret").write_text("1")
    (files.root / "link").symlink_to(tmp_path / "secret")
    (files.root / "other").write_text("1")
    execution, world = run_live(guests.asks("file_read", path), read=["a", "link"])
    assert isinstance(execution.failure, PermissionDenied)
    assert world.calls[-1].error == execution.failure.to_dict()


def test_a_fetch_of_loopback_ends_the_run(run_live: RunLive, site: Site) -> None:
    """A guest with a wildcard cannot reach the machine that it runs on."""
    execution, _ = run_live(guests.asks("http_get", f"http://localhost:{site.port}/"), http=[f"*:{site.port}"])
    assert isinstance(execution.failure, PermissionDenied)
    assert site.seen == []


def test_a_fetch_of_a_granted_host_gives_its_body(run_live: RunLive, site: Site) -> None:
    """The guest prints what the server answered, and -1 for a failure."""
    site.answers("/", b'{"x": 1}')
    name = f"localhost:{site.port}"
    assert run_live(guests.asks("http_get", f"http://{name}/"), http=[name])[0].value == {"x": 1}
    assert run_live(guests.asks("http_get", f"http://{name}/none"), http=[name])[0].value == -1


def test_a_folder_is_listed(run_live: RunLive, files: FilesFolder) -> None:
    """A path that ends in a slash gives the names that may be read."""
    for name in ("a.csv", "b.csv", "c.txt"):
        (files.root / name).touch()
    assert run_live(guests.asks("file_read", ""), read=["*.csv"])[0].value == ["a.csv", "b.csv"]


def test_a_replay_gives_the_same_bytes_without_the_world(
    run_live: RunLive, sandbox: Sandbox, load: Callable[[bytes], Guest], files: FilesFolder
) -> None:
    """After the files changed, the replay answers as then and writes nothing."""
    (files.root / "n").write_text("1")
    wasm = guests.grows("n")
    execution, world = run_live(wasm, read=["n"], write=["n"])
    (files.root / "n").write_text("999")
    replay = ReplayWorld(decode_calls(encode_calls(world.calls)))
    again = sandbox.run(load(wasm), b"null", replay)
    assert again.output == execution.output == b"11"
    assert (files.root / "n").read_text() == "999"
    assert replay.remaining == 0


def test_concurrent_runs_lose_nothing(run_live: RunLive, files: FilesFolder) -> None:
    """Guests on several threads that each make a file one digit longer leave all digits."""
    (files.root / "n").write_text("1")
    wasm = guests.grows("n")
    failures: list[object] = []

    def work() -> None:
        for _ in range(10):
            execution, _ = run_live(wasm, read=["n"], write=["n"])
            failures.append(execution.failure)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [None] * 30
    assert (files.root / "n").read_text() == "1" * 31


def test_cancelling_a_run_that_fetches_ends_it(run_live: RunLive, site: Site) -> None:
    """A guest that waits for a silent server ends as cancelled."""
    cancellation = Cancellation()

    def silent(_: object) -> None:
        cancellation.cancel()
        site.gone.wait()

    site.routes["/"] = silent
    name = f"localhost:{site.port}"
    execution, _ = run_live(guests.asks("http_get", f"http://{name}/"), cancellation, http=[name])
    assert execution.failure is not None
    assert execution.failure.code == "cancelled"


def test_a_called_capability_answers(run_live: RunLive) -> None:
    """`capability_call` reaches what the caller of the sandbox runs, when it is allowed."""
    assert run_live(guests.gives("capability_call", "other", "7"), call=["other"])[0].value == [7]
    denied, _ = run_live(guests.gives("capability_call", "other", "7"), call=["another"])
    assert isinstance(denied.failure, PermissionDenied)


def test_the_clock_is_the_worlds(run_live: RunLive) -> None:
    """The time is the world's, when it is allowed."""
    assert run_live(guests.tells_time(), time=True)[0].value == 1
    assert isinstance(run_live(guests.tells_time())[0].failure, PermissionDenied)

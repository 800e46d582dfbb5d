"""A builder whose server is killed ends by itself, with its children and its folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes_seen import running

from tacit.building.descendants import children
from tacit.building.process import BuilderProcess
from tacit.building.protocol import FOLDER_PREFIX
from tacit_builder.lifeline import MAX_FILE_BYTES

WaitUntil = Callable[[Callable[[], bool], str], None]

STUCK_BUILDER = """
import os, subprocess, sys, time
from tacit.building.protocol import Progress, encode_reply
from tacit_builder import lifeline
answers = lifeline.claim_stdout()
lifeline.bound_resources()
if lifeline.read_line(1 << 20, 60) is None:
    lifeline.remove_folder()
    sys.exit()
lifeline.die_with_stdin()
print("this is no answer", flush=True)
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
open("left", "w").close()
message = f"{os.getpid()} {child.pid} {os.getcwd()}"
os.write(answers, encode_reply(Progress(stage="compile", message=message, fraction=0)))
time.sleep(300)
"""
SERVER = """
import sys, threading
from pathlib import Path
from tacit.building import Builder, BuildRequest
from tacit.config import Settings
builder = Builder(Settings.load(data=Path(sys.argv[1])), command=(sys.executable, "-c", sys.argv[2]))
request = BuildRequest(job="job", id="sample", source={"main.rs": ""})
say = lambda progress: print(progress.message, flush=True)
threading.Thread(target=builder.build, args=(request, say)).start()
"""
SERVER_WITH_SPARE = (
    SERVER.split("request =", maxsplit=1)[0]
    + """
builder.prepare()
print(builder._spare._process.pid, builder._spare._folder.path, flush=True)
threading.Event().wait()
"""
)


def serve(script: str, builder: str, folder: Path) -> subprocess.Popen[str]:
    """Start a server that builds with a builder of ours."""
    command = [sys.executable, "-c", script, str(folder), builder]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed(server: subprocess.Popen[str]) -> str:
    """Return what the server says first, and kill it."""
    assert server.stdout is not None
    with server, server.stdout:
        said = server.stdout.readline()
        server.kill()
    return said


def test_killed_server_leaves_no_builder_no_compiler_and_no_folder(tmp_path: Path, wait_until: WaitUntil) -> None:
    """SIGKILL of the server in the middle of a build ends even children in sessions of their own."""
    builder, compiler, folder = killed(serve(SERVER, STUCK_BUILDER, tmp_path)).split()
    wait_until(lambda: not running(int(builder)) and not running(int(compiler)), "the builder's end")
    assert not Path(folder).exists()


def test_killed_server_leaves_no_spare(tmp_path: Path, wait_until: WaitUntil) -> None:
    """A spare that waits for a request ends with its server."""
    spare, folder = killed(serve(SERVER_WITH_SPARE, STUCK_BUILDER, tmp_path)).split()
    wait_until(lambda: not running(int(spare)), "the spare's end")
    assert not Path(folder).exists()


def test_what_is_printed_inside_the_builder_is_no_answer(tmp_path: Path, wait_until: WaitUntil) -> None:
    """Only the builder's own replies reach the server; stray output of its libraries goes to stderr."""
    said = killed(serve(SERVER, STUCK_BUILDER, tmp_path))
    assert "this is no answer" not in said
    assert said.split()[0].isdigit()


def test_children_of_every_thread_are_found() -> None:
    """A child that another thread started counts as well."""
    child = subprocess.Popen(["sleep", "300"])
    try:
        assert child.pid in children(os.getpid())
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def test_a_thread_that_has_just_ended_hides_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other threads started is found, and so killed, where one ends while they are looked through."""
    ended, listed = Path("/proc/self/task/0"), Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([ended, *listed(folder)]))
    with subprocess.Popen(["sleep", "300"]) as child:
        found = children(os.getpid())
        child.kill()
    assert child.pid in found


def line_read(limit: int, seconds: float, sent: bytes) -> str:
    """Return what a process reads as its line when that is sent and stdin stays open."""
    script = f"from tacit_builder.lifeline import read_line; print(read_line({limit}, {seconds}), flush=True)"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(sent)
        process.stdin.flush()
        return process.stdout.readline().decode().strip()


def test_a_whole_line_is_read() -> None:
    """The request is read while stdin stays open."""
    assert line_read(100, 60, b"{}\n") == repr(b"{}\n")


def test_a_spare_that_nobody_asks_gives_up() -> None:
    """Without a request in its time a builder reads nothing, and so ends."""
    assert line_read(100, 0.01, b"") == "None"


def test_a_line_over_the_limit_is_not_kept() -> None:
    """A request without end is not read into memory."""
    assert line_read(1000, 60, b"x" * 5000) == "None"


def test_no_core_dumps_and_no_huge_files() -> None:
    """The limits of the builder hold for what it starts."""
    script = """
import os
from tacit_builder.lifeline import bound_resources
bound_resources()
os.execlp('sh', 'sh', '-c', 'ulimit -c; ulimit -f')
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    core, blocks = map(int, done.stdout.split())
    assert core == 0
    assert blocks * 512 <= MAX_FILE_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold processes to this limit")
def test_a_compilation_cannot_take_all_memory() -> None:
    """What a build asks for beyond the limit is refused, however small the source that asks for it is."""
    script = """
from tacit_builder.lifeline import MAX_DATA_BYTES, bound_memory
bound_memory(1 << 30)
try:
    bytearray(MAX_DATA_BYTES + (1 << 30))
except MemoryError:
    print('refused')
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this test, of this process and of what it starts."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_the_next_builder_removes_what_a_killed_server_and_builder_left(temporary: Path) -> None:
    """Killed at once, neither can remove the builder's folder; whoever starts a builder does."""
    server = serve(SERVER_WITH_SPARE, STUCK_BUILDER, temporary / "data")
    assert server.stdout is not None
    with server, server.stdout:
        spare, folder = server.stdout.readline().split()
        server.send_signal(signal.SIGSTOP)  # it could not tidy up for its builder
        os.kill(int(spare), signal.SIGKILL)
        server.kill()
    (Path(folder) / "half").write_text("written")
    process = BuilderProcess((sys.executable, "-c", ""))
    try:
        assert not Path(folder).exists()
    finally:
        process.close()
    assert not [*temporary.glob(f"{FOLDER_PREFIX}*")]


def test_the_folder_of_a_living_servers_builder_is_left_alone(temporary: Path) -> None:
    """However many builders are started beside it, in whichever process."""
    server = serve(SERVER_WITH_SPARE, STUCK_BUILDER, temporary / "data")
    assert server.stdout is not None
    with server, server.stdout:
        folder = Path(server.stdout.readline().split()[1])
        mine, other = (BuilderProcess((sys.executable, "-c", "")) for _ in range(2))
        try:
            assert len([*temporary.glob(f"{FOLDER_PREFIX}*")]) == 3
            assert folder.exists()
        finally:
            mine.close()
            other.close()
            server.kill()

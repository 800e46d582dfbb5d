"""Which confinement is chosen, and what a confined process cannot do."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tacit.config import Settings
from tacit.errors import ConfinementMissing
from tacit_builder.toolchain import Confinement, find_confinement, landlock
from tacit_builder.toolchain.confinement import GIB, Job, Limits
from tacit_builder.toolchain.installed import Mount
from tacit_builder.toolchain.processes import Finished, run_job

Script = Callable[..., Finished]


@pytest.fixture
def script(each_confinement: Confinement, tmp_path: Path) -> Script:
    """Return a function that runs Python text confined, with this machine's programs readable and `out` writable."""
    out = tmp_path / "out"
    out.mkdir()
    usual = [Path(path) for path in ("/usr", "/bin", "/lib", "/lib64", sys.base_prefix) if Path(path).exists()]

    def run(text: str, limits: Limits | None = None, *, runs_output: bool = False) -> Finished:
        writable = Mount(out, str(out))
        job = Job(
            (str(Path(sys.executable).resolve()), "-I", "-S", "-c", text),
            str(out),
            tuple(Mount(path, str(path)) for path in usual),
            (writable,),
            {"PYTHONHOME": sys.base_prefix},
            limits or Limits(),
            runs_output=runs_output,
        )
        return run_job(each_confinement.command(job), job.environment, seconds=20, most_bytes=1 << 16)

    return run


def test_confined_process_writes_where_it_may(script: Script, tmp_path: Path) -> None:
    """The writable folder is the real one."""
    assert script("open('made', 'w').write('x')").code == 0
    assert (tmp_path / "out" / "made").read_text() == "x"


def test_confined_process_writes_nowhere_else(script: Script, tmp_path: Path) -> None:
    """Another folder of the same user stays as it was."""
    assert script(f"open({str(tmp_path / 'other')!r}, 'w')").code != 0
    assert not (tmp_path / "other").exists()


def test_confined_process_cannot_change_what_it_reads(script: Script) -> None:
    """The folders to read are not writable, though the user may write there."""
    assert script(f"open({str(Path(sys.base_prefix) / 'planted')!r}, 'w')").code != 0
    assert not (Path(sys.base_prefix) / "planted").exists()


def test_confined_process_cannot_connect(script: Script) -> None:
    """A server on this machine's loopback is out of reach."""
    if landlock.abi() < 4:
        pytest.skip("this kernel's Landlock leaves the network open")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert script(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)").code != 0


def test_confined_process_has_no_environment_but_its_own(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of the starting process do not reach it."""
    monkeypatch.setenv("TACIT_ATTACKED", "hush")
    assert b"hush" not in script("import os; print(dict(os.environ))").output


def test_confined_process_cannot_signal_its_caller(script: Script) -> None:
    """It reaches no process but its own."""
    if landlock.abi() < 6:
        pytest.skip("this kernel's Landlock leaves signals open")
    assert script("import os; os.kill(os.getppid(), 0) if os.getppid() > 1 else 1 / 0").code != 0


def test_memory_is_limited(script: Script) -> None:
    """An allocation over the limit fails in the process."""
    done = script("x = bytearray(1 << 30)", Limits(memory_bytes=GIB // 2))
    assert b"MemoryError" in done.output


def test_files_are_limited(script: Script, tmp_path: Path) -> None:
    """A file cannot grow over the limit."""
    script("f = open('big', 'wb', 0)\nfor _ in range(64): f.write(bytes(1 << 20))", Limits(file_bytes=8 << 20))
    assert (tmp_path / "out" / "big").stat().st_size <= 16 << 20


def test_processor_time_is_limited(script: Script) -> None:
    """A process that computes for ever is ended after its seconds of processor time."""
    assert script("while True: pass", Limits(processor_seconds=1)).code != 0


def test_none_is_taken_only_when_asked_for() -> None:
    """The setting `none` is what runs the compiler unconfined."""
    assert find_confinement(Settings.load(confinement="none")).name == "none"


def test_missing_bubblewrap_falls_back_to_landlock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without bubblewrap on PATH or in the cache, `auto` takes Landlock."""
    if not landlock.abi():
        pytest.skip("this kernel has no Landlock")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_confinement(Settings.load(cache=tmp_path)).name == "landlock"


def test_bubblewrap_that_cannot_work_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bubblewrap that may not make namespaces, as in many containers, is not taken."""
    forbidden = tmp_path / "bwrap"
    forbidden.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    forbidden.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfinementMissing, match="bubblewrap"):
        find_confinement(Settings.load(cache=tmp_path, confinement="bubblewrap"))


def test_asking_for_bubblewrap_never_gives_less(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`bubblewrap` without bubblewrap is a refusal that says what to do, not Landlock."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfinementMissing) as missing:
        find_confinement(Settings.load(cache=tmp_path, confinement="bubblewrap"))
    assert "tacit setup" in missing.value.hint


def test_private_bubblewrap_is_found_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What set-up unpacked is used where PATH has none."""
    program = tmp_path / "bubblewrap" / "usr" / "bin" / "bwrap"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    found = find_confinement(Settings.load(cache=tmp_path, confinement="bubblewrap"))
    assert found.name == "bubblewrap"
    assert str(program) in found.command(Job(("true",), "/", (), ()))

"""Rings of calls that two would close at the same moment: one of them is registered, the other refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from callee_samples import add_guest, calls
from program_samples import OpenApp, greet, registered

from tacit.errors import BuildRefused
from tacit.service import Service

BOTH = ("one_way", "other_way")
RENEW = """
import sys, tacit
from tacit.catalog import Catalog
from tacit.config import Settings
from tacit.models import MutateRequest
data, name, other = sys.argv[1:]
renew = Catalog.renew
def wait(*arguments, **options):
    print("checked", flush=True)
    sys.stdin.readline()
    return renew(*arguments, **options)
Catalog.renew = wait
with tacit.open(Settings.load(data=data, embedder="none", shipped=False)) as app:
    answer = app.service.mutate(MutateRequest.model_validate_json(sys.stdin.readline()))
    print(answer.status, answer.stage, flush=True)
"""
"""Has a new version built, and stops before it is registered until it is told to go on."""


def calling(name: str, other: str) -> Any:
    """Return a request for the version of a capability that calls another one."""
    tests = [
        {"name": each, "input": {"name": each}, "calls": {other: f"Hello, {each}!"}, "expect": {"output": f"{each}?"}}
        for each in ("Ada", "Bob")
    ]
    source = f"call input 0\ncall {other} 1\npop\ncall input 0\npush name\ncall get 2\npush ?\ncall concat 2\n"
    permissions = {"call": [other]}
    return greet(id=name, parent_id=name, source=source, tests=tests, permissions=permissions, force=True)


@pytest.fixture
def service(open_app: OpenApp) -> Service:
    """Return a service with two capabilities that call nothing."""
    found = open_app(shipped=False).service
    for name in BOTH:
        tests = [{"name": each, "input": {"name": each}, "expect": {"output": f"{each}?"}} for each in ("Ada", "Bob")]
        source = "call input 0\npush name\ncall get 2\npush ?\ncall concat 2\n"
        registered(found.mutate(greet(id=name, source=source, tests=tests, force=True)))
    return found


def both_at_once(monkeypatch: pytest.MonkeyPatch, catalog: Any, method: str, work: Callable[[str, str], Any]) -> Any:
    """Return what two threads answer that begin to register after both have been checked."""
    barrier, keep = threading.Barrier(2, timeout=60), getattr(catalog, method)

    def wait(*arguments: Any) -> Any:
        barrier.wait()
        return keep(*arguments)

    monkeypatch.setattr(catalog, method, wait)
    with ThreadPoolExecutor(2) as threads:
        return [*threads.map(work, BOTH, BOTH[::-1])]


def test_two_threads_close_no_ring(open_app: OpenApp, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each calls what calls nothing yet; whoever comes second is refused, and says why."""
    app = open_app(shipped=False)
    found = both_at_once(
        monkeypatch, app.catalog, "renew", lambda name, other: app.service.mutate(calling(name, other))
    )
    assert sorted(answer.status for answer in found) == ["refused", "registered"]
    (told,) = (answer for answer in found if answer.status == "refused")
    assert told.stage == "imports"
    assert "leads back to it" in told.diagnostics
    (made,) = (answer for answer in found if answer.status == "registered")
    assert service.show(made.id or "")["version"] == 2


def test_two_processes_close_no_ring(service: Service, tmp_path: Path) -> None:
    """Nor do servers of their own on one data folder."""
    command = [sys.executable, "-c", RENEW, str(tmp_path / "data")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([*command, *BOTH], **pipes) as one,
        subprocess.Popen([*command, *BOTH[::-1]], **pipes) as other,
    ):
        for process, names in ((one, BOTH), (other, BOTH[::-1])):
            process.stdin.write(calling(*names).model_dump_json(exclude_unset=True) + "\n")
            process.stdin.flush()
        assert [process.stdout.readline() for process in (one, other)] == ["checked\n", "checked\n"]
        for process in (one, other):
            process.stdin.write("\n")
            process.stdin.flush()
        answers = sorted(process.communicate()[0] for process in (one, other))
    assert answers == ["refused imports\n", "registered None\n"]
    assert sorted(service.show(name)["version"] for name in BOTH) == [1, 2]


def test_two_imports_close_no_ring(open_app: OpenApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that may call each other, of which neither is there yet."""
    folders: dict[str, Path] = {}
    for name, other in (BOTH, BOTH[::-1]):
        away = open_app(shipped=False, data=tmp_path / "away" / name)
        add_guest(away, name, calls(other), call=[other])
        folders[name] = away.service.export(name, tmp_path / "folders")
    app = open_app(shipped=False)

    def work(name: str, _: str) -> str:
        try:
            return str(app.service.import_folder(folders[name])["version"])
        except BuildRefused as refused:
            return refused.stage

    assert sorted(both_at_once(monkeypatch, app.catalog, "adopt", work)) == ["1", "imports"]
    assert len(app.catalog.ids()) == 1

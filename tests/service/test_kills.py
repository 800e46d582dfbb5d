"""A process killed at any moment leaves a whole data folder and no orphans."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from llm_apps import await_that, below
from processes_seen import running
from service_samples import OpenApp, word_count

from tacit.models import MutateRequest

UPDATES = """
import sys
from pathlib import Path
import tacit
from tacit.config import Settings
with tacit.open(Settings.load(data=Path(sys.argv[1]), embedder="none")) as app:
    for salary in range(1000, 1_000_000):
        app.service.run("update_employee_salary", {"employee_id": "E001", "base_salary": salary})
        print(salary, flush=True)
"""

BUILD = """
import sys
from pathlib import Path
import tacit
from tacit.config import Settings
from tacit.models import MutateRequest
with tacit.open(Settings.load(data=Path(sys.argv[1]), embedder="none")) as app:
    request = MutateRequest.model_validate_json(sys.stdin.read())
    print("ready", flush=True)
    app.service.mutate(request, wait_seconds=60, on_progress=lambda *step: print(step[0], flush=True))
"""

JOB = """
import sys, time
from pathlib import Path
import tacit
from tacit.config import Settings
from tacit.models import MutateRequest
with tacit.open(Settings.load(data=Path(sys.argv[1]), embedder="none")) as app:
    print(app.service.mutate(MutateRequest.model_validate_json(sys.stdin.read()), wait_seconds=0).job, flush=True)
    time.sleep(60)
"""


def start(script: str, data: Path, text: str = "") -> subprocess.Popen[str]:
    """Start a script on a data folder, with its stdout to be read."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()
    return process


def lines(process: subprocess.Popen[str], wanted: int) -> list[str]:
    """Read lines from a process's stdout."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(wanted)]


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill a process outright and return the lines that it had still printed."""
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    rest = process.stdout.read().split("\n")[:-1]
    process.stdout.close()
    process.wait()
    return rest


@pytest.mark.parametrize("updates", [1, 3, 8, 20])
def test_a_kill_during_updates_loses_none_that_was_answered(open_app: OpenApp, tmp_path: Path, updates: int) -> None:
    """After SIGKILL the file is whole and holds the last answered update, or the one after it; each is recorded."""
    process = start(UPDATES, tmp_path / "data")
    answered = lines(process, updates)
    answered += kill(process)
    app = open_app()
    salary = app.service.run("get_salary_details", {"employee_id": "E001"}).output["salary"]["base_salary"]
    assert int(answered[-1]) <= salary <= int(answered[-1]) + 1
    newest = app.service.runs(1, capability="update_employee_salary")[0]["run_id"]
    assert app.service.run_record(newest)["input"]["base_salary"] == salary
    assert (len(app.service.runs(1000, capability="update_employee_salary")), salary) == (salary - 999, salary)
    database = json.loads((app.settings.files_folder / "employee_database.json").read_text())
    assert len(database["employees"]) >= 25
    assert {path.name for path in app.settings.files_folder.iterdir()} == {"employee_database.json"}


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_kill_during_a_build_leaves_no_half_and_no_orphan(open_app: OpenApp, tmp_path: Path, steps: int) -> None:
    """After SIGKILL in a build no process of it lives on, nothing is half registered, and it can be built again."""
    process = start(BUILD, tmp_path / "data", word_count().model_dump_json())
    lines(process, steps)
    family = below(process.pid)
    kill(process)
    await_that(lambda: not any(map(running, family)), "the end of what worked for the build")
    service = open_app().service
    if "count_words" in {row["id"] for row in service.list()}:
        assert service.run("count_words", {"text": "a b"}).output == {"words": 2}
    else:
        assert service.mutate(word_count(), wait_seconds=60).status == "registered"


def test_a_killed_servers_job_is_answered(open_app: OpenApp, tmp_path: Path) -> None:
    """A job whose server was killed is answered as lost, not waited for for ever."""
    process = start(JOB, tmp_path / "data", word_count().model_dump_json())
    job = lines(process, 1)[0]
    kill(process)
    answer = open_app().service.mutate(MutateRequest(job=job), wait_seconds=30)
    assert answer.status in {"refused", "registered"}

"""A data folder whose disk is full: a real one, of a few megabytes, mounted for the test alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import json, logging, subprocess, sys
from pathlib import Path
import tacit
from tacit.config import Settings
from tacit.errors import CapabilityFailed, TacitError
from tacit.texts import error_text, run_texts

class Kept(logging.Handler):
    def emit(self, record):
        told.append(record.getMessage())

told, found = [], {}
logging.getLogger("tacit.service.executing").addHandler(Kept())
disk = Path(sys.argv[1])
COMMAND = [sys.executable, "-m", "tacit.cli", "doctor", "--json", "--data", str(disk / "data")]

def doctor():
    ended = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    checks = json.loads(ended.stdout)
    return ended.returncode, next(check for check in checks if check["name"] == "data folder")

with tacit.open(Settings.load(data=disk / "data", files=Path(sys.argv[2]), embedder="none")) as app:
    def run():
        return app.service.run("get_salary_details", {"employee_id": "E001"})
    found["well"] = run().model_dump(mode="json", include={"recorded", "run_id"})
    found["before"] = doctor()
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
    answers = []
    while len(answers) < 10_000 and (not answers or answers[-1].recorded):  # the log may have room for some
        answers.append(run())
    answers += [run(), run()]
    found["full"] = answers[-1].model_dump(mode="json", include={"recorded", "run_id"})
    found["text"] = run_texts(answers[-1])[1]
    found["unrecorded"] = sum(not answer.recorded for answer in answers)
    try:
        app.service.run("get_salary_details", {"employee_id": "E999"})
    except CapabilityFailed as error:
        found["failed"] = {name: error.details.get(name) for name in ("recorded", "run_id")}
        found["failed text"] = error_text(error)
    try:
        app.service.run("update_employee_salary", {"employee_id": "E001", "base_salary": 123456})
    except TacitError as error:
        found["write"] = error.code
    found["doctor"] = doctor()
    (disk / "filler").unlink()
    found["again"] = run().recorded
    found["after"] = doctor()
    found["runs"] = len(app.service.runs(1000, capability="get_salary_details"))
    found["answered"] = len(answers) + 2 - found["unrecorded"]
found["told"] = told
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process saw whose disk became full, and then had room again."""
    disk, files = tmp_path_factory.mktemp("disk"), tmp_path_factory.mktemp("files")
    mount = ["bwrap", "--dev-bind", "/", "/", "--size", "48000000", "--tmpfs", str(disk), "--"]
    done = subprocess.run(
        [*mount, sys.executable, "-c", SCRIPT, str(disk), str(files)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    employees = json.loads((Path(files) / "employee_database.json").read_text())["employees"]
    return {**answers, "salary": employees["E001"]["salary"]["base_salary"]}


def test_an_answer_without_a_record_says_so(found: dict[str, Any]) -> None:
    """In its structure and in its text; one with a record says nothing of it."""
    assert set(found["well"]) == {"run_id"}
    assert found["full"] == {"run_id": "", "recorded": False}
    assert "not recorded" in found["text"]


def test_an_error_without_a_record_says_so(found: dict[str, Any]) -> None:
    """It names no run that could be looked at."""
    assert found["failed"] == {"recorded": False, "run_id": None}
    assert "recorded: false" in found["failed text"]


def test_the_log_says_when_records_end_and_begin_again(found: dict[str, Any]) -> None:
    """Once each, however many runs go unrecorded."""
    assert found["unrecorded"] >= 3
    assert [told.split(":")[0] for told in found["told"]] == [
        "Runs are not recorded from now on",
        "Runs are recorded again.",
    ]
    assert found["runs"] == min(found["answered"], 1000)


def test_nothing_is_written_that_cannot_be_recorded(found: dict[str, Any]) -> None:
    """Its run fails, though there is room where the files are."""
    assert found["write"] in {"store_read_only", "files_unwritable"}
    assert found["salary"] != 123456


def test_the_doctor_finds_that_nothing_can_be_recorded(found: dict[str, Any]) -> None:
    """It tries, and ends with 1; before and after it is content with the data folder."""
    assert found["before"][1]["ok"]
    assert found["after"][1]["ok"]
    code, check = found["doctor"]
    assert (code, check["ok"]) == (1, False)
    assert "cannot be written" in check["detail"] or "is full" in check["detail"]

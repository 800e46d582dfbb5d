"""Running and replaying through the service, on the shipped capabilities."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from service_samples import OpenApp

from tacit.app import App
from tacit.errors import (
    CapabilityDeprecated,
    CapabilityFailed,
    EnergyExhausted,
    InputTooLarge,
    InvalidArgument,
    InvalidInput,
    InvalidJson,
    PermissionDenied,
    UnknownCapability,
    UnknownRun,
    UnknownVersion,
)
from tacit.models import Permissions


def test_a_shipped_capability_answers(app: App) -> None:
    """A run gives the capability's JSON output, its version and a run id."""
    answer = app.service.run("get_salary_details", {"employee_id": "E001"})
    assert answer.output["name"] == "John Smith"
    assert (answer.capability, answer.version) == ("get_salary_details", 1)
    assert answer.run_id


def test_bytes_are_taken_as_json(app: App) -> None:
    """Input may come as the bytes of a JSON value."""
    assert app.service.run("reverse_string", b'{"text": "abc"}').output == {"reversed": "cba"}


def test_unknown_id_names_the_closest(app: App) -> None:
    """A misspelt id is answered with the ids that it may have meant."""
    with pytest.raises(UnknownCapability) as caught:
        app.service.run("get_salary_detials", {})
    assert "get_salary_details" in caught.value.details["closest"]
    assert len(caught.value.details["closest"]) <= 3


def test_unknown_version_lists_those_there_are(app: App) -> None:
    """A version that does not exist is answered with those that do."""
    with pytest.raises(UnknownVersion) as caught:
        app.service.run("reverse_string", {"text": "a"}, version=9)
    assert caught.value.details["versions"] == [1]


def test_every_violation_of_the_schema_is_named(app: App) -> None:
    """Input that breaks the schema in two places gives both, and nothing runs."""
    with pytest.raises(InvalidInput) as caught:
        app.service.run("update_employee_salary", {"employee_id": "nobody", "base_salary": "much"})
    assert {item["path"] for item in caught.value.details["violations"]} >= {"$.employee_id", "$.base_salary"}


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"text": NaN}', b"\xff\xfe", b'{"text": "a"} x', b'{"text": 1e999}', b"[" * 100_000]
)
def test_what_is_not_json_is_refused(app: App, text: bytes) -> None:
    """Broken JSON is refused with its own code before anything runs."""
    with pytest.raises(InvalidJson):
        app.service.run("reverse_string", text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"a": {1, 2}}])
def test_values_that_json_cannot_hold_are_refused(app: App, value: object) -> None:
    """NaN, infinities, lone surrogates and foreign types are refused."""
    with pytest.raises(InvalidJson):
        app.service.run("reverse_string", {"text": value})


def test_large_input_names_the_limit(open_app: OpenApp) -> None:
    """Input over the limit is refused with its size and the limit."""
    service = open_app(limits={"input_bytes": 1024}).service
    with pytest.raises(InputTooLarge) as caught:
        service.run("reverse_string", {"text": "x" * 2000})
    assert caught.value.details["limit"] == 1024


def test_energy_can_be_lowered(app: App) -> None:
    """A run with too little energy ends with its own code."""
    with pytest.raises(EnergyExhausted):
        app.service.run("reverse_string", {"text": "abc"}, energy=10, fresh=True)


def test_energy_has_to_be_positive(app: App) -> None:
    """An energy below one is refused."""
    with pytest.raises(InvalidArgument):
        app.service.run("reverse_string", {"text": "abc"}, energy=0)


def test_a_capabilitys_own_error_keeps_its_code(app: App) -> None:
    """What the guest reports as its error arrives with the guest's code."""
    with pytest.raises(CapabilityFailed) as caught:
        app.service.run("get_salary_details", {"employee_id": "E999"})
    assert caught.value.details["code"] == "employee_not_found"


def test_nothing_is_granted_by_default_but_the_sample(open_app: OpenApp) -> None:
    """A file of the user's own is denied, and the error says how to grant it."""
    app = open_app()
    (app.settings.files_folder / "private.csv").write_text("a,b\n1,2\n")
    with pytest.raises(PermissionDenied, match="TACIT_GRANTS"):
        app.service.run("summarize_csv", {"path": "private.csv"})


def test_a_grant_allows_it(open_app: OpenApp) -> None:
    """With the grant, the same run succeeds."""
    app = open_app(grants=Permissions(read=("*.csv",)))
    (app.settings.files_folder / "private.csv").write_text("a,b\n1,2\n")
    assert app.service.run("summarize_csv", {"path": "private.csv"}).output["rows"] == 1


@pytest.fixture
def site() -> Iterator[str]:
    """The address of an HTTP server on loopback that answers JSON."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"stock": 7}')

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_what_a_denial_says_to_grant_is_enough(open_app: OpenApp, site: str) -> None:
    """The setting in the hint, taken as it stands, lets `fetch_json` reach a host and port on loopback."""
    with pytest.raises(PermissionDenied) as caught:
        open_app().service.run("fetch_json", {"url": site})
    setting = next(word for word in shlex.split(caught.value.hint) if word.startswith("TACIT_GRANTS="))
    grants = Permissions.model_validate_json(setting.removeprefix("TACIT_GRANTS="))
    assert open_app(grants=grants).service.run("fetch_json", {"url": site}).output == {"value": {"stock": 7}}


def test_deprecated_names_its_successor(open_app: OpenApp) -> None:
    """A deprecated capability does not run, and says what to run instead."""
    service = open_app().service
    service.deprecate("reverse_string", successor="format_number")
    with pytest.raises(CapabilityDeprecated) as caught:
        service.run("reverse_string", {"text": "a"})
    assert caught.value.details["successor"] == "format_number"
    assert "format_number" in str(caught.value)


def test_restored_runs_again(open_app: OpenApp) -> None:
    """A restored capability runs."""
    service = open_app().service
    service.deprecate("reverse_string")
    service.restore("reverse_string")
    assert service.run("reverse_string", {"text": "ab"}).output == {"reversed": "ba"}


def test_updates_land_and_lose_nothing(open_app: OpenApp) -> None:
    """Concurrent updates of different employees in one file are all there afterwards."""
    app = open_app()
    wanted = {f"E{number:03}": 50_000 + number for number in range(1, 13)}

    def update(name: str) -> None:
        app.service.run("update_employee_salary", {"employee_id": name, "base_salary": wanted[name]})

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(update, wanted))
    database = json.loads((app.settings.files_folder / "employee_database.json").read_text())
    assert {name: database["employees"][name]["salary"]["base_salary"] for name in wanted} == wanted


def test_a_failed_update_changes_nothing(open_app: OpenApp) -> None:
    """An update of someone unknown leaves the file as it was, to the byte."""
    app = open_app()
    path = app.settings.files_folder / "employee_database.json"
    before = path.read_bytes()
    with pytest.raises(CapabilityFailed):
        app.service.run("update_employee_salary", {"employee_id": "E999", "base_salary": 1})
    assert path.read_bytes() == before


def test_replay_gives_the_same_without_the_file(open_app: OpenApp) -> None:
    """A replay answers as recorded though the file that was read is gone."""
    app = open_app()
    first = app.service.run("get_salary_details", {"employee_id": "E001"})
    (app.settings.files_folder / "employee_database.json").unlink()
    assert app.service.replay(first.run_id).output == first.output


def test_replay_of_an_update_writes_nothing(open_app: OpenApp) -> None:
    """A replay of an update does not touch the file again."""
    app = open_app()
    path = app.settings.files_folder / "employee_database.json"
    run = app.service.run("update_employee_salary", {"employee_id": "E001", "base_salary": 1000})
    path.write_text("{}")
    app.service.replay(run.run_id)
    assert path.read_text() == "{}"


def test_replay_of_the_time_gives_the_same_time(app: App) -> None:
    """A replay sees the clock of the recorded run."""
    first = app.service.run("current_time", {})
    assert app.service.replay(first.run_id).output == first.output


def test_replay_of_a_failure_raises_it_again(open_app: OpenApp) -> None:
    """A recorded failure is replayed as the same failure."""
    app = open_app()
    with pytest.raises(CapabilityFailed) as caught:
        app.service.run("get_salary_details", {"employee_id": "E999"})
    with pytest.raises(CapabilityFailed) as again:
        app.service.replay(caught.value.details["run_id"])
    assert again.value.details["code"] == "employee_not_found"


def test_unknown_run(app: App) -> None:
    """A run id that was never given is named as such."""
    with pytest.raises(UnknownRun):
        app.service.replay("nothing")


def test_runs_survive_a_restart(open_app: OpenApp) -> None:
    """A run recorded before the app closed can be replayed after it opens again."""
    first = open_app()
    run = first.service.run("reverse_string", {"text": "abc"})
    first.close()
    assert open_app().service.replay(run.run_id).output == {"reversed": "cba"}


def test_many_at_once_get_their_own_answers(app: App) -> None:
    """Concurrent runs of one capability do not mix."""
    barrier = threading.Barrier(8)

    def reverse(number: int) -> bool:
        barrier.wait()
        text = f"text-{number}"
        answers = [app.service.run("reverse_string", {"text": text}) for _ in range(20)]
        return all(answer.output["reversed"] == text[::-1] for answer in answers)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(reverse, range(8)))

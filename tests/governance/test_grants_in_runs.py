"""Grants that are kept, in runs: of every process at once, and of no other capability."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from governance_samples import OpenApp, add, asks, gives, says

from tacit.app import App
from tacit.errors import InvalidArgument, PermissionDenied, UnknownCapability
from tacit.models import Permissions

READS = Permissions(read=("notes.json",))


def notes(app: App, text: str = "[1]") -> None:
    """Put a file where capabilities may read it, when they may."""
    app.settings.files_folder.mkdir(parents=True, exist_ok=True)
    (app.settings.files_folder / "notes.json").write_text(text)


@pytest.fixture
def reader(app: App) -> App:
    """An app with a capability that reads a file, which nobody granted yet."""
    notes(app)
    add(app, "read_notes", asks("file_read", "notes.json"), READS)
    return app


def test_a_granted_capability_runs_and_a_revoked_one_does_not(reader: App) -> None:
    """From the next call on, each time."""
    service = reader.service
    with pytest.raises(PermissionDenied):
        service.run("read_notes", 1)
    service.grant("read_notes", READS)
    assert service.run("read_notes", 1).output == [1]
    service.revoke("read_notes", READS)
    with pytest.raises(PermissionDenied):
        service.run("read_notes", 1)


def test_a_denial_says_which_command_grants_it(reader: App) -> None:
    """Running that is enough; what others are granted is not made everybody's by the setting that it names too."""
    add(reader, "other_one", asks("file_read", "secret.json"), Permissions(read=("secret.json",)))
    reader.service.grant("other_one")
    reader.service.grant("read_notes", Permissions(time=True))
    with pytest.raises(PermissionDenied) as caught:
        reader.service.run("read_notes", 1)
    assert "`tacit grant read_notes --read notes.json`" in caught.value.hint
    assert "secret" not in caught.value.hint
    reader.service.grant("read_notes", Permissions.model_validate(caught.value.details["grant"]))
    assert reader.service.run("read_notes", 1).output == [1]


def test_a_grant_counts_in_every_process_at_once(reader: App, open_app: OpenApp) -> None:
    """A server that has prepared the capability already goes by it at its next call."""
    other = open_app()
    with pytest.raises(PermissionDenied):
        other.service.run("read_notes", 1)
    reader.service.grant("read_notes", READS)
    assert other.service.run("read_notes", 1).output == [1]
    assert other.service.show("read_notes")["permissions_not_granted"] is None
    reader.service.revoke("read_notes")
    with pytest.raises(PermissionDenied):
        other.service.run("read_notes", 1)


def test_a_grant_outlives_the_process(reader: App, open_app: OpenApp) -> None:
    """It is kept with the capabilities."""
    reader.service.grant("read_notes", READS)
    reader.close()
    assert open_app().service.run("read_notes", 1).output == [1]


def test_a_grant_is_of_one_capability(reader: App) -> None:
    """Another one that asks for the same still lacks it; a grant to all reaches it."""
    add(reader, "read_too", asks("file_read", "notes.json"), READS)
    reader.service.grant("read_notes", READS)
    with pytest.raises(PermissionDenied):
        reader.service.run("read_too", 1)
    reader.service.grant("*", READS)
    assert reader.service.run("read_too", 1).output == [1]


def test_without_permissions_what_it_lacks_is_granted(reader: App) -> None:
    """What its offered version asks for, and no more; then there is nothing left to grant."""
    assert reader.service.search("read_notes").hits[0].permissions_not_granted == READS
    assert reader.service.grant("read_notes")["granted"] == {"read": ["notes.json"]}
    assert reader.service.search("read_notes").hits[0].permissions_not_granted is None
    assert reader.service.grant("read_notes")["granted"] == {}


def test_all_need_to_be_told_what(reader: App) -> None:
    """There is no version whose wishes a grant to all could follow."""
    with pytest.raises(InvalidArgument, match="Say what to grant"):
        reader.service.grant("*")


def test_a_slip_in_the_id_grants_nothing(reader: App) -> None:
    """The closest id is named."""
    with pytest.raises(UnknownCapability, match="read_notes"):
        reader.service.grant("read_note", READS)


def test_what_the_settings_grant_is_theirs(open_app: OpenApp) -> None:
    """Revoking it says which setting to change; what is left is shown."""
    app = open_app(grants=READS)
    add(app, "read_notes", asks("file_read", "notes.json"), READS)
    app.service.grant("read_notes", READS)
    assert app.service.revoke("read_notes")["grants"] == {"read": ["notes.json"]}
    with pytest.raises(InvalidArgument, match="TACIT_GRANTS"):
        app.service.revoke("read_notes", READS)


def test_a_called_capability_has_its_own_grants(reader: App) -> None:
    """Its caller's do not reach it, nor the other way round."""
    add(reader, "call_it", gives("capability_call", "read_notes", "1"), Permissions(call=("read_notes",)))
    reader.service.grant("call_it", READS)
    with pytest.raises(PermissionDenied):
        reader.service.run("call_it", 1)
    reader.service.grant("read_notes", READS)
    assert reader.service.run("call_it", 1).output == 1


def test_a_caller_of_anything_may_reach_what_was_granted_to_one(reader: App) -> None:
    """The file that a called capability writes by a grant of its own is locked for the caller as well."""
    writes = Permissions(write=("out.json",))
    add(reader, "write_it", gives("file_write", "out.json", "[2]"), writes)
    add(reader, "call_it", gives("capability_call", "write_it", "1"), Permissions(call=("*",)))
    reader.service.grant("write_it", writes)
    reader.service.run("call_it", 1)
    assert (reader.settings.files_folder / "out.json").read_text() == "[2]"


def test_loopback_needs_a_grant_by_name(app: App) -> None:
    """A wildcard for every host does not reach this machine; the exact name does."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[3]")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{server.server_port}"
        add(app, "fetch_it", asks("http_get", f"http://{place}/"), Permissions(http=(place,)))
        app.service.grant("fetch_it", Permissions(http=("*:*",)))
        with pytest.raises(PermissionDenied, match="exact name"):
            app.service.run("fetch_it", 1)
        app.service.grant("fetch_it", Permissions(http=(place,)))
        assert app.service.run("fetch_it", 1).output is not None
        server.shutdown()


def test_a_run_under_way_keeps_what_it_began_with(reader: App) -> None:
    """A revocation counts from the next call on; what is running goes on with its grants."""
    asked, answered = threading.Event(), threading.Event()

    class Waits(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            answered.wait(30)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[3]")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Waits) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = Permissions(http=(f"127.0.0.1:{server.server_port}",))
        add(reader, "fetch_it", asks("http_get", f"http://{host.http[0]}/"), host)
        reader.service.grant("fetch_it")
        outputs: list[object] = []
        run = threading.Thread(target=lambda: outputs.append(reader.service.run("fetch_it", 1).output))
        run.start()
        assert asked.wait(30)
        reader.service.revoke("fetch_it")
        answered.set()
        run.join(30)
        with pytest.raises(PermissionDenied):
            reader.service.run("fetch_it", 1)
        server.shutdown()
    assert len(outputs) == 1


def test_a_damaged_grant_blocks_nothing_but_what_it_granted(reader: App) -> None:
    """What needs no grant runs, what was granted soundly runs, and `tacit doctor` says which grant is denied."""
    service = reader.service
    add(reader, "give_one", says("1"))
    service.grant("read_notes", READS)
    with reader.catalog.store.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO grants VALUES ('read_notes', 'http', 'not a host', 1)")
        connection.exec_driver_sql("INSERT INTO grants VALUES ('*', 'read', '/etc/passwd', 1)")
        reader.catalog.store.meta.next_generation(connection)
    assert service.run("give_one", 1).output == 1
    assert service.run("read_notes", 1).output == [1]
    (check,) = (each for each in service.doctor() if each.name == "grants")
    assert not check.ok
    assert "http 'not a host' of read_notes" in check.detail
    assert "read '/etc/passwd' of *" in check.detail

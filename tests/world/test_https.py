"""HTTPS: certificates are verified for the host's name, although the connection goes to a checked address."""

from __future__ import annotations

import datetime
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tacit.config import Limits
from tacit.errors import RunCancelled
from tacit.models import Permissions
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.gateway import HttpGateway
from tacit.sandbox.world import FailureCode, HostFailure

NAME = "api.test"


def _certificate(folder: Path) -> Path:
    """Write a key and a self-signed certificate for `api.test`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


class _Secure:
    """A running HTTPS server: its port, its certificate, and the names that clients asked for in TLS."""

    def __init__(self, port: int, certificate: Path, asked: list[str | None]) -> None:
        self.port = port
        self.certificate = certificate
        self.asked = asked

    def gateway(self, *, trusted: bool = True) -> HttpGateway:
        context = ssl.create_default_context(cafile=str(self.certificate) if trusted else None)
        return HttpGateway(Limits(http_seconds=20), resolver=lambda *_: ["127.0.0.1"], ssl_context=context)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[_Secure]:
    """An HTTPS server for `api.test` that answers `hello`, or redirects `/down` to http."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/down" else 200)
            if self.path == "/down":
                self.send_header("Location", f"http://{NAME}:{self.server.server_address[1]}/")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of clients that refused the certificate."""

    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield _Secure(server.server_port, certificate, asked)
        server.shutdown()
        thread.join()


def _allow(host: str) -> Allowance:
    both = Permissions(http=(host,))
    return Allowance(both, both)


def test_the_certificate_is_verified_for_the_name(secure: _Secure) -> None:
    """A pinned address, the name in TLS and in the certificate: fetched."""
    name = f"{NAME}:{secure.port}"
    assert secure.gateway().get(f"https://{name}/", _allow(name)) == b"hello"
    assert secure.asked == [NAME]


def test_a_certificate_of_another_name_is_refused(secure: _Secure) -> None:
    """The same server under another name fails."""
    name = f"other.test:{secure.port}"
    with pytest.raises(HostFailure) as caught:
        secure.gateway().get(f"https://{name}/", _allow(name))
    assert caught.value.code is FailureCode.FAILED
    assert "TLS" in caught.value.message


def test_a_certificate_of_nobody_known_is_refused(secure: _Secure) -> None:
    """A self-signed certificate fails with the machine's own authorities."""
    name = f"{NAME}:{secure.port}"
    with pytest.raises(HostFailure) as caught:
        secure.gateway(trusted=False).get(f"https://{name}/", _allow(name))
    assert "self-signed" in caught.value.message


def test_a_redirect_from_https_to_http_is_not_followed(secure: _Secure) -> None:
    """What was asked for in private is not fetched in public."""
    name = f"{NAME}:{secure.port}"
    with pytest.raises(HostFailure, match="from https to http"):
        secure.gateway().get(f"https://{name}/down", _allow(name))


def test_cancelling_ends_a_handshake_at_once(secure: _Secure) -> None:
    """A server that never shakes hands does not hold a cancelled run."""

    cancellation = Cancellation()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = f"{NAME}:{silent.getsockname()[1]}"

        def accept() -> None:
            connection, _ = silent.accept()
            with connection:
                connection.recv(1)
                cancellation.cancel()
                connection.recv(1 << 16)

        thread = threading.Thread(target=accept)
        thread.start()
        with pytest.raises(RunCancelled):
            secure.gateway().get(f"https://{name}/", _allow(name), cancellation)
        thread.join()

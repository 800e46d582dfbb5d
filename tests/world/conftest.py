"""The world's fixtures: a files folder, and a real HTTP server on loopback that names can be pointed at."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from world_site import Site

from tacit.config import Limits
from tacit.sandbox import FilesFolder, Guest, Sandbox
from tacit.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store, which seals commits."""
    with Store.open(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path, store: Store) -> FilesFolder:
    """An empty files folder with its state beside it and a limit of 1000 bytes a file."""
    (tmp_path / "files").mkdir()
    return FilesFolder(tmp_path / "files", tmp_path / "journal", store.commits, file_bytes=1000)


@pytest.fixture
def site() -> Iterator[Site]:
    """A running server that answers 404 until it is given routes."""
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.seen.append((self.headers["Host"], self.path))
            made.headers = dict(self.headers)
            route = made.routes.get(self.path)
            if route is None:
                self.send_error(404)
                return
            try:
                route(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

    with Server(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.gone.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own for the world's tests, without a folder of compiled code."""
    with Sandbox(Limits(), workers=4) as opened:
        yield opened


@pytest.fixture(scope="session")
def load(sandbox: Sandbox) -> Callable[[bytes], Guest]:
    """Load a module by its bytes."""
    return lambda wasm: sandbox.load(hashlib.sha256(wasm).hexdigest(), lambda: wasm)

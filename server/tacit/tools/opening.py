"""Opens the App once for a process, in the background, and closes it with the last connection.

What the App imports (the database, the sandbox, the search index) is heavy, so nothing here imports it
before it is needed (`tacit.open` does, when called): the first answer of a server must not wait for it.
Thread-safe.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tacit.errors import TacitError

if TYPE_CHECKING:
    from tacit.app import App
    from tacit.service import Service

_log = logging.getLogger(__name__)


class Opening:
    """The App of a process: not yet asked for, being opened, open, or closed again.

    `hold` and `release` count who needs it; the last release closes it, and it may be opened anew.
    """

    def __init__(self, open_it: Callable[[], App]) -> None:
        self._open_it = open_it
        self._lock = threading.Lock()
        self._future: Future[App] | None = None
        self._app: App | None = None
        self._holders = 0

    def start(self) -> Future[App]:
        """Begin opening on a thread of its own, unless that has begun; one that failed is tried again."""
        with self._lock:
            future = self._future
            if future is None or (future.done() and future.exception() is not None):
                future = self._future = Future()
                threading.Thread(target=self._open, args=(future,), name="tacit-opening", daemon=True).start()
            return future

    def warm_up(self) -> None:
        """Begin opening if somebody still holds it."""
        with self._lock:
            wanted = self._holders > 0
        if wanted:
            self.start()

    @property
    def opened(self) -> Service | None:
        """The service, if it is open by now."""
        app = self._app
        return app.service if app else None

    def service(self) -> Service:
        """Return the service, waiting for it where it is not open yet; raises what opening raised."""
        return self.opened or self.start().result().service

    def hold(self) -> None:
        """Keep the App open, once it is, until `release`."""
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        """Give up one hold; the last one closes the App."""
        with self._lock:
            self._holders -= 1
            last = self._holders <= 0
        if last:
            self.close()

    def close(self) -> None:
        """Close the App: builds and runs are stopped, the store is closed. Waits for one being opened."""
        with self._lock:
            future, self._future, self._app = self._future, None, None
        if future is not None and future.exception() is None:
            future.result().close()

    def _open(self, future: Future[App]) -> None:
        try:
            app = self._open_it()
        except TacitError as error:
            _log.warning("%s", error)
            future.set_exception(error)
        except BaseException as error:  # the waiting calls raise it at their own boundary
            _log.exception("Tacit could not be opened")
            future.set_exception(error)
        else:
            with self._lock:
                if self._future is future:
                    self._app = app
            future.set_result(app)

"""The vectors of requests: kept for those that come again, and done without for a while when the embedder fails."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from tacit.errors import EmbedderMissing

if TYPE_CHECKING:
    from tacit.search.embedder import Embedder, QueryEmbedding

_KEPT = 256
PAUSE_SECONDS = 30.0
"""How long an embedder that failed is left alone."""

_log = logging.getLogger(__name__)


class RequestEmbeddings:
    """An embedder's vectors of requests, the last 256 kept; thread-safe.

    After a failure the embedder is left alone for 30 s, so that a service that is down is not waited for each time.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._kept: OrderedDict[str, QueryEmbedding] = OrderedDict()
        self._lock = threading.Lock()
        self._again_at = 0.0
        self.failure = ""

    def get(self, text: str) -> QueryEmbedding | None:
        """Return the vectors of a request, or None, with the reason in `failure`, where there are none now."""
        with self._lock:
            known = self._kept.get(text)
            if known is not None:
                self._kept.move_to_end(text)
                return known
            if self.failure and time.monotonic() < self._again_at:
                return None
        try:
            found = self._embedder.query(text)
        except EmbedderMissing as error:
            _log.warning("A request is searched for by its words alone: %s", error)
            self.failure, self._again_at = str(error), time.monotonic() + PAUSE_SECONDS
            return None
        with self._lock:
            self.failure = ""
            self._kept[text] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

"""An app in a process that was forked from the one that opened it."""

from __future__ import annotations

import os

from service_samples import OpenApp

from tacit.building.descendants import children
from tacit.models import MutateRequest


def test_a_fork_that_closes_the_app_leaves_its_builders(open_app: OpenApp) -> None:
    """Leaving the block in which the app was opened ends no process of the one that goes on with it."""
    app, before = open_app(), set(children(os.getpid()))
    assert app.service.mutate(MutateRequest(task="Count the words of a text.")).status == "needs_source"
    (spare,) = set(children(os.getpid())) - before
    if (child := os.fork()) == 0:
        app.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert os.waitid(os.P_PID, spare, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

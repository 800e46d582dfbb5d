"""What every test shares: an environment without the machine's own settings."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

_OWN_SETTINGS = ("TACIT_", "OPENAI_", "FOUNDRY_", "AZURE_OPENAI_")


def pytest_configure() -> None:
    """Hear interrupts again where a shell started the tests in the background, which ignores them for all below.

    What `nohup` ignores, this process still does, but not those that it starts: a handler is not inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what would be skipped in CI: there everything that a test needs has to be installed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drop the machine's own settings and point the data folder at a fresh one; return that folder."""
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist gives its workers the terminal's
    for name in list(os.environ):
        if name.startswith(_OWN_SETTINGS) and name != "TACIT_CACHE":
            monkeypatch.delenv(name)
    data = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("TACIT_DATA", str(data))
    return data


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs at once take a minute, for what is not about their time: a busy machine may take all of it."""
    monkeypatch.setattr("tacit.service.running.AT_ONCE_SECONDS", 60.0)

"""Tacit: procedural memory for LLM agents.

`tacit.open()` gives a program the same use cases as the MCP tools:

    with tacit.open() as app:
        app.service.search("what does John earn?")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.app import App
    from tacit.config import Settings

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def open(settings: Settings | None = None) -> App:  # noqa: A001  # reads as tacit.open(), like gzip.open()
    """Open Tacit on the settings' data folder (by default those of the environment); close it when done.

    Raises `tacit.errors.OperatorError` where the machine or its settings need mending.
    """
    # Imported here so that `import tacit` stays cheap for the entry points.
    from tacit.app import App
    from tacit.config import Settings

    return App.open(settings or Settings.load())

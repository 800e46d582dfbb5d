"""The workbench itself: answers an author's tool calls, each with a text that is plain and bounded.

What a tool answers was partly written by others (compilers quote sources, pages are strangers'): whoever hands it to
a model says that it is data. Only the budget, the machine's own faults and a cancellation raise; whatever the model
did wrong is told to it as the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tacit.building.orders import Machine
from tacit.errors import BuildRefused
from tacit.plain_text import made_plain
from tacit.sandbox.http.gateway import HttpGateway
from tacit_builder.pipeline import Module
from tacit_builder.toolchain.installed import find_toolchain
from tacit_builder.toolchain.sdk import find_sdk
from tacit_builder.workbench.crate import Crate
from tacit_builder.workbench.definitions import tools_for
from tacit_builder.workbench.explanations import explain
from tacit_builder.workbench.pages import fetch_page
from tacit_builder.workbench.trials import Trials, WorkPlan
from tacit_builder.workbench.web_search import search_web

MAX_ANSWER = 24_000
"""Characters of one answer."""
_MAX_LISTED = 200


class Workbench:
    """An author's tools over one crate; for one thread."""

    def __init__(
        self, machine: Machine, plan: WorkPlan, search: Callable[[str], str], counted: Callable[[], None]
    ) -> None:
        """`search` finds capabilities for a query; `counted` is called before each compilation and may raise."""
        settings = machine.settings()
        self._machine = machine
        program = plan.manifest.language == "program"
        self._crate = Crate(plan.source, None if program else find_sdk(settings, find_toolchain(settings)))
        self._trials = Trials(machine, plan, counted)
        self._tools = tools_for(machine.web, plan.manifest.language)
        self._calls: dict[str, Callable[..., str]] = {
            "read_file": self._crate.read,
            "write_file": self._write,
            "build": lambda: self._trials.build(self.source),
            "test": lambda: self._trials.test(self.source),
            "rustc_explain": self._explain,
            "search_capabilities": search,
            "http_get": self._fetch,
            "web_search": self._search_web,
            "complete": self._complete,
        }
        self.completed = False

    @property
    def source(self) -> dict[str, str]:
        """The crate's texts by path below `src/`."""
        return self._crate.files

    @property
    def module(self) -> Module | None:
        """The module of the source as it is, if its tests passed."""
        return self._trials.passed(self.source)

    def tools(self) -> list[dict[str, Any]]:
        """Return the tools that are offered here, as chat completions describe them."""
        return list(self._tools)

    def reopen(self) -> None:
        """Take back that the author has completed, since what it handed in was not good enough."""
        self.completed = False

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return what the tool answers; raises `BuildRefused("budget")` and `OperatorError`s alone."""
        tool = next((each["function"] for each in self._tools if each["function"]["name"] == name), None)
        if tool is None:
            offered = ", ".join(each["function"]["name"] for each in self._tools)
            return made_plain(f"There is no tool {name[:_MAX_LISTED]!a}. There are: {offered}.")
        wanted = list(tool["parameters"]["properties"])
        if set(arguments) != set(wanted) or not all(isinstance(value, str) for value in arguments.values()):
            return f"{name} takes " + (
                f"these arguments, as texts: {', '.join(wanted)}." if wanted else "no arguments."
            )
        try:
            return _bounded(self._calls[name](**arguments))
        except BuildRefused as refused:
            if refused.stage == "budget":
                raise
            return _bounded(f"{refused.message} {refused.hint}".rstrip())

    def _write(self, path: str, text: str) -> str:
        before = self.source
        self._crate.write(path, text)
        if self.source != before:
            self.completed = False
        return f"{path} is removed." if not text else f"{path} is written: {len(text.splitlines())} lines."

    def _explain(self, code: str) -> str:
        return explain(code, self._machine)

    def _fetch(self, url: str) -> str:
        return fetch_page(url, self._machine.web.http, HttpGateway(self._machine.limits))

    def _search_web(self, query: str) -> str:
        return search_web(query, self._machine.web, HttpGateway(self._machine.limits))

    def _complete(self) -> str:
        if self.module is None:
            return "Not yet: call test, and complete only when all tests pass on the source as it is."
        self.completed = True
        return "Completed."


def _bounded(text: str) -> str:
    plain = made_plain(text)
    if len(plain) <= MAX_ANSWER:
        return plain
    return f"{plain[:MAX_ANSWER]}\n… (cut: {len(plain)} characters in all)"

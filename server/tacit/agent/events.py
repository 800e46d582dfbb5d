"""What happens while a task is solved, for whoever shows or keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tacit.agent.spending import Spending
from tacit.models import Hit


@dataclass(frozen=True, slots=True)
class Found:
    """The search for the task answered these capabilities, best first."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Thought:
    """The model said something beside its tool calls."""

    text: str


@dataclass(frozen=True, slots=True)
class Used:
    """The model called a tool, which is about to be carried out."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Progressed:
    """A build has come this far; `fraction` is from 0 to 1."""

    message: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Resulted:
    """A tool call was carried out; `text` is what the server answered, `data` the same as JSON where it gave any."""

    tool: str
    ok: bool
    text: str
    data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The model gave its final answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Spent:
    """The task is over, answered or not, and used this."""

    spending: Spending


Event = Found | Thought | Used | Progressed | Resulted | Answered | Spent
Show = Callable[[Event], None]

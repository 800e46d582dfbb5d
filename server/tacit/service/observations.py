"""What programs observed, taken from the record of a run's host calls: whole, or as much as an answer has room for.

A program hands its observations over when it ends, so they are the last host calls of its run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from tacit.errors import StoreDamaged
from tacit.models import Observed, RunAnswer
from tacit.sandbox import HostCall
from tacit.texts import compact

MAX_OBSERVED = 20
"""Observations that an answer carries: the last ones, which are nearest to how the run ended."""
MAX_VALUE = 500
"""Characters of JSON of each value."""
MAX_NAME = 100
"""Characters of each name; an assertion may have many words."""


def observed_in(calls: Sequence[HostCall]) -> dict[str, Any]:
    """Return `observations` and, where some found no room, `observations_left_out`, as fields of an answer.

    Without observations, which costs one look at the last call, they are empty.
    """
    if not calls or calls[-1].function != "observe":
        return {}
    made = _observations(calls)
    fields: dict[str, Any] = {"observations": tuple(map(_shortened, made[-MAX_OBSERVED:]))}
    return {**fields, "observations_left_out": len(made) - MAX_OBSERVED} if len(made) > MAX_OBSERVED else fields


def seen_in(answer: RunAnswer) -> dict[str, Any]:
    """Return such fields as an answer has them."""
    if not answer.observations:
        return {}
    return {"observations": answer.observations, "observations_left_out": answer.observations_left_out}


def as_details(observed: dict[str, Any]) -> dict[str, Any]:
    """Return such fields JSON-ready, for the details of an error."""
    if not observed:
        return {}
    return {**observed, "observations": [each.model_dump() for each in observed["observations"]]}


def all_observed(calls: Sequence[HostCall]) -> list[dict[str, Any]]:
    """Return every observation whole, as `{name, value}`; raises `StoreDamaged` for what is no value."""
    try:
        return [{"name": call.subject, "value": json.loads(call.data)} for call in _observations(calls)]
    except ValueError as error:
        raise StoreDamaged("What this run observed is damaged in its record.") from error


def _observations(calls: Sequence[HostCall]) -> list[HostCall]:
    last = [call for call in takewhile(lambda call: call.function == "observe", reversed(calls)) if call.error is None]
    return last[::-1]


def _shortened(call: HostCall) -> Observed:
    name = call.subject if len(call.subject) <= MAX_NAME else f"{call.subject[: MAX_NAME - 1]}…"
    value = json.loads(call.data)
    text = compact(value)
    if len(text) <= MAX_VALUE:
        return Observed(name=name, value=value)
    return Observed(name=name, value=f"{text[: MAX_VALUE - 1]}…", shortened=True)

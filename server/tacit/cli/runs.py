"""`tacit runs`: what was run and how it ended, and everything that the record of one run holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tacit.cli.layout import cut, facts, indented, moment, table
from tacit.cli.references import reference
from tacit.cli.terminal import Session, use_case
from tacit.errors import InvalidArgument
from tacit.plain_text import made_plain
from tacit.texts import compact

MAX_VALUE = 2000
"""Characters of an input or an output."""
MAX_PART = 200
"""Characters of what is handed to a host function, of what it answers, of an observation and of an error."""
MAX_NAME = 40
MAX_LINES = 50
"""Host calls, observations and runs that it called, of each; `--json` has all of them."""

_HEADINGS = ["RUN", "STARTED", "CAPABILITY", "ENDED", "ENERGY", "MS", "SESSION", "CALLED BY"]


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@click.option("--capability", metavar="ID[@N]", help="Only runs of a capability, or of a version.")
@click.option("--session", "in_session", metavar="S", help="Only runs of a session that `tacit stats` lists.")
@click.option("--errors", is_flag=True, help="Only runs that failed.")
@use_case()
def runs(
    session: Session, run_id: str | None, limit: int, capability: str | None, in_session: str | None, *, errors: bool
) -> None:
    """List the newest runs, or show one.

    With RUN: its input and output or error, the runs that it called, its host calls, and what it observed.
    """
    if run_id is not None:
        if capability is not None or in_session is not None or errors:
            raise InvalidArgument("RUN names one run; the filters are for the list.", hint="Leave out one of them.")
        with session.service() as service:
            record = service.run_record(run_id)
        session.show(record, made_plain(_described(record)))
        return
    name, version = (None, None) if capability is None else reference(capability)
    with session.service() as service:
        found = service.runs(limit, capability=name, version=version, session=in_session, errors=errors)
    nothing = "Nothing was run yet." if (name, in_session, errors) == (None, None, False) else "There is no such run."
    session.show(found, made_plain(_table(found)) if found else nothing)


def _table(found: Sequence[dict[str, Any]]) -> str:
    return table(_HEADINGS, [_row(each) for each in found])


def _row(run: dict[str, Any]) -> list[str]:
    return [
        run["run_id"],
        moment(run["started"]),
        f"{run['capability']}@{run['version']}",
        cut(run["error_code"] or "ok", MAX_NAME),
        f"{run['energy']:,}",
        f"{run['seconds'] * 1000:.1f}",
        cut(run["session"] or "-", MAX_NAME),
        run["parent_run"] or "-",
    ]


def _described(run: dict[str, Any]) -> str:
    lines = facts(
        {
            "run": run["run_id"],
            "capability": f"{run['capability']}@{run['version']}",
            "started": moment(run["started"]),
            "ended": run["error_code"] or "ok",
            "took": f"{run['seconds'] * 1000:.1f} ms",
            "energy": f"{run['energy']:,} of {run['energy_limit']:,}",
            "clock": moment(run["clock"]),
            "session": run["session"] or "",
            "called by": _caller(run),
        }
    )
    lines += ["input", indented(_shortened(compact(run["input"]), MAX_VALUE))]
    if run["error"] is None or run["output"] is not None:
        lines += ["output", indented(_shortened(compact(run["output"]), MAX_VALUE))]
    if run["error"] is not None:
        lines += ["error", *map(indented, _error_lines(run["error"]))]
    if run["called"]:
        lines += ["runs that it called", indented(_table(run["called"][:MAX_LINES])), *_more(run["called"])]
    calls = [call for call in run["host_calls"] if call["function"] != "observe"]
    lines += _listed("host calls", [_call_text(call) for call in calls])
    lines += _listed("observations", [_observation_text(each) for each in run["observations"]])
    return "\n".join(lines)


def _caller(run: dict[str, Any]) -> str:
    """Return the run that called one; what became of it where there is no record of it."""
    if run["parent_run"] is None or run["parent_recorded"]:
        return run["parent_run"] or ""
    return f"{run['parent_run']} (not recorded: it was killed, goes on still, or was dropped)"


def _error_lines(error: dict[str, Any]) -> list[str]:
    """Return what went wrong, what to do, where it was, and whatever else is known of it, each on a line."""
    details: dict[str, Any] = dict(error.get("details") or {})
    place = {name: details.pop(name, None) for name in ("address", "line", "instruction")}
    said = [
        f"{error['code']}: {cut(str(error.get('message', '')), MAX_VALUE)}",
        cut(str(error.get("hint", "")), MAX_VALUE),
    ]
    if place["instruction"] is not None:
        said.append(cut("at {address}, line {line}: {instruction}".format_map(place), MAX_PART))
    told = " ".join(said)
    said += [
        f"{cut(name, MAX_NAME)}: {_shortened(compact(value), MAX_PART)}"
        for name, value in details.items()
        if str(value) not in told
    ]
    return [line for line in said if line]


def _call_text(call: dict[str, Any]) -> str:
    parts = [call["function"], cut(str(call.get("subject", "")), MAX_PART), _line(call.get("data", ""))]
    asked = " ".join(part for part in parts if part)
    if "error" in call:
        answer = f"ended the run: {call['error'].get('code', 'error')}: {call['error'].get('message', '')}"
    elif "failure" in call:
        answer = "failed: {code}: {message}".format_map(call["failure"])
    else:
        answer = str(call["result"])
    energy = f" (energy {call['energy']:,})" if "energy" in call else ""
    return f"{asked} → {_line(answer)}{energy}" if answer else f"{asked}{energy}"


def _observation_text(observation: dict[str, Any]) -> str:
    return f"{cut(str(observation['name']), MAX_PART)} = {_shortened(compact(observation['value']), MAX_PART)}"


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    return [heading, *(f"  {line}" for line in lines[:MAX_LINES]), *_more(lines)] if lines else []


def _more(items: Sequence[object]) -> list[str]:
    count = len(items) - MAX_LINES
    return [f"  … {count} more; --json has them"] if count > 0 else []


def _line(text: str) -> str:
    """Return a payload on one line, as JSON where it has several."""
    return _shortened(text if "\n" not in text and "\r" not in text else compact(text), MAX_PART)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


COMMANDS = [runs]

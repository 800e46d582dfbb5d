"""`tacit show`: one version whole, or the conversation that it was written in."""

from __future__ import annotations

from typing import Any

import click

from tacit.cli.layout import date, facts, indented
from tacit.cli.references import reference
from tacit.cli.terminal import Session, use_case
from tacit.cli.transcripts import transcript_text
from tacit.cli.usage import used_text, with_cost
from tacit.models import Permissions, Usage
from tacit.plain_text import made_plain, one_line
from tacit.prices import Prices
from tacit.texts import compact, effects_text, permissions_text


@click.command()
@click.argument("capability", metavar="ID[@N]")
@click.option("--version", type=click.IntRange(min=1), help="A version other than the current one, as in ID@N.")
@click.option("--transcript", is_flag=True, help="Only what its author and the language model said to each other.")
@use_case()
def show(session: Session, capability: str, version: int | None, *, transcript: bool) -> None:
    """Show a version whole: origin, manifest, source and tests."""
    name, number = reference(capability, version)
    with session.service() as service:
        found = service.show(name, number)
    if transcript:
        session.show(found["transcript"], transcript_text(found["transcript"]))
    else:
        prices = Prices.of(session.settings)
        session.show(with_cost(found, prices), made_plain(_described(found, prices)))


def _described(found: dict[str, Any], prices: Prices | None) -> str:
    lines = facts({**_standing(found), **_origin(found, prices), **_manifest(found)})
    for heading in ("revisions", "accepted"):
        lines += _listed(heading, found[heading])
    lines += _listed("examples", found["manifest"]["examples"])
    sources = [f"\n--- {path}\n{indented(text)}" for path, text in found["source"].items()]
    return "\n".join([*lines, *sources, _tests(found)])


def _standing(found: dict[str, Any]) -> dict[str, str]:
    failing = found["failing"]
    return {
        "id": f"{found['id']}@{found['version']}",
        "summary": found["summary"],
        "status": found["status"],
        "capability": found["capability_status"] if found["capability_status"] != found["status"] else "",
        "successor": found["successor"] or "",
        "failing": f"on {_inputs(failing)}, by its own fault" if failing else "",
    }


def _inputs(count: int) -> str:
    return f"{count} inputs in a row" if count > 1 else "one input"


def _origin(found: dict[str, Any], prices: Prices | None) -> dict[str, str]:
    seconds = found["build_seconds"]
    return {
        "parent": found["parent"] or "",
        "task": found["task"],
        "cause": found["cause"],
        "failed run": found["failure"] or "",
        "author": found["author"],
        "model": found["model"] if found["model"] != found["author"] else "",
        "used": used_text(Usage.model_validate(found["usage"]), prices),
        "prompts": found["prompts_hash"],
        "build": f"{found['job']}, {seconds:.1f} s" if found["job"] else "",
        "toolchain": found["toolchain"],
        "sdk": found["sdk"],
        "created": date(found["created"]),
        "module": found["digest"],
    }


def _manifest(found: dict[str, Any]) -> dict[str, str]:
    manifest = found["manifest"]
    return {
        "effects": effects_text(found["effects"]),
        "effects gained": ", ".join(found["effects_gained"]),
        "permissions": permissions_text(Permissions.model_validate(manifest["permissions"])),
        "not granted": permissions_text(Permissions.model_validate(found["permissions_not_granted"] or {})),
        "input schema": compact(manifest["input_schema"]),
        "output schema": compact(manifest["output_schema"]),
    }


def _listed(heading: str, items: list[str]) -> list[str]:
    return [heading, *(indented(f"- {one_line(item)}") for item in items)] if items else []


def _tests(found: dict[str, Any]) -> str:
    """Return the tests, each on two lines, and which of them the author's implementation never saw."""
    held_out = set(found["held_out"])
    lines = [
        f"\n--- tests ({len(found['tests'])}, {len(held_out)} held out from the author)" if held_out else "\n--- tests"
    ]
    for test in found["tests"]:
        lines.append(f"{one_line(test['name'])}{' (held out)' if test['name'] in held_out else ''}")
        lines.append(indented(compact({name: value for name, value in test.items() if name != "name"})))
    return "\n".join(lines)


COMMANDS = [show]

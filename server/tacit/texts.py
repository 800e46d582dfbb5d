"""The compact text forms of answers and errors, for the reader of a tool's text and of a terminal.

The structured forms are the models' own; a text says the same in fewer characters. No protocol here.

What a stranger wrote never begins a line: it stands on the line of its label (`one_line`, `quoted`, `compact`) or,
where its lines matter, indented below that (`_block`). So a summary or a guest's message cannot forge a hit or a hint.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import ValidationError

from tacit.errors import TacitError
from tacit.models import Brief, Effect, Hit, MutateAnswer, Observed, Permissions, RunAnswer, SearchAnswer, Usage
from tacit.plain_text import escaped, made_plain, one_line, quoted

_SAID_IN_MESSAGE = frozenset({"violations", "stage"})
"""Details that the message of their error already spells out."""
_NUMBERS = frozenset({"address", "line", "failures_in_row"})
"""Details that are shown whatever the message says: a small number stands in most of them by chance."""
_OBSERVED = frozenset({"observations", "observations_left_out"})


def compact(value: Any) -> str:
    """Return a value as JSON on one line, non-ASCII characters as they are but for those that end lines."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\x85", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def error_text(error: TacitError) -> str:
    """Return `code: message`, then the hint, each detail and each observation on a line of its own."""
    return _failure_text(error.to_dict())


def _failure_text(error: Mapping[str, Any]) -> str:
    """Return the text of an error in its JSON form."""
    details: dict[str, Any] = error.get("details", {})
    lines = [f"{error['code']}: {one_line(error['message'])}"]
    if hint := error.get("hint"):
        lines.append(one_line(hint))
    said = "\n".join(lines)
    observed = error_observations(details)
    if observed:
        details = {name: value for name, value in details.items() if name not in _OBSERVED}
    shown = {one_line(name): _detail(value) for name, value in details.items() if _worth_showing(name, value)}
    unsaid = [f"{name}: {value}" for name, value in shown.items() if name in _NUMBERS or value not in said]
    return "\n".join([*lines, *unsaid, *observed])


def search_text(answer: SearchAnswer) -> str:
    """Return a paragraph for each hit, best first, the advice, and how many are searched by their words alone."""
    parts = [_hit_text(number, hit) for number, hit in enumerate(answer.hits, start=1)]
    pending = f"{answer.pending:,} capabilities are not searched by meaning yet; their words are."
    return "\n\n".join([*parts, *filter(None, (answer.advice, pending if answer.pending else ""))])


def run_line(answer: RunAnswer) -> str:
    """Return where an output came from, on one line: version, run, energy and time."""
    parts = [f"{answer.capability}@{answer.version}"]
    parts.append(f"run {answer.run_id}" if answer.recorded else "not recorded: the data folder cannot be written")
    parts += [f"energy {answer.energy}", "cached" if answer.cached else f"{answer.seconds * 1000:.1f} ms"]
    return " · ".join(parts)


def run_texts(answer: RunAnswer) -> list[str]:
    """Return the texts of a run's answer: its output, where that came from, and what was observed, if anything."""
    texts = [compact(answer.output), run_line(answer)]
    return [*texts, "\n".join(answer_observations(answer))] if answer.observations else texts


def answer_observations(answer: RunAnswer) -> list[str]:
    """Return a line for each observation that an answer has."""
    lines = [_observed_text(each.name, each.value, whole=not each.shortened) for each in answer.observations]
    return [*_left_out(answer.observations_left_out), *lines]


def error_observations(details: Mapping[str, Any]) -> list[str]:
    """Return a line for each observation in the details of an error; a guest's own details are no observations."""
    found = details.get("observations")
    if not isinstance(found, list):
        return []
    try:
        observed = [Observed.model_validate(each) for each in cast("list[Any]", found)]
    except ValidationError:
        return []
    lines = [_observed_text(each.name, each.value, whole=not each.shortened) for each in observed]
    return [*_left_out(details.get("observations_left_out")), *lines]


def _observed_text(name: str, value: Any, *, whole: bool) -> str:
    return f"observed {one_line(name)} = {compact(value) if whole else one_line(str(value))}"


def _left_out(count: Any) -> list[str]:
    return [f"({count} earlier observations are in the run's record)"] if count else []


def usage_text(usage: Usage) -> str:
    """Return what an author used, on one line; empty where no model was asked."""
    if not usage.llm_calls:
        return ""
    about = "about " if usage.estimated else ""
    return (
        f"{_counted(usage.llm_calls, 'call')} of the model, {about}{usage.tokens:,} tokens "
        f"({usage.prompt_tokens:,} in, {usage.completion_tokens:,} out), {_counted(usage.attempts, 'source')} compiled"
    )


def mutate_text(answer: MutateAnswer) -> str:
    """Return what became of a request to make a capability, with what to do next."""
    describe = {
        "needs_source": _needs_source_text,
        "building": _building_text,
        "registered": _registered_text,
        "refused": _refused_text,
    }[answer.status]
    return "\n".join(line for line in describe(answer) if line)


def effects_text(effects: Iterable[Effect | str]) -> str:
    """Return effects by name, or `pure` when there are none."""
    return ", ".join(str(effect) for effect in effects) or "pure"


def permissions_text(permissions: Permissions | None) -> str:
    """Return what is not granted, as compact JSON without the empty parts; empty when all is granted."""
    asked = permissions.model_dump(mode="json", exclude_defaults=True) if permissions else {}
    return compact(asked) if asked else ""


def _worth_showing(name: str, value: Any) -> bool:
    return name not in _SAID_IN_MESSAGE and value not in (None, "", [], {})


def _detail(value: Any) -> str:
    if isinstance(value, str):
        return _block(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):  # pyright: ignore[reportUnknownVariableType]
        return one_line(", ".join(value))  # pyright: ignore[reportUnknownArgumentType]
    return compact(value)


def _hit_text(number: int, hit: Hit) -> str:
    lines = [
        f"{number}. {hit.id}@{hit.version} (score {hit.score:.2f}, {effects_text(hit.effects)}): {quoted(hit.summary)}",
        f"   input schema: {escaped(compact(hit.input_schema))}",
    ]
    if hit.example_input is not None:
        lines.append(f"   example input: {escaped(compact(hit.example_input))}")
    if denied := permissions_text(hit.permissions_not_granted):
        lines.append(f"   permissions not granted: {denied}")
    return "\n".join(lines)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _registered_text(answer: MutateAnswer) -> list[str]:
    denied = permissions_text(answer.permissions_not_granted)
    return [
        f"registered {answer.id}@{answer.version} ({effects_text(answer.effects)})"
        + (f", from {answer.parent}" if answer.parent else ""),
        f"tests passed: {', '.join(one_line(test.name) for test in answer.tests if test.passed)}"
        if answer.tests
        else "",
        f"permissions not granted: {denied}" if denied else "",
        one_line(answer.hint),
        _author_text(answer),
        one_line(answer.message),
        *_run_text(answer),
    ]


def _author_text(answer: MutateAnswer) -> str:
    """Return which model wrote it and what that used; a caller that is the author knows."""
    used = usage_text(answer.usage) if answer.usage else ""
    author = f"written by {one_line(answer.author)}" if answer.author.partition(" ")[0] not in ("", "caller") else ""
    return ": ".join(part for part in (author, used) if part)


def _run_text(answer: MutateAnswer) -> list[str]:
    """Return what the new version made of the input that came with the request."""
    if answer.run is not None:
        run = answer.run
        return [f"its run on the input: {run_line(run)}", *answer_observations(run), f"output: {compact(run.output)}"]
    if answer.run_error is None:
        return []
    return [f"its run on the input failed: {_failure_text(answer.run_error)}"]


def _refused_text(answer: MutateAnswer) -> list[str]:
    failed = [
        f"test {one_line(test.name)} failed: {_block(test.difference)}" for test in answer.tests if not test.passed
    ]
    return [
        f"refused at {answer.stage}: {one_line(answer.message)}",
        one_line(answer.hint),
        f"closest: {', '.join(answer.closest)}" if answer.closest else "",
        f"diagnostics: {_block(answer.diagnostics)}" if answer.diagnostics else "",
        *failed,
        _author_text(answer),
    ]


def _building_text(answer: MutateAnswer) -> list[str]:
    return [
        f"building, job {answer.job}. {one_line(answer.message)}".rstrip(),
        f'Ask again: mutate_capability with {{"job": "{answer.job}"}}.',
    ]


def _needs_source_text(answer: MutateAnswer) -> list[str]:
    lines = [f"needs_source. {one_line(answer.message)}".rstrip(), one_line(answer.hint)]
    return lines + (_brief_lines(answer.brief) if answer.brief else [])


def _brief_lines(brief: Brief) -> list[str]:
    lines = [f"task: {one_line(brief.task)}" if brief.task else ""]
    if brief.nearest:
        lines.append("nearest capability:")
        lines += [f"- {name}: {_nearest_part(name, value)}" for name, value in brief.nearest.items()]
    return [
        *lines,
        f"guest API:\n{brief.guest_api}",
        f"crates: {', '.join(brief.crates)}",
        f"tests:\n{brief.tests_form}",
        f"limits: {compact(brief.limits)}",
        f"example call of mutate_capability: {compact(brief.example_call)}",
    ]


def _block(text: str) -> str:
    """Return a text as it follows its label: on the label's line, or indented below that where it has several."""
    plain = made_plain(text.rstrip())
    return _indented(plain) if len(plain.splitlines()) > 1 else plain


def _indented(text: str) -> str:
    return "".join(f"\n    {line}" for line in text.splitlines())


def _nearest_part(name: str, value: Any) -> str:
    """Return a part of the nearest capability; of its source, each file under its path."""
    if name == "source":
        return "".join(f"\n  --- {one_line(path)}{_indented(made_plain(text))}" for path, text in value.items())
    return quoted(value) if isinstance(value, str) else compact(value)

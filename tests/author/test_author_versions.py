"""An author that makes the next version of an id: what the version before did well has to go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from author_samples import COMPLETED, GOOD, HELD_OUT, SEEN, asked, existing, plays, specified, submitted
from authors import write
from scripted_llm import call

from tacit.building.orders import Replay
from tacit.sandbox.worlds.recording import encode_calls

Write = Callable[..., Any]

COUNTS_Y = GOOD.replace("aeiouAEIOU", "aeiouyAEIOUY")
ELSEWHERE = [{**test, "name": f"{test['name']} again", "input": {"text": f"{test['input']['text']}!"}} for test in SEEN]
LETTERS = existing("fn main() {}", id="count_letters", summary="Count the letters of a text.")


def recorded(text: str, vowels: int) -> Replay:
    """Return a run of the version before that ended well."""
    return Replay(
        run_id="r1",
        input=json.dumps({"text": text}).encode(),
        output=json.dumps({"vowels": vowels}).encode(),
        calls=encode_calls([]),
        energy_limit=1_000_000_000,
        now_millis=0,
        seed=bytes(32),
    )


def renewed(**changes: Any) -> Any:
    """Return a request for the next version of the sample."""
    return asked(parent=existing(), renews=True, **changes)


def test_the_next_version_keeps_the_id_and_passes_the_tests_before_it(author: Write) -> None:
    """The id is not the model's to choose, and nothing is proposed, since the id is there already."""
    outcome = author(
        plays(specification=[specified(id="another_id"), specified()], tests=submitted(seen=ELSEWHERE)), renewed()
    )
    assert outcome.made.authored.manifest.id == "count_vowels"
    assert "it has to be 'count_vowels'" in outcome.answers("submit_specification")[0]
    assert [(test.name, test.passed) for test in outcome.made.parent_tests] == [(test["name"], True) for test in SEEN]
    assert outcome.questions == []


def test_the_source_before_is_where_the_author_starts(author: Write) -> None:
    """It is in the crate already, and may be handed in once it passes."""
    outcome = author(plays(implementation=COMPLETED), renewed())
    assert outcome.made.authored.source == {"main.rs": GOOD}


def test_a_parent_of_another_id_is_material_alone(author: Write) -> None:
    """Its source is where the author starts; its tests are not those of the new capability."""
    outcome = author(plays(), asked(parent=LETTERS))
    assert outcome.made.authored.manifest.id == "count_vowels"
    assert outcome.made.parent_tests == ()
    first = outcome.requests("write_file")[0]["messages"][1]["content"]
    assert "fn main() {}" in first


def test_tests_of_the_version_before_are_run_with_those_seen(author: Write) -> None:
    """A source that breaks them is not complete."""
    moves = [write(COUNTS_Y), *COMPLETED, write(GOOD), *COMPLETED]
    outcome = author(plays(tests=submitted(seen=ELSEWHERE), implementation=moves), renewed())
    assert outcome.made.authored.source == {"main.rs": GOOD}
    assert "finds none where there are none" in outcome.answers("test")[0]


def test_recorded_runs_are_repeated(author: Write) -> None:
    """What the version before answered is answered again."""
    made = author(plays(), renewed(replays=(recorded("Yggdrasil", 2),))).made
    assert [(test.name, test.passed) for test in made.replays] == [("run r1", True)]


def test_a_recorded_run_that_goes_differently_is_told_without_its_input(author: Write) -> None:
    """What people ran is nobody's test: the author hears that runs differ, once, and then the build is refused."""
    outcome = author(plays(), renewed(replays=(recorded("Yggdrasil", 1000),)))
    assert outcome.refusal["stage"] == "verification"
    said = json.dumps(outcome.llm.requests)
    assert "the version before did well" in said
    assert "Yggdrasil" not in said
    assert "1000" not in said


def test_a_recorded_run_that_a_new_test_changes_may_differ(author: Write) -> None:
    """The tests of the new version say what changes."""
    replay = recorded(HELD_OUT[0]["input"]["text"], 1000)
    made = author(plays(), renewed(replays=(replay,))).made
    assert made.replays[0].passed
    assert "same input" in made.replays[0].difference


def test_tests_that_are_wrong_can_be_revised_for_a_version_too(author: Write) -> None:
    """The id stays through a revision."""
    ask = call("request_revision", reason="The specification leaves y open.")
    parts = plays(
        implementation=lambda request: ask if "request_revision" in request.tools else COMPLETED[min(request.turn, 1)],
        revision=call("decide_revision", accept=True, reason="It does."),
    )
    made = author(parts, renewed()).made
    assert made.authored.manifest.id == "count_vowels"
    assert len(made.authored.revisions) == 1

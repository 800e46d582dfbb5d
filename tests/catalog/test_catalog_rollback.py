"""Rolling back and archiving: what is offered then, what is kept, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from catalog_samples import register

from tacit.catalog import Archival, Catalog
from tacit.errors import UnknownCapability, UnknownVersion
from tacit.models import Status
from tacit.store import Decision


@pytest.fixture
def three(catalog: Catalog) -> Catalog:
    """A catalog with three versions of one capability."""
    for number in (1, 2, 3):
        register(catalog, number=number)
    return catalog


def statuses(catalog: Catalog) -> list[Status]:
    """Return the status of each version, oldest first."""
    return [version.status for version in catalog.history("count_words")]


def test_a_rollback_offers_the_older_version(three: Catalog) -> None:
    """The newer ones are deprecated, and whoever asks for one is told to run the capability."""
    assert three.rollback("count_words", 1)
    assert three.get("count_words").version == 1
    assert statuses(three) == [Status.ACTIVE, Status.DEPRECATED, Status.DEPRECATED]
    assert three.get("count_words", 3).successor == "count_words"


def test_a_rollback_is_undone_by_restoring(three: Catalog) -> None:
    """The newer version is offered again."""
    three.rollback("count_words", 1)
    three.restore("count_words", 3)
    assert three.get("count_words").version == 3


def test_a_rollback_to_what_is_offered_changes_nothing(three: Catalog) -> None:
    """It says so, begins no generation and is not noted."""
    before = three.generation()
    assert not three.rollback("count_words", 3)
    assert (three.generation(), three.store.audit.entries(9)) == (before, [])


def test_a_rollback_reaches_search(three: Catalog) -> None:
    """The capability is among what changed, with the card of the older version."""
    before = three.generation()
    three.rollback("count_words", 2)
    assert [card.id for card in three.changes_since(before).cards] == ["count_words"]


@pytest.mark.parametrize("put_away", ["deprecate", "archive"])
def test_a_rollback_offers_what_is_put_away(three: Catalog, put_away: str) -> None:
    """A deprecated or archived capability is active after it."""
    getattr(three, put_away)("count_words")
    assert three.rollback("count_words", 2)
    found = three.get("count_words")
    assert (found.version, found.capability_status, found.successor) == (2, Status.ACTIVE, None)


def test_a_rollback_to_the_offered_version_of_a_deprecated_capability(three: Catalog) -> None:
    """It is offered again, which is a change."""
    three.deprecate("count_words")
    assert three.rollback("count_words", 3)
    assert three.ids() == ("count_words",)


@pytest.mark.parametrize("number", [0, 4, -1, 10**30])
def test_a_rollback_to_no_version_is_refused(three: Catalog, number: int) -> None:
    """The versions that there are, are named."""
    with pytest.raises(UnknownVersion, match="It has 1, 2, 3"):
        three.rollback("count_words", number)


def test_a_rollback_of_no_capability_is_refused(three: Catalog) -> None:
    """The closest one is named."""
    with pytest.raises(UnknownCapability, match="count_words"):
        three.rollback("count_word", 1)


def test_what_is_offered_again_begins_without_failures(three: Catalog) -> None:
    """Otherwise its next failure would be its last."""
    for number in (1, 3):
        three.store.health.failed("count_words", number, "run", "input")
    assert three.get("count_words", 3).failing == 1
    three.rollback("count_words", 1)
    three.restore("count_words", 3)
    assert [version.failing for version in three.history("count_words")] == [0, 0, 0]


def test_an_archived_version_is_kept_and_not_offered(three: Catalog) -> None:
    """The newest active one takes its place; module, source and lineage stay."""
    three.archive("count_words", 3)
    assert three.get("count_words").version == 2
    kept = three.get("count_words", 3)
    assert (kept.status, kept.parent, bool(three.module(kept.digest))) == (Status.ARCHIVED, "count_words@2", True)


def test_an_archived_capability_is_in_no_list(three: Catalog) -> None:
    """Neither among those offered nor in search, but among all."""
    three.archive("count_words")
    assert (three.ids(), list(three.active_cards())) == ((), [])
    assert three.ids(include_deprecated=True) == ("count_words",)


def test_a_capability_whose_versions_are_all_archived_is_archived(three: Catalog) -> None:
    """The last one takes it along, and restoring one brings it back."""
    for number in (1, 2, 3):
        three.archive("count_words", number)
    assert three.get("count_words").capability_status is Status.ARCHIVED
    three.restore("count_words", 2)
    found = three.get("count_words")
    assert (found.version, found.status, found.capability_status) == (2, Status.ACTIVE, Status.ACTIVE)


def test_a_restored_capability_is_as_before_it_was_archived(three: Catalog) -> None:
    """Its versions never changed."""
    before = three.history("count_words")
    three.archive("count_words")
    three.restore("count_words")
    assert three.history("count_words") == before


def test_without_active_versions_a_deprecated_one_stays_before_an_archived_one(three: Catalog) -> None:
    """Whoever runs the capability is told that it is deprecated, which names a successor."""
    three.deprecate("count_words", 1)
    three.deprecate("count_words", 2)
    three.archive("count_words", 3)
    assert three.get("count_words").version == 2


def test_a_sweep_is_one_transaction(three: Catalog) -> None:
    """Where a choice fails half-way, nothing is archived."""

    def choose() -> list[Archival]:
        raise RuntimeError

    before = three.generation()
    with pytest.raises(RuntimeError):
        three.sweep(choose)
    three.sweep(lambda: [Archival("count_words", 1, {"reason": "superseded"}), Archival("count_words", 2, {})])
    assert (statuses(three)[:2], three.generation()) == ([Status.ARCHIVED] * 2, before + 1)


def test_each_decision_is_noted_with_who_took_it(three: Catalog) -> None:
    """Newest first, with what it was about."""
    by = Decision("policy", {"failing": 3})
    three.deprecate("count_words", 2, by=by)
    three.restore("count_words", 2)
    three.rollback("count_words", 1, by=Decision("cli"))
    three.archive("count_words", 3)
    noted = [(each.actor, each.action, each.version, each.details) for each in three.store.audit.entries(9)]
    assert noted == [
        ("python", "archive", 3, {}),
        ("cli", "rollback", 1, {"from": 3}),
        ("python", "restore", 2, {}),
        ("policy", "deprecate", 2, {"failing": 3}),
    ]


def test_what_is_refused_is_not_noted(three: Catalog) -> None:
    """The log has decisions, not attempts."""
    with pytest.raises(UnknownVersion):
        three.archive("count_words", 9)
    assert three.store.audit.entries(9) == []


def test_other_processes_see_it_at_once(open_catalog: Callable[[], Catalog]) -> None:
    """What they remember of the catalog is looked up again."""
    mine, other = open_catalog(), open_catalog()
    for number in (1, 2):
        register(mine, number=number)
    assert other.get("count_words").version == 2
    mine.rollback("count_words", 1)
    assert other.get("count_words").version == 1

"""Deprecating and restoring."""

from __future__ import annotations

import pytest
from catalog_samples import register

from tacit.catalog import Catalog
from tacit.errors import InvalidArgument, UnknownCapability, UnknownVersion
from tacit.models import Status


@pytest.fixture
def three(catalog: Catalog) -> Catalog:
    """A catalog with three versions of one capability, and another capability."""
    for number in (1, 2, 3):
        register(catalog, number=number)
    register(catalog, "split_text")
    return catalog


def test_a_deprecated_capability_is_not_offered_but_found(three: Catalog) -> None:
    """It is still looked up, with its status and successor; search does not get it."""
    three.deprecate("count_words", successor="split_text")
    found = three.get("count_words")
    assert (found.status, found.capability_status, found.successor) == (Status.ACTIVE, Status.DEPRECATED, "split_text")
    assert three.ids() == ("split_text",)
    assert three.ids(include_deprecated=True) == ("count_words", "split_text")
    assert [card.id for card in three.active_cards()] == ["split_text"]


def test_a_restored_capability_is_as_before(three: Catalog) -> None:
    """Status, successor and the offered version are what they were."""
    before = three.get("count_words")
    three.deprecate("count_words", successor="split_text")
    three.restore("count_words")
    assert three.get("count_words") == before


def test_without_the_offered_version_the_newest_active_one_is_offered(three: Catalog) -> None:
    """Versions fall back in order, over those that are deprecated already."""
    three.deprecate("count_words", 2)
    assert three.get("count_words").version == 3
    three.deprecate("count_words", 3)
    assert three.get("count_words").version == 1


def test_a_deprecated_version_names_its_capability_as_successor(three: Catalog) -> None:
    """Whoever asked for that version is told to run the one that is offered; or the successor that was named."""
    three.deprecate("count_words", 3)
    assert three.get("count_words", 3).status is Status.DEPRECATED
    assert three.get("count_words", 3).successor == "count_words"
    assert three.get("count_words").successor is None
    three.deprecate("count_words", 3, successor="split_text")
    assert three.get("count_words", 3).successor == "split_text"


def test_with_its_last_version_a_capability_is_no_longer_offered(catalog: Catalog) -> None:
    """It is found with a deprecated version and no successor."""
    register(catalog)
    catalog.deprecate("count_words", 1)
    found = catalog.get("count_words")
    assert (found.version, found.status, found.successor) == (1, Status.DEPRECATED, None)
    assert catalog.ids() == ()


def test_restoring_a_newer_version_offers_it(three: Catalog) -> None:
    """Deprecating a version and restoring it again comes back to where it was."""
    three.deprecate("count_words", 3)
    three.restore("count_words", 3)
    assert three.get("count_words").version == 3


def test_restoring_an_older_version_leaves_the_offered_one(three: Catalog) -> None:
    """It can be asked for by its number again, and no more."""
    three.deprecate("count_words", 1)
    three.restore("count_words", 1)
    assert three.get("count_words", 1).status is Status.ACTIVE
    assert three.get("count_words").version == 3


def test_restoring_any_version_of_a_capability_without_one_offers_it(catalog: Catalog) -> None:
    """An old version is better than none."""
    for number in (1, 2):
        register(catalog, number=number)
    for number in (2, 1):
        catalog.deprecate("count_words", number)
    catalog.restore("count_words", 1)
    assert (catalog.get("count_words").version, catalog.ids()) == (1, ("count_words",))


def test_restoring_a_capability_without_an_active_version_restores_one(catalog: Catalog) -> None:
    """After restoring, it runs."""
    register(catalog)
    catalog.deprecate("count_words", 1)
    catalog.deprecate("count_words")
    catalog.restore("count_words")
    assert catalog.ids() == ("count_words",)


def test_a_new_version_brings_a_deprecated_capability_back(three: Catalog) -> None:
    """Whoever makes a version wants it found."""
    three.deprecate("count_words", successor="split_text")
    register(three, number=4)
    found = three.get("count_words")
    assert (found.version, found.capability_status, found.successor) == (4, Status.ACTIVE, None)


def test_what_does_not_exist_cannot_be_changed(three: Catalog) -> None:
    """Unknown ids, versions and successors are named."""
    for change in (three.deprecate, three.restore):
        with pytest.raises(UnknownCapability):
            change("unknown_one")
        with pytest.raises(UnknownVersion):
            change("count_words", 9)
    with pytest.raises(UnknownCapability):
        three.deprecate("count_words", successor="unknown_one")
    with pytest.raises(InvalidArgument, match="own successor"):
        three.deprecate("count_words", successor="count_words")


@pytest.mark.parametrize("version", [None, 1])
@pytest.mark.parametrize("put_away", ["deprecate", "archive"])
def test_the_same_content_again_offers_nothing_again(catalog: Catalog, put_away: str, version: int | None) -> None:
    """Whoever registers once more what was put away has not decided that it is offered."""
    register(catalog)
    getattr(catalog, put_away)("count_words", version)
    assert register(catalog).version == 1
    assert catalog.ids() == ()


def test_a_new_version_that_offers_again_is_audited(catalog: Catalog) -> None:
    """A new version of a deprecated capability is offered, and the log says by whose doing."""
    register(catalog)
    catalog.deprecate("count_words")
    register(catalog, number=2, author="caller")
    assert catalog.get("count_words").capability_status is Status.ACTIVE
    entry = catalog.store.audit.entries(1)[0]
    assert (entry.actor, entry.action, entry.version) == ("author", "restore", 2)
    assert entry.details == {"author": "caller"}
    register(catalog, number=3)
    assert catalog.store.audit.entries(1) == [entry]


def test_a_version_does_not_refer_to_its_own_capability_that_is_gone(three: Catalog) -> None:
    """The successor of a version may be its capability, as long as that offers another."""
    three.deprecate("count_words", 3, "count_words")
    assert three.get("count_words", 3).successor == "count_words"
    for number in (2, 1):
        three.deprecate("count_words", number)
    assert three.get("count_words", 3).successor is None

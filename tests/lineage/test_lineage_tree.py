"""The tree of versions: who stands where, whatever the parents say."""

from __future__ import annotations

import random

import pytest
from lineage_samples import member, names

from tacit.lineage import Lineage, Member
from tacit.lineage.tree import MAX_DEPTH


def test_versions_go_on_and_children_branch_off() -> None:
    """What has another id stands a branch deeper, right after its parent."""
    kin = [
        member("pay@1", at=1),
        member("pay@2", "pay@1", at=2, offered=True),
        member("pay_in_pounds@1", "pay@1", at=3, offered=True),
        member("pay_in_pounds@2", "pay_in_pounds@1", at=4),
    ]
    assert names(Lineage.of("pay", kin)) == ["pay@1", " pay_in_pounds@1", " pay_in_pounds@2", "pay@2"]


def test_ancestors_stand_above_without_their_other_children() -> None:
    """The way up to where it comes from, not the whole family."""
    kin = [
        member("pay@1", at=1),
        member("pay@2", "pay@1", at=2),
        member("pay_in_pounds@1", "pay@1", at=3),
        member("bonus@1", "pay@1", at=4),
    ]
    assert names(Lineage.of("pay_in_pounds", kin)) == ["pay@1", " pay_in_pounds@1"]


def test_the_way_to_the_offered_version_goes_straight_on() -> None:
    """Of two versions of the same id made of one, the one that leads to what is offered."""
    kin = [
        member("pay@1", at=1, offered=True),
        member("pay@2", "pay@1", at=2, offered=True),
        member("pay@3", "pay@1", at=3),
    ]
    assert names(Lineage.of("pay", kin)) == ["pay@1", " pay@3", "pay@2"]


def test_what_was_restored_from_an_earlier_version_leads_on() -> None:
    """After a rollback the next version comes from the older one; the abandoned one is a branch."""
    kin = [
        member("pay@1", at=1),
        member("pay@2", "pay@1", at=2),
        member("pay@3", "pay@1", at=3, offered=True),
    ]
    assert names(Lineage.of("pay", kin)) == ["pay@1", " pay@2", "pay@3"]


def test_a_missing_parent_makes_a_tree_of_its_own() -> None:
    """As after an import alone; the parent's name is kept."""
    kin = [member("pay@1", at=1), member("pay@2", "wages@7", at=2)]
    lineage = Lineage.of("pay", kin)
    assert names(lineage) == ["pay@1", "pay@2"]
    assert [place.lost_parent for place in lineage.places] == [None, "wages@7"]
    assert [place.heads for place in lineage.places] == [True, True]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_circles_are_cut_at_the_oldest(length: int) -> None:
    """Imported versions may name each other, or themselves, as parents."""
    kin = [member(f"pay@{n}", f"pay@{n - 1 or length}", at=n) for n in range(1, length + 1)]
    lineage = Lineage.of("pay", kin)
    assert names(lineage) == [each.name for each in kin]
    assert [place.lost_parent for place in lineage.places] == [f"pay@{length}", *[None] * (length - 1)]


def test_a_circle_through_other_ids_is_shown_whole() -> None:
    """From whichever id one looks."""
    kin = [member("one@1", "two@1", at=1), member("two@1", "one@1", at=2)]
    assert names(Lineage.of("one", kin)) == names(Lineage.of("two", kin)) == ["one@1", " two@1"]


def test_nothing_known_is_an_empty_lineage() -> None:
    """Nothing to draw."""
    assert Lineage.of("pay", []).places == ()
    assert Lineage.of("pay", [member("bonus@1")]).places == ()


def test_thousands_of_versions_are_no_deeper_than_one() -> None:
    """A chain longer than any recursion would bear."""
    kin = [member(f"pay@{n}", f"pay@{n - 1}", at=n) for n in range(1, 5001)]
    lineage = Lineage.of("pay", kin)
    assert [place.member.version for place in lineage.places] == [*range(1, 5001)]
    assert {place.depth for place in lineage.places} == {0}


def test_branches_of_branches_without_end_become_trees_of_their_own() -> None:
    """What is too deep comes after, and is said where it would have stood."""
    kin = [member(f"step{n}@1", f"step{n - 1}@1", at=n) for n in range(1, MAX_DEPTH + 4)]
    lineage = Lineage.of("step1", kin)
    cut = [place for place in lineage.places if place.deferred]
    assert [(place.depth, place.deferred[0].id) for place in cut] == [(MAX_DEPTH, f"step{MAX_DEPTH + 2}")]
    below = [place for place in lineage.places if place.member is cut[0].deferred[0]]
    assert [(place.depth, place.heads, place.parent) for place in below] == [(0, True, cut[0].member)]


@pytest.mark.parametrize("seed", range(20))
def test_each_version_has_one_place_after_its_parent(seed: int) -> None:
    """Whatever parents are named: missing ones, later ones, circles."""
    source = random.Random(seed)
    known = [f"{capability}@{n}" for capability in ("ada", "bob", "cid") for n in range(1, 15)]
    kin = [_random_member(source, name, known) for name in known]
    lineage = Lineage.of("ada", source.sample(kin, len(kin)))
    seen: set[str] = set()
    for place in lineage.places:
        assert place.member.name not in seen
        assert place.parent is None or place.parent.name in seen
        seen.add(place.member.name)
    assert seen >= {name for name in known if name.startswith("ada@")}


def _random_member(source: random.Random, name: str, known: list[str]) -> Member:
    parent = source.choice([None, "gone@1", *known])
    return member(name, parent, at=source.randrange(20), offered=source.random() < 0.2)

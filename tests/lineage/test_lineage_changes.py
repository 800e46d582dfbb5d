"""What changed from a version to the next."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lineage_samples import case, member

from tacit.lineage import SchemaChange, changes_between, schema_changes, source_diff
from tacit.lineage.line_diff import MAX_COMPARED, count_lines
from tacit.lineage.schema_changes import MAX_DEPTH
from tacit.models import Effect, Permissions


def test_nothing_changed() -> None:
    """The same content, whoever wrote it and when."""
    assert changes_between(member("pay@1"), member("pay@2", author="model", at=9)).nothing


def test_effects_permissions_and_tests_are_gained_and_lost() -> None:
    """Each by name, and tests that say something else under the same name."""
    before = member(
        "pay@1",
        effects=(Effect.READS, Effect.TIME),
        permissions=Permissions(read=("a.json", "b.json"), time=True),
        tests=(case("kept"), case("dropped"), case("altered", 1)),
    )
    after = member(
        "pay@2",
        effects=(Effect.READS, Effect.NETWORK),
        permissions=Permissions(read=("a.json",), http=("rates.example.com",)),
        tests=(case("kept"), case("new"), case("altered", 2)),
    )
    changes = changes_between(before, after)
    assert (changes.effects_gained, changes.effects_lost) == (("network",), ("time",))
    assert changes.permissions_gained == ("http rates.example.com",)
    assert changes.permissions_lost == ("time", "read b.json")
    assert (changes.tests_added, changes.tests_removed, changes.tests_changed) == (("new",), ("dropped",), ("altered",))


def test_changes_are_data_too() -> None:
    """Plain JSON values."""
    changes = changes_between(member("pay@1"), member("pay@2", source="", input_schema={"type": "object"}))
    data = changes.as_data()
    assert (data["lines_removed"], data["summary"]) == (1, False)
    assert data["input_schema"] == [{"path": "", "before": "any", "after": "object"}]


def _object(required: tuple[str, ...] = (), **properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": [*required]}


def test_properties_are_added_removed_and_changed() -> None:
    """With their types, whether they are required, and what else is demanded of them."""
    before = _object(("id",), id={"type": "string"}, amount={"type": "integer"}, note={"type": "string"})
    after = _object(
        ("id", "currency"),
        id={"type": "string"},
        amount={"type": ["number", "null"], "minimum": 0},
        currency={"type": "string", "enum": ["GBP", "EUR"]},
    )
    assert schema_changes(before, after) == (
        SchemaChange("amount", "integer", "number or null, minimum 0"),
        SchemaChange("currency", None, 'string, required, enum ["GBP", "EUR"]'),
        SchemaChange("note", "string", None),
    )


def test_what_is_nested_has_its_path() -> None:
    """In objects, in the items of lists, and under definitions."""
    before = {"properties": {"staff": {"type": "array", "items": _object(name={"type": "string"})}}}
    after = {
        "properties": {"staff": {"type": "array", "items": _object(("name",), name={"type": "string"})}},
        "$defs": {"day": {"type": "string"}},
    }
    assert schema_changes(before, after) == (
        SchemaChange("$defs.day", None, "string"),
        SchemaChange("staff[].name", "string", "string, required"),
    )


def test_words_for_readers_are_no_change() -> None:
    """A description accepts nothing more and nothing less."""
    assert schema_changes({"type": "string"}, {"type": "string", "description": "A name."}) == ()


def test_long_values_that_differ_late_still_differ() -> None:
    """What is compared is the value, not what is shown of it."""
    before, after = ({"enum": [*map(str, range(100)), last]} for last in "ab")
    [change] = schema_changes(before, after)
    assert change.before == change.after


@pytest.mark.parametrize(
    ("schema", "changed"),
    [(True, "a"), ({"type": {"b": 1}}, "a"), ({"properties": 3, "required": "x", "items": [1]}, None)],
)
def test_odd_schemas_are_compared_as_far_as_they_are_schemas(schema: object, changed: str | None) -> None:
    """Schemas may hold booleans, and imported ones anything."""
    before, after = {"properties": {"a": {}}}, {"properties": {"a": schema}}
    assert [change.path for change in schema_changes(before, after)] == ([changed] if changed else [])


def test_schemas_that_nest_deep_are_compared_as_wholes_from_there_on() -> None:
    """A change at the bottom is seen, at the deepest path that is shown."""
    before, after = ({"type": kind} for kind in ("string", "integer"))
    for _ in range(150):
        before, after = {"properties": {"a": before}}, {"properties": {"a": after}}
    [change] = schema_changes(before, after)
    assert change.path == ".".join("a" * MAX_DEPTH)


SOURCES = [
    ("a\nb\nc\n", "a\nB\nc\n"),
    ("a\nb", "a\nb\n"),
    ("", "new\n"),
    ("gone", ""),
    ("\n".join(map(str, range(40))), "\n".join(str(n) for n in range(40) if n % 13)),
    ("same\n" * 30, "same\n" * 31),
    ("x\r\ny\x0cz\u2028w\n", "x\r\ny\x0cz\u2028v\n"),
]


@pytest.mark.parametrize(("before", "after"), SOURCES)
def test_patch_takes_a_diff(before: str, after: str, tmp_path: Path) -> None:
    """What is printed turns the parent's source into the child's."""
    (tmp_path / "main.rs").write_bytes(before.encode())
    diff = source_diff({"main.rs": before}, {"main.rs": after}, "pay@1", "pay@2") + "\n"
    subprocess.run(["patch", "--binary", "-s", "main.rs"], cwd=tmp_path, input=diff.encode(), check=True)
    left = tmp_path / "main.rs"
    assert (left.read_bytes() if left.exists() else b"") == after.encode()


@pytest.mark.parametrize(("before", "after"), SOURCES)
def test_lines_are_counted_as_the_diff_shows_them(before: str, after: str) -> None:
    """One truth for both."""
    lines = source_diff({"main.rs": before}, {"main.rs": after}, "a", "b").split("\n")[2:]
    shown = tuple(sum(line.startswith(sign) for line in lines) for sign in "+-")
    assert count_lines({"main.rs": before}, {"main.rs": after}) == shown


def test_files_come_and_go() -> None:
    """A file that is only in one of both is whole in the diff."""
    diff = source_diff({"main.rs": "a\n", "old.rs": "b\n"}, {"main.rs": "a\n", "new.rs": "c\n"}, "pay@1", "pay@2")
    assert "--- /dev/null\n+++ pay@2/new.rs\n@@ -0,0 +1 @@\n+c" in diff
    assert "--- pay@1/old.rs\n+++ /dev/null" in diff
    assert "main.rs" not in diff


def test_a_reversed_file_is_written_anew() -> None:
    """What would take the square of its length to compare is not compared."""
    lines = [f"line {n}" for n in range(MAX_COMPARED // 1000)]
    counted = count_lines({"main.rs": "\n".join(lines)}, {"main.rs": "\n".join(reversed(lines))})
    assert counted == (len(lines), len(lines))

"""Rules of the project that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tacit import errors
from tacit.errors import TacitError

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    [*(ROOT / "server").rglob("*.py"), *(ROOT / "builder").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
)


def kinds(base: type[TacitError]) -> list[type[TacitError]]:
    """Return a class and all below it."""
    return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]


ALL_ERRORS = [kind for kind in kinds(TacitError) if kind.__module__.startswith(errors.__name__)]


def test_error_codes_are_unique() -> None:
    """No two classes of errors share a code."""
    codes = [kind.code for kind in ALL_ERRORS]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", [kind for kind in ALL_ERRORS if not kind.__subclasses__()], ids=lambda kind: kind.code)
def test_every_error_stands_in_the_tree(kind: type[TacitError]) -> None:
    """The tree at the top of `errors` names each class with its code."""
    assert re.search(rf"── {kind.__name__} +{kind.code}\b", errors.__doc__ or "")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    """A file has under 600 lines, a function at most 50."""
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 50]
    assert (text.count("\n") < 600, long) == (True, [])


def patterns_in(tree: ast.Module) -> list[ast.expr]:
    """Return the pattern of each call of `re` but `fullmatch` and `escape`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    of_re = [call for call in calls if isinstance(call.func.value, ast.Name) and call.func.value.id == "re"]
    return [call.args[0] for call in of_re if call.func.attr not in ("fullmatch", "escape") and call.args]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pattern_takes_a_line_end_for_the_end(path: Path) -> None:
    r"""In Python `$` matches before a last line end too, so patterns end by `fullmatch` or `\Z`."""
    tree = ast.parse(path.read_text())
    texts = [
        part.value
        for pattern in patterns_in(tree)
        for part in ast.walk(pattern)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    assert [text for text in texts if re.search(r"(?<!\\)(?:\\\\)*\$", text)] == []
    matched = [
        node.func.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("match", "search")
        and isinstance(node.func.value, ast.Name)
    ]
    compiled = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and "ID_PATTERN" in ast.dump(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    assert set(matched).isdisjoint(compiled), "ID_PATTERN is a JSON Schema's, which ends by `$`: use fullmatch"


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    """The README has at most 150 lines, and each relative link names a file."""
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") <= 150
    links = [link.partition("#")[0] for link in re.findall(r"\]\((?!http)([^)]+)\)", text)]
    assert [link for link in links if link and not (ROOT / link).exists()] == []


def test_the_readmes_tree_is_true() -> None:
    """Every folder and file that the README's tree names exists."""
    tree = (ROOT / "README.md").read_text().split("## The tree")[1].split("```")[1]
    named = re.findall(r"^\s*([\w/.]+(?:/|\.py)(?: [\w/.]+(?:/|\.py))*)", tree, re.MULTILINE)
    places = [ROOT, ROOT / "server" / "tacit"]
    missing = [name for line in named for name in line.split() if not any((place / name).exists() for place in places)]
    assert missing == []

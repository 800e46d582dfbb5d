"""Whether what a test has its callees answer is what they could: their schemas, as the catalog has them, decide.

A callee that is not in the catalog has no contract, and may answer anything: source in Rust may name it ahead. What
a test has it answer whatever the input shows nothing of what is handed over, which is noted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from tacit.errors import BuildRefused
from tacit.models import Contract, TestCase
from tacit.programs.values import equal
from tacit.sandbox.verification import Tried
from tacit.schemas.validator import Validator, compile_schema, shorten

MAX_TOLD = 10
"""Violations told of each callee."""
MAX_SCHEMA = 3000
"""Characters shown of a schema."""


def check_contracts(tests: Iterable[TestCase], callees: Mapping[str, Contract]) -> None:
    """Raise `BuildRefused("tests")` for the first test whose callees answer what they cannot, or one input twice."""
    for test in tests:
        told = [*_repeated(test)]
        for name in sorted(test.callees & callees.keys()):
            if broken := _broken(test, name, callees[name]):
                told += [*broken[:MAX_TOLD], _stated(name, callees[name])]
        if told:
            raise BuildRefused(
                "tests",
                f"Test {test.name!r} describes a world that cannot be: what it has its callees take or answer.",
                hint="Mend its 'calls' and 'exchanges'; they say what these capabilities really take and answer.",
                details={"diagnostics": "\n".join(told)},
            )


def broken_contracts(test: TestCase, callees: Mapping[str, Contract]) -> list[str]:
    """Return where the test has its callees take or answer what their schemas rule out, in words."""
    return [told for name in sorted(test.callees & callees.keys()) for told in _broken(test, name, callees[name])]


def unheeded_callees(tests: Iterable[TestCase], tried: Iterable[Tried]) -> tuple[str, ...]:
    """Return, sorted, the callees that were given several inputs in all, and that every test has answer any alike."""
    given: dict[str, set[str]] = defaultdict(set)
    for each in tried:
        for name, inputs in each.unheeded.items():
            given[name] |= inputs
    heeded = {name for test in tests for name in test.exchanges}
    return tuple(sorted(name for name, inputs in given.items() if len(inputs) > 1 and name not in heeded))


def _broken(test: TestCase, name: str, contract: Contract) -> list[str]:
    takes, gives = compile_schema(contract.input_schema), compile_schema(contract.output_schema)
    found: list[str] = []
    if name in test.calls:
        found += _violated(f"calls.{name}", f"the output schema of {name}", gives, test.calls[name])
    for number, exchange in enumerate(test.exchanges.get(name, ())):
        place = f"exchanges.{name}[{number}]"
        found += _violated(f"{place}.input", f"the input schema of {name}", takes, exchange.input)
        if exchange.error is None:
            found += _violated(f"{place}.output", f"the output schema of {name}", gives, exchange.output)
    return found


def _violated(place: str, schema: str, validator: Validator, value: object) -> Iterator[str]:
    for violation in validator.violations(value):
        yield f"{place} breaks {schema}, at {violation['path']}: {violation['message']}"


def _repeated(test: TestCase) -> Iterator[str]:
    for name, exchanges in test.exchanges.items():
        for (first, one), (second, other) in combinations(enumerate(exchanges), 2):
            if equal(one.input, other.input):
                yield f"exchanges.{name}[{first}] and [{second}] have the same input"
                break


def _stated(name: str, contract: Contract) -> str:
    schemas = (json.dumps(schema, ensure_ascii=False) for schema in (contract.input_schema, contract.output_schema))
    takes, gives = (shorten(text, MAX_SCHEMA) for text in schemas)
    return f"{name} takes {takes} and answers {gives}"

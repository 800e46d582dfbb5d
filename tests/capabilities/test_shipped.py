"""Every shipped capability: its manifest, its tests, and its module in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256

import pytest
from shipped import FOLDER, IDS, MODULES, PROGRAMS, cases, manifest, workspace_members

from tacit.models import Contract, Effect, Permissions
from tacit.programs import compile_source
from tacit.programs.builtins import BUILTINS
from tacit.sandbox import Guest
from tacit.sandbox.effects import effects_of
from tacit.sandbox.engine import Sandbox
from tacit.sandbox.grants import missing_for
from tacit.sandbox.verification import run_tests
from tacit.schemas.validator import compile_schema
from tacit_builder.contracts import broken_contracts

CONTRACTS = {
    name: Contract(input_schema=manifest(name).input_schema, output_schema=manifest(name).output_schema) for name in IDS
}
PROMISED = {
    "calculate_percentage",
    "current_time",
    "fetch_json",
    "format_number",
    "get_benefits_info",
    "get_car_details",
    "get_emergency_contacts",
    "get_employee_profile",
    "get_family_details",
    "get_hr_records",
    "get_leave_balance",
    "get_outlook_calendar",
    "get_performance_reviews",
    "get_salary_details",
    "percentage_reversed_formatted",
    "reverse_string",
    "pay_at_exchange_rate",
    "search_files",
    "summarize_csv",
    "team_payroll",
    "update_employee_car_details",
    "update_employee_salary",
}


def test_the_promised_capabilities_are_there() -> None:
    """The folder has exactly the capabilities that were promised, those in Rust members of the Cargo workspace."""
    assert set(IDS) == PROMISED
    assert workspace_members() == MODULES


def test_no_two_capabilities_share_a_summary_or_an_example() -> None:
    """What search tells capabilities apart by is different for each."""
    texts = [text for name in IDS for text in (manifest(name).summary, *manifest(name).examples)]
    assert len(set(texts)) == len(texts)


def test_no_example_names_an_employee_in_full() -> None:
    """A name in the example of one capability alone pulls every request about that person to it, whatever it asks."""
    employees = json.loads((FOLDER / "employee_database.json").read_text())["employees"].values()
    examples = [example for name in IDS for example in manifest(name).examples]
    named = [each["profile"]["name"] for each in employees]
    assert len(named) > 20
    assert not [example for example in examples if any(name in example for name in named)]


@pytest.mark.parametrize("name", IDS)
def test_manifest_is_complete(name: str) -> None:
    """A manifest names its folder and module, and has schemas that compile and three to five examples."""
    found = manifest(name)
    made = ("", "program") if name in PROGRAMS else (f"{name}.wasm", "rust")
    assert (found.id, found.binary, found.language) == (name, *made)
    assert 3 <= len(found.examples) <= 5
    compile_schema(found.input_schema)
    compile_schema(found.output_schema)


@pytest.mark.parametrize("name", IDS)
def test_cases_agree_with_the_schemas(name: str) -> None:
    """An input that gives an output is one the schema takes, and every expected output is one it promises."""
    found = manifest(name)
    takes, promises = compile_schema(found.input_schema), compile_schema(found.output_schema)
    for case in cases(name):
        if case.expect.error is None:
            assert not takes.violations(case.input), case.name
            assert not promises.violations(case.expect.output), case.name


@pytest.mark.parametrize("name", IDS)
def test_cases_cover_success_and_failure(name: str) -> None:
    """A capability has at least two cases that succeed and one that fails."""
    failing = [case.expect.error is not None for case in cases(name)]
    assert failing.count(False) >= 2
    assert any(failing)


@pytest.mark.parametrize("name", IDS)
def test_cases_pass_in_the_sandbox(name: str, sandbox: Sandbox, load: Callable[[str], Guest]) -> None:
    """The module answers every case as it says, with no more than the manifest's permissions."""
    tried = run_tests(sandbox, load(name), cases(name), manifest(name).permissions, callees=CONTRACTS)
    assert not [each.result for each in tried if not each.result.passed]


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_programs_are_answered_in_cases_is_what_their_callees_answer(name: str) -> None:
    """Each input that a case gives a callee is one that it takes, and each output one that it promises."""
    for case in cases(name):
        assert not broken_contracts(case, CONTRACTS), case.name
        assert not case.calls, "an answer to any input checks nothing of what is handed over"


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("team_payroll", "load ids\nload i\n", "load ids\npush 0\n"),
        ("pay_at_exchange_rate", "push decimals\npush 2\n", "push decimals\npush 3\n"),
        ("percentage_reversed_formatted", "push text\nload digits\n", "push text\nload result\ncall text 1\n"),
    ],
    ids=["the first employee each time", "other decimals", "with the sign"],
)
def test_cases_notice_what_is_handed_over_wrongly(name: str, right: str, wrong: str, sandbox: Sandbox) -> None:
    """A program that hands its callees something else fails, whatever they would answer."""
    source = (FOLDER / name / "src" / "main.program").read_text(encoding="utf-8")
    changed = source.replace(right, wrong).encode()
    assert changed != source.encode()
    program = sandbox.load(sha256(changed).hexdigest(), lambda: changed, language="program")
    tried = run_tests(sandbox, program, cases(name), manifest(name).permissions, callees=CONTRACTS)
    assert any("have none for the input" in each.result.difference for each in tried)


@pytest.mark.parametrize("name", MODULES)
def test_permissions_are_what_the_effects_need(name: str) -> None:
    """A manifest asks for permissions of all kinds that its module imports need, and of no other."""
    effects = effects_of((FOLDER / name / f"{name}.wasm").read_bytes())
    permissions = manifest(name).permissions
    assert not missing_for(effects, permissions)
    asked = {
        Effect.NETWORK: permissions.http,
        Effect.READS: permissions.read,
        Effect.WRITES: permissions.write,
        Effect.TIME: permissions.time,
        Effect.CALLS: permissions.call,
    }
    assert {effect for effect, value in asked.items() if value} == effects


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_ask_for_what_they_call(name: str) -> None:
    """Each capability by its name, and nothing else; each is shipped as well."""
    source = (FOLDER / name / "src" / "main.program").read_text(encoding="utf-8")
    called = compile_source(source).calls - {"input", *BUILTINS}
    assert manifest(name).permissions == Permissions(call=tuple(sorted(called)))
    assert called < set(IDS)


@pytest.mark.parametrize("name", ["calculate_percentage", "format_number", "reverse_string"])
def test_what_only_computes_is_pure(name: str) -> None:
    """Capabilities that only compute import no host function and ask for nothing."""
    assert effects_of((FOLDER / name / f"{name}.wasm").read_bytes()) == set()
    assert manifest(name).permissions == Permissions()

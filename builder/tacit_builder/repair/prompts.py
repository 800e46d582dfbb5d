"""The words of the diagnosis: what the model is told of a failed run, and the tool that it answers with."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from tacit.building.brief import TESTS_FORM
from tacit.building.orders import RepairRequest
from tacit.sandbox.worlds.recording import decode_calls
from tacit.schemas.validator import shorten
from tacit_builder.author.prompts import DATA, SUBMIT_TESTS, framed
from tacit_builder.repair.recorded import recorded_test

MAX_VALUE = 6000
"""Characters of the recorded input."""
MAX_CALLS_SHOWN = 40

DIAGNOSIS = f"""\
You find out why a capability failed. It is a small program, compiled from Rust to WebAssembly, that takes one JSON \
value and answers one; its run, with its input, its error and every answer of the world, was recorded. Read the \
source along the recorded input until you can say which lines do what for it, and why that is wrong.
Then write the smallest test that shows it: an input, and what of the world's answers it needs, taken down to what \
still fails, with plain values instead of names and numbers of real people. It has to fail on the present module. \
What it expects follows from the summary, the schemas and the existing tests: the output that they promise, or, where \
no output makes sense, the error code that the capability is to report on purpose. Never expect the accident itself.
Where the input was really wrong, and only then, the input schema should have refused it: hand in a narrowed \
`input_schema`, whole, that refuses such inputs and nothing that went well; the test then expects the error \
"invalid_input". Otherwise leave `input_schema` out: the source is mended.
{TESTS_FORM}
{DATA}
Hand it in by calling submit_diagnosis. You are told what does not hold."""

_TEST: dict[str, Any] = SUBMIT_TESTS["function"]["parameters"]["properties"]["seen"]["items"]

SUBMIT_DIAGNOSIS: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "submit_diagnosis",
        "description": "Hand in the cause of the failure and the smallest test that shows it.",
        "parameters": {
            "type": "object",
            "properties": {
                "cause": {
                    "type": "string",
                    "description": "One sentence: what in the source does what for which input, and why that is wrong",
                },
                "test": {**_TEST, "description": "One test that fails on the present module and passes once mended"},
                "input_schema": {
                    "type": "object",
                    "additionalProperties": True,
                    "description": "Only where the input was wrong: the input schema, narrowed so that it refuses it",
                },
            },
            "required": ["cause", "test"],
            "additionalProperties": False,
        },
    },
}


def failure_brief(request: RepairRequest) -> str:
    """Return the version and its failed run as data for the model."""
    version, run = request.version, request.run
    manifest = version.manifest.model_dump(mode="json", exclude={"binary", "version", "parent"})
    tests = [test.model_dump(mode="json", exclude_defaults=True) for test in version.tests]
    calls = [call.to_dict() for call in decode_calls(run.calls)[:MAX_CALLS_SHOWN]]
    pieces = [
        framed("the capability's manifest", json.dumps(manifest, ensure_ascii=False, indent=1)),
        *(framed(f"src/{path}", text) for path, text in version.source.items()),
        framed("its tests, which all pass", json.dumps(tests, ensure_ascii=False)),
        framed("the input of the run that failed", shorten(run.input.decode("utf-8", "replace"), MAX_VALUE)),
        framed("how it failed", json.dumps(run.failure, ensure_ascii=False)),
        framed("what the world answered it, in order", json.dumps(calls, ensure_ascii=False)),
        framed("the same run in the form of a test", json.dumps(recorded_test(run), ensure_ascii=False)),
    ]
    return "\n\n".join(pieces)


def diagnosis_hash() -> str:
    """Return the SHA-256, in hex, of the instructions and the tool."""
    return sha256(json.dumps([DIAGNOSIS, SUBMIT_DIAGNOSIS], sort_keys=True).encode()).hexdigest()

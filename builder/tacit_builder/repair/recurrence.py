"""Whether the run that failed still fails on a mended module, given what the world answered it then."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tacit.building.orders import Machine, Replay
from tacit.errors import CapabilityFailed, ReplayDiverged, TacitError
from tacit.models import Manifest, TestCase
from tacit.sandbox.engine import Sandbox
from tacit.sandbox.worlds.lenient import LenientWorld
from tacit.sandbox.worlds.recording import decode_calls
from tacit.schemas.validator import compile_schema
from tacit_builder.pipeline import Module


def recurrence(
    module: Module, run: Replay, manifest: Manifest, tests: Sequence[TestCase], machine: Machine
) -> str | None:
    """Return in words that the recorded run fails still, None where it does not, or cannot be compared.

    It may be refused by the input schema, and may report an error that one of the tests expects.
    """
    if not compile_schema(manifest.input_schema).is_valid(json.loads(run.input)):
        return None
    with Sandbox(machine.limits, workers=1) as sandbox:
        execution = sandbox.run(
            sandbox.load(module.digest, lambda: module.wasm),
            run.input,
            LenientWorld(decode_calls(run.calls), manifest.permissions),
            energy=run.energy_limit,
            now_millis=run.now_millis,
            seed=run.seed,
        )
    failure = execution.failure
    if failure is None:
        fits = compile_schema(manifest.output_schema).is_valid(execution.value)
        return None if fits else "the input that failed gets an output that fits output_schema"
    if isinstance(failure, ReplayDiverged) or _is_meant(failure, tests):
        return None
    return f"the input that failed gets an answer; it still ends with {failure.code}"


def _is_meant(failure: TacitError, tests: Sequence[TestCase]) -> bool:
    return isinstance(failure, CapabilityFailed) and failure.details.get("code") in {
        test.expect.error for test in tests
    }

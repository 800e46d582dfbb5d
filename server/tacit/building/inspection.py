"""Asks the builder what of its machine is there; it is the builder that knows toolchains and confinement."""

from __future__ import annotations

import subprocess
import sys

from pydantic import TypeAdapter, ValidationError

from tacit.building.orders import Machine
from tacit.building.process import clean_environment
from tacit.config import Settings
from tacit.models import Check

COMMAND = (sys.executable, "-P", "-s", "-m", "tacit_builder.inspection")
SECONDS = 30.0
_CHECKS: TypeAdapter[list[Check]] = TypeAdapter(list[Check])


def inspect_builder(settings: Settings) -> list[Check]:
    """Return the builder's checks: toolchain, SDK, confinement; one failed check when it cannot be asked."""
    try:
        done = subprocess.run(
            COMMAND,
            input=Machine.of(settings).model_dump_json().encode(),
            capture_output=True,
            timeout=SECONDS,
            env=clean_environment(settings.data),
            check=True,
        )
        return _CHECKS.validate_json(done.stdout)
    except (OSError, subprocess.SubprocessError, ValidationError) as error:
        return [Check(name="builder", ok=False, detail=f"The builder does not start: {error}. Install Tacit again.")]

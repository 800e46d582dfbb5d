"""`python -m tacit_builder.inspection`: a `Machine` on stdin; JSON checks of toolchain, SDK and confinement out."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pydantic import TypeAdapter

from tacit.building.orders import Machine
from tacit.config import Settings
from tacit.errors import OperatorError
from tacit.models import Check
from tacit_builder.toolchain import find_confinement, find_sdk, find_toolchain

CHECKS: TypeAdapter[list[Check]] = TypeAdapter(list[Check])


def inspect(settings: Settings) -> list[Check]:
    """Return whether each thing that a build needs is here, and what to do where it is not."""

    def sdk() -> str:
        found = find_sdk(settings, find_toolchain(settings))
        return f"{len(found.crates)} crates: {', '.join(sorted(found.crates))}"

    return [
        _check("rust toolchain", lambda: find_toolchain(settings).name),
        _check("guest SDK", sdk),
        _check("compiler confinement", lambda: find_confinement(settings).name),
    ]


def _check(name: str, find: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=find())
    except OperatorError as error:
        return Check(name=name, ok=False, detail=str(error))


def main() -> int:
    """Answer one inspection."""
    machine = Machine.model_validate_json(sys.stdin.buffer.read())
    settings = Settings.load(cache=machine.cache, toolchain=machine.toolchain, confinement=machine.confinement)
    sys.stdout.buffer.write(CHECKS.dump_json(inspect(settings)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What programs in the shell reach: the capabilities of this machine, through the service."""

from __future__ import annotations

import secrets
from typing import Any

from tacit.errors import EnergyExhausted, RunCancelled, TacitError, UnknownCapability
from tacit.programs.energy import cost_of_fuel, fuel_for
from tacit.programs.machine import CallFailed
from tacit.programs.session_use import SHELL
from tacit.programs.values import Value, to_json
from tacit.sandbox.cancellation import Cancellation
from tacit.service import Service


class ServiceOutside:
    """Runs capabilities for a person's programs, as runs of one session; `stop` ends what goes on."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.session = f"{SHELL}{secrets.token_hex(6)}"
        self.stop = Cancellation()

    def call(self, capability: str, data: Value, energy: int) -> tuple[Any, int] | None:
        """Run a capability within `energy` (hundredths of a unit); None where there is none of that name."""
        fuel = fuel_for(energy)
        if not fuel:
            raise EnergyExhausted(
                f"No energy is left to call {capability}.", hint="Run it with more energy, or make it do less."
            )
        try:
            answer = self._service.run(
                capability, to_json(data), energy=fuel, session=self.session, cancellation=self.stop
            )
        except UnknownCapability:
            return None
        except EnergyExhausted as error:
            raise CallFailed(error, energy) from error
        except RunCancelled:
            raise  # as if the call had not begun
        except TacitError as error:
            raise CallFailed(error, self._cost_of(error)) from error
        return answer.output, cost_of_fuel(answer.energy)

    def _cost_of(self, error: TacitError) -> int:
        """Return what a run that failed used, as its record has it; nothing where it did not begin or has no record."""
        run_id = error.details.get("run_id")
        if not isinstance(run_id, str):
            return 0
        try:
            return cost_of_fuel(self._service.run_record(run_id)["energy"])
        except TacitError:  # dropped or damaged meanwhile: how the run went matters more
            return 0

    def delegate(self, agent: str, task: str) -> Any:  # noqa: ARG002  # a person works here, and can ask one
        """Know no agent."""
        return None

    def check(self) -> None:
        """Raise `RunCancelled` after a Ctrl-C."""
        if self.stop.cancelled:
            raise RunCancelled("The program was stopped.")

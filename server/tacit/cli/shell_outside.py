"""What programs in the shell reach: the capabilities of this machine, through the service."""

from __future__ import annotations

import secrets
from typing import Any

from tacit.errors import EnergyExhausted, RunCancelled, UnknownCapability
from tacit.programs.energy import cost_of_fuel, fuel_for
from tacit.programs.machine import CallFailed
from tacit.programs.values import Value, to_json
from tacit.sandbox.cancellation import Cancellation
from tacit.service import Service


class ServiceOutside:
    """Runs capabilities for a person's programs, as runs of one session; `stop` ends what goes on."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.session = f"shell-{secrets.token_hex(6)}"
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
        return answer.output, cost_of_fuel(answer.energy)

    def delegate(self, agent: str, task: str) -> Any:  # noqa: ARG002  # a person works here, and can ask one
        """Know no agent."""
        return None

    def check(self) -> None:
        """Raise `RunCancelled` after a Ctrl-C."""
        if self.stop.cancelled:
            raise RunCancelled("The program was stopped.")

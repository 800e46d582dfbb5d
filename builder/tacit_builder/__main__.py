"""`python -m tacit_builder`: one `Order` line in, progress and one outcome out. The server's client starts it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from tacit.building.orders import BuildRequest, Order
from tacit.building.protocol import (
    MAX_REQUEST_BYTES,
    SPARE_SECONDS,
    Failure,
    Refusal,
    Reply,
    encode_reply,
)
from tacit.errors import BuildRefused, OperatorError
from tacit.plain_text import made_plain
from tacit_builder import lifeline
from tacit_builder.pipeline import build


def main() -> int:
    """Serve one order; return 0 when it was answered, or when none came."""
    answers = lifeline.claim_stdout()
    lifeline.bound_resources()
    line = lifeline.read_line(MAX_REQUEST_BYTES, SPARE_SECONDS)
    if line is None:
        lifeline.remove_folder()
        return 0
    lifeline.die_with_stdin()

    def say(reply: Reply) -> None:
        unsent = memoryview(encode_reply(reply))
        while unsent:
            unsent = unsent[os.write(answers, unsent) :]

    say(_answer(line, say))
    return 0


def _answer(line: bytes, say: Callable[[Reply], None]) -> Reply:
    try:
        order = Order.model_validate_json(line)
        lifeline.bound_memory(order.machine.limits.memory_bytes)
        if not isinstance(order.request, BuildRequest):
            raise NotImplementedError
        return build(order.request, order.machine, say)
    except BuildRefused as refused:
        return Refusal(
            stage=refused.stage,
            message=made_plain(refused.message),  # it may name what the module imports
            hint=refused.hint,
            diagnostics=str(refused.details.get("diagnostics", "")),
            tests=tuple(refused.details.get("tests", ())),
        )
    except OperatorError as error:
        return Failure(code=error.code, message=error.message, hint=error.hint)
    except Exception as error:
        traceback.print_exc()
        return Failure(code="builder_failed", message=f"The builder failed: {type(error).__name__}.")


if __name__ == "__main__":
    sys.exit(main())

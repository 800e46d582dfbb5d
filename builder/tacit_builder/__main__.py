"""`python -m tacit_builder`: one `Order` line in, what happens and one outcome out. The server's client starts it."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable

from tacit.building.orders import AuthorRequest, BuildRequest, Order
from tacit.building.protocol import (
    MAX_REQUEST_BYTES,
    SPARE_SECONDS,
    Answer,
    BuildResult,
    Failure,
    Question,
    Refusal,
    Reply,
    encode_reply,
)
from tacit.errors import BuildRefused, OperatorError
from tacit.plain_text import made_plain
from tacit_builder import lifeline
from tacit_builder.answers import Answers
from tacit_builder.pipeline import build

Say = Callable[[Reply], None]
Ask = Callable[[Question], Answer]


def main() -> int:
    """Serve one order; return 0 when it was answered, or when none came."""
    stdout = lifeline.claim_stdout()
    lifeline.bound_resources()
    line = lifeline.read_line(MAX_REQUEST_BYTES, SPARE_SECONDS)
    if line is None:
        lifeline.remove_folder()
        return 0
    writing = threading.Lock()

    def say(reply: Reply) -> None:
        unsent = memoryview(encode_reply(reply))
        with writing:
            while unsent:
                unsent = unsent[os.write(stdout, unsent) :]

    server = Answers(say)
    lifeline.die_with_stdin(server.hear)
    say(_answer(line, say, server.ask))
    return 0


def _answer(line: bytes, say: Say, ask: Ask) -> Reply:
    try:
        order = Order.model_validate_json(line)
        lifeline.bound_memory(order.machine.limits.memory_bytes)
        return _carry_out(order, say, ask)
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


def _carry_out(order: Order, say: Say, ask: Ask) -> BuildResult:
    request, machine = order.request, order.machine
    if isinstance(request, BuildRequest):
        return build(request, machine, say)
    # What authors need is imported for them alone: it takes longer than all that a build needs.
    if isinstance(request, AuthorRequest):
        from tacit_builder.author import write

        return write(request, machine, say, ask)
    from tacit_builder.repair import repair

    return repair(request, machine, say, ask)


if __name__ == "__main__":
    sys.exit(main())

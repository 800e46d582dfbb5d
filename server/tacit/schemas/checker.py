"""The checker: a process that holds values against schemas, one at a time, until its stdin ends.

It is a process because the library that validates can neither be interrupted nor lets another thread run meanwhile.
What a value or a schema makes it do ends with it: by whoever asked, when that has waited long enough; by a timer, where
nobody is left to; by its limit of memory. Idle for a minute, it ends as well.

Each question is a head and two texts: the JSON of a schema, and that of a value, empty where only the schema is asked
about. Each answer is a line of JSON: `violations`, with whether these are `final`, or the `problem` of a schema that is
none, with its `path`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
from collections.abc import Iterator
from typing import Any

from tacit.schemas.checking import Malformed, compiled, verdicts

HEAD = struct.Struct("!dIII")
"""Seconds until it ends by itself, bytes of the schema, bytes of the value, and whether there is a value."""
MEMORY = 1 << 30
"""Bytes of address space; a value of 4 MB takes about 200 MB as Python has it."""
IDLE_SECONDS = 60.0
_MORE_SECONDS = 1.0
_CHUNK = 1 << 20


def main() -> None:
    """Answer questions on stdin until it ends."""
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    while True:
        # The signal's own action ends the process, whatever it is at.
        signal.setitimer(signal.ITIMER_REAL, IDLE_SECONDS)
        head = _received(HEAD.size)
        if head is None:
            return
        seconds, schema_size, value_size, has_value = HEAD.unpack(head)
        signal.setitimer(signal.ITIMER_REAL, seconds + _MORE_SECONDS)
        schema, value = _received(schema_size), _received(value_size)
        if schema is None or value is None:
            return
        for answer in _answers(schema.decode(), value if has_value else None):
            _send(json.dumps(answer).encode() + b"\n")


def _limit(what: int, most: int) -> None:
    """Lower a limit of this process, which may be lower already."""
    _, allowed = resource.getrlimit(what)
    most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(what, (most, most))


def _answers(schema: str, value: bytes | None) -> Iterator[dict[str, Any]]:
    try:
        known = compiled(schema)
    except Malformed as error:
        yield {"problem": error.problem, "path": error.path}
        return
    if value is None:
        yield {"violations": [], "final": True}
        return
    for verdict in verdicts(known, json.loads(value)):
        yield verdict._asdict()


def _received(size: int) -> bytes | None:
    """Return so many bytes of stdin, None where it ends before."""
    received = bytearray()
    while len(received) < size:
        data = os.read(0, min(size - len(received), _CHUNK))
        if not data:
            return None
        received += data
    return bytes(received)


def _send(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()

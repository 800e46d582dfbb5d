"""Lines on a builder's stdin after its order: each reaches who listens, and their end is the builder's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

LISTENER = """
import sys, threading
from tacit_builder.lifeline import die_with_stdin
die_with_stdin(lambda line: print(line.decode(), flush=True))
threading.Event().wait()
"""


@pytest.fixture
def listener() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that prints each line that it hears, until its stdin ends."""
    command = [sys.executable, "-c", LISTENER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def send(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write to the process at once."""
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


def test_lines_are_heard_whole_in_their_order(listener: subprocess.Popen[bytes]) -> None:
    """However they are cut on the way."""
    assert listener.stdout is not None
    send(listener, b"one\ntw")
    assert listener.stdout.readline() == b"one\n"
    send(listener, b"o\nthree\nfo")
    assert [listener.stdout.readline() for _ in range(2)] == [b"two\n", b"three\n"]
    send(listener, b"x" * 200_000 + b"\n")
    assert len(listener.stdout.readline()) == 200_003


def test_the_end_of_stdin_ends_a_builder_that_listens(listener: subprocess.Popen[bytes]) -> None:
    """A line that has no end is not heard."""
    assert listener.stdin is not None
    assert listener.stdout is not None
    send(listener, b"unfinished")
    listener.stdin.close()
    assert listener.wait(20) != 0
    assert listener.stdout.read() == b""

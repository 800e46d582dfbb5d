"""Scale: what each use case costs at 10,000 capabilities, beside its cost at the 22 that are shipped.

The further capabilities are small modules and programs with texts from Python's manual. A figure is a ratio of medians
in one process, calls interleaved; each is in the service, so that the start of a process hides nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pydoc_data.topics import topics

from tacit.catalog import Catalog
from tacit.catalog.registration import Candidate, add
from tacit.models import Effect, Manifest, TestCase

CAPABILITIES = 10_000
_TESTS = (TestCase.model_validate({"name": "works", "input": {"text": "a"}, "expect": {"output": "a"}}),)
_MODULE = b"\0asm\1\0\0\0" + b"\0\x0b\4note"


def candidates(count: int) -> Iterator[Candidate]:
    """Yield capabilities of about the size that agents make: each has a module of its own, a tenth is a program."""
    words = " ".join(topics.values()).split()
    chance = random.Random(count)
    for number in range(count):
        start = chance.randrange(len(words) - 90)
        text = " ".join(words[start : start + chance.randrange(12, 40)])
        named = [word.lower() for word in words[start : start + 20] if word.isascii() and word.isalpha()]
        program = number % 10 == 0
        manifest = Manifest(
            id="_".join([*(named[:3] or ["note"]), str(number)])[-64:].lstrip("_0123456789"),
            summary=text[:900],
            language="program" if program else "rust",
            input_schema={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            output_schema={"type": "string"},
            examples=tuple(" ".join(words[start + at : start + at + 8])[:300] for at in (40, 50, 60)),
        )
        source = {"main.program": f"push {number}\n"} if program else {"main.rs": f"// {number}\n{text}\n" * 8}
        wasm = source["main.program"].encode() if program else _MODULE + number.to_bytes(6, "little")
        effects = () if program else (Effect.READS,) if number % 3 == 0 else ()
        yield Candidate.of(manifest, source, wasm, _TESTS, effects=effects, author="caller", toolchain="rustc 1.85.1")


def fill(catalog: Catalog, count: int) -> None:
    """Register so many capabilities in one transaction."""
    with catalog.store.database.write() as connection:
        for candidate in candidates(count):
            add(connection, catalog.store.meta, candidate, None, offered=True)

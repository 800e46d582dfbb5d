"""Scale: what each use case costs at 10,000 capabilities, beside its cost at the 22 that are shipped.

The further capabilities are small modules and programs with texts from Python's manual. A figure is a ratio of medians
in one process, calls taking turns; each is in the service, so that the start of a process hides nothing. Search is by
words, since its embeddings cost the same whatever there is.
"""

from __future__ import annotations

import gc
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from pydoc_data.topics import topics

import tacit
from benchmarks.table import Row, interleaved
from tacit.app import App
from tacit.catalog import Catalog
from tacit.catalog.registration import Candidate, add
from tacit.config import Settings
from tacit.errors import UnknownCapability
from tacit.models import Card, Effect, Manifest, TestCase
from tacit.search import SearchIndex, open_embedder
from tacit.search.stored import MemoryVectors

CAPABILITIES = 10_000
EMBEDDED = 96
ROUNDS = 7
KNOWN = "reverse_string"
_TESTS = (TestCase.model_validate({"name": "works", "input": {"text": "a"}, "expect": {"output": "a"}}),)
_LINEAR = frozenset({"stats", "prune --dry-run"})
"""What reads something of everything: the programs that ran, what may be archived. They have no bound."""
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


def _unknown(app: App, wanted: str) -> None:
    with suppress(UnknownCapability):
        app.service.show(wanted)


def _register_one(app: App, numbers: Iterator[int]) -> None:
    """Register one more, and search: the index follows."""
    manifest = Manifest(id=f"one_more_{next(numbers)}", summary="Does one more thing than before.", language="program")
    source = {"main.program": f"push {manifest.id}\n"}
    wasm = source["main.program"].encode()
    app.catalog.register(manifest, source, wasm, _TESTS, effects=(), author="caller", toolchain="")
    app.service.search("one more thing")


def _withdraw(app: App) -> None:
    app.service.deprecate(KNOWN)
    app.service.restore(KNOWN)


def _use_cases(app: App, folder: Path) -> dict[str, Callable[[], object]]:
    service, numbers = app.service, itertools.count()
    return {
        "list, a page of 22": lambda: service.list(limit=22),
        "stats": service.stats,
        "doctor": service.doctor,
        "search": lambda: service.search("reverse a text"),
        "unknown id": lambda: _unknown(app, "revers_strng"),
        "unknown id of 10 KB": lambda: _unknown(app, "revers_strng" * 850),
        "show": lambda: service.show(KNOWN),
        "history": lambda: service.lineage(KNOWN),
        "audit": service.audit_log,
        "prune --dry-run": lambda: service.prune(dry_run=True),
        "export": lambda: service.export(KNOWN, folder / str(next(numbers))),
        "deprecate and restore": lambda: _withdraw(app),
        "register one more, and a search": lambda: _register_one(app, numbers),
        "run": lambda: service.run(KNOWN, {"text": "a"}, fresh=True),
    }


def _open(stack: ExitStack, count: int) -> dict[str, Callable[[], object]]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    settings = Settings.load(data=folder / "data", embedder="none")
    with tacit.open(settings) as app:
        fill(app.catalog, count)
        app.service.search("a search saves the index")
    app = stack.enter_context(tacit.open(settings))
    return {"open and close": lambda: tacit.open(settings).close(), **_use_cases(app, folder)}


def _embedding() -> list[Row]:
    """Return the processor time that a card's vector takes, by itself and in a backlog."""
    embedder = open_embedder(Settings.load())
    if embedder is None:
        return []
    cards = [
        Card(id=each.manifest.id, summary=each.manifest.summary, examples=each.manifest.examples)
        for each in candidates(EMBEDDED)
    ]
    embedder.documents(["loads the model"])
    index = SearchIndex(embedder, MemoryVectors())
    started, busy = time.perf_counter(), time.process_time()
    index.sync(cards)
    index.embed_missing()
    took, used = time.perf_counter() - started, time.process_time() - busy
    index.close()
    return [
        Row("backlog of cards: a second embeds", EMBEDDED / took, "cards", note=f"of {EMBEDDED}, 100 wordpieces each"),
        Row("backlog of cards: processor time of one", 1e3 * used / EMBEDDED, "ms"),
        Row("backlog of cards: cores at work", used / took, "cores"),
    ]


def measure() -> list[Row]:
    """Return the rows of scale."""
    rows: list[Row] = []
    with ExitStack() as stack:
        few, many = _open(stack, 0), _open(stack, CAPABILITIES)
        gc.collect()
        for name, call in few.items():
            times = interleaved({"few": call, "many": many[name]}, ROUNDS)
            bound = "" if name in _LINEAR else "<= 2"
            note = f"{1e3 * times['many']:.3g} ms"
            rows.append(Row(f"{name}: 10,000 capabilities / 22", times["many"] / times["few"], "×", bound, note))
    return [*rows, *_embedding()]

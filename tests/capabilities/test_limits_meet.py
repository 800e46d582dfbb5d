"""The limits fit each other: what they let a shipped capability read, it can process within them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from shipped import FOLDER, MODULES, manifest

from tacit.config import Limits
from tacit.sandbox import Guest
from tacit.sandbox.engine import Sandbox
from tacit.sandbox.world import Called

LIMITS = Limits()
Make = Callable[[], bytes]
DAY = 86_400_000


class Given:
    """A world that answers every read and request with the same bytes; the files folder has one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.written = 0

    def http_get(self, url: str) -> bytes:
        """Return the bytes."""
        return self._data

    def file_read(self, path: str) -> bytes:
        """Return the bytes, or the names in the folder."""
        return b'["file"]' if path == "." else self._data

    def file_write(self, path: str, data: bytes) -> None:
        """Note the size."""
        self.written = len(data)

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Fail; no capability here calls another one."""
        raise NotImplementedError

    def delegate(self, agent: str, task: str) -> bytes | None:
        """Know no agent."""

    def observe(self, name: str, data: bytes) -> None:
        """Keep nothing; only programs observe."""

    def current_time_millis(self) -> int:
        """Return a day in November of 2026."""
        return 20_787 * DAY


def filled(size: int, head: bytes, line: bytes, end: bytes = b"") -> Make:
    """Return what makes `head`, as many lines as there is room for in `size` bytes, and `end`."""
    return lambda: head + line * ((size - len(head) - len(end)) // len(line)) + end


def employees(record: str, last: int) -> Make:
    """Return what makes a database as large as a file may be, whose employees up to `last` are alike."""

    def make() -> bytes:
        lines = (f'"E{number:06}": {record}' for number in range(last + 1))
        made = ('{"employees": {' + ",\n".join(lines) + "}}").encode()
        assert LIMITS.file_bytes * 0.98 < len(made) <= LIMITS.file_bytes - 200
        return made

    return make


def fitting(record: str) -> int:
    """Return the number of the last employee that a database has room for."""
    return (LIMITS.file_bytes - 1_000) // (len(record.encode()) + len('"E000000": ,\n')) - 1


SAMPLE = json.loads((FOLDER / "employee_database.json").read_text(encoding="utf-8"))["employees"]["E001"]
USUAL = json.dumps({**SAMPLE, "profile": {**SAMPLE["profile"], "manager_id": None}})
SMALL = '{"profile": {"name": "a"}, "car": null}'
WHOLE, LAST = employees(USUAL, fitting(USUAL)), {"employee_id": f"E{fitting(USUAL):06}"}
MANY, LAST_OF_MANY = employees(SMALL, fitting(SMALL)), {"employee_id": f"E{fitting(SMALL):06}"}
CAR = {"make": "Kia", "model": "EV6", "license_plate": "K 1"}
RAISE = {"base_salary": 1, "effective_date": "2026-11-30"}
MARK = "\N{BYTE ORDER MARK}"

TABLES = {
    "usual": filled(LIMITS.file_bytes, b"id,name,amount,date,flag\n", b"17,name 481,123.45,2026-03-17,true\n"),
    "one digit": filled(LIMITS.file_bytes, b"a\n", b"1\n"),
    "letters": filled(LIMITS.file_bytes, b"a," * 99 + b"a\n", b"x," * 99 + b"y\n"),
    "prices": filled(LIMITS.file_bytes, b"a;b\n", "1.234,56 €;(12,50)\n".encode()),
    "accounting": filled(LIMITS.file_bytes, b"a,b\n", b"($5),$5\n"),
    "latin": filled(LIMITS.file_bytes, b"a;b\n", b"Zo\xeb;5\n"),
    "wide": filled(LIMITS.file_bytes, b"a\n", b","),
    "utf16": filled(LIMITS.file_bytes, (MARK + "a\tb\n").encode("utf-16-le"), "Zoë\t5\n".encode("utf-16-le")),
}
TEXTS = {
    "ascii": filled(LIMITS.file_bytes, b"", b"a line of some log file with words in it\n"),
    "marks": filled(LIMITS.file_bytes, b"", "u\N{COMBINING DIAERESIS}ber alle A\N{COMBINING DIAERESIS}pfel\n".encode()),
    "cyrillic": filled(LIMITS.file_bytes, b"", "строка чём-то другом\n".encode()),
    "one line": filled(LIMITS.file_bytes, b"", b"word "),
    "returns": filled(LIMITS.file_bytes, b"", b"a line\r\n"),
    "returns alone": filled(LIMITS.file_bytes, b"", "u\N{COMBINING DIAERESIS}ber\r".encode()),
    "returns in latin": filled(LIMITS.file_bytes, b"", b"Zo\xeb\r\n"),
}
DOCUMENTS = {
    "numbers": filled(LIMITS.http_bytes, b"[1", b",1", b"]"),
    "lists": filled(LIMITS.http_bytes, b"[1", b",[]", b"]"),
    "objects": filled(LIMITS.http_bytes, b"[1", b',{"id": 17, "name": "n", "ok": true}', b"]"),
}
CASES: list[tuple[str, dict[str, Any], Make]] = [
    *(("summarize_csv", {"path": "file"}, table) for table in TABLES.values()),
    ("summarize_csv", {"text": "a\n" + "1\n" * ((LIMITS.input_bytes - 50) // 3)}, bytes),
    *(("search_files", {"query": "no such thing"}, text) for text in TEXTS.values()),
    *(("search_files", {"query": r"\w+\s+\d{9}$", "regex": True}, text) for text in TEXTS.values()),
    *(("fetch_json", {"url": "http://a.example/", "pointer": "/0"}, document) for document in DOCUMENTS.values()),
    *((name, LAST, WHOLE) for name in MODULES if name.startswith("get_")),
    ("update_employee_salary", {**LAST, **RAISE}, WHOLE),
    ("update_employee_car_details", {**LAST_OF_MANY, **CAR}, MANY),
    ("get_car_details", LAST_OF_MANY, MANY),
    ("reverse_string", {"text": "e" * (LIMITS.input_bytes - 50)}, bytes),
    ("reverse_string", {"text": "\N{REGIONAL INDICATOR SYMBOL LETTER D}" * ((LIMITS.input_bytes - 50) // 4)}, bytes),
]


@pytest.mark.parametrize(
    ("name", "given", "make"), CASES, ids=[f"{name}-{index}" for index, (name, *_) in enumerate(CASES)]
)
def test_the_largest_input_is_processed_within_the_default_limits(
    name: str, given: dict[str, Any], make: Make, sandbox: Sandbox, load: Callable[[str], Guest]
) -> None:
    """Energy, memory and output suffice for a file, an answer of the web or an input as large as the limits let in."""
    world = Given(make())
    done = sandbox.run(load(name), json.dumps(given, ensure_ascii=False).encode(), world)
    assert done.failure is None, done.failure
    assert done.value.get("complete", True) is True


def test_every_capability_that_takes_large_data_is_among_them() -> None:
    """Those that may read files or ask hosts; the others take short texts and numbers."""
    reading = {name for name in MODULES if manifest(name).permissions.read or manifest(name).permissions.http}
    assert reading <= {name for name, *_ in CASES}


def test_energy_is_what_half_of_the_wall_time_lets_a_guest_use() -> None:
    """On a slow machine a guest uses about a billion units a second: the wall time would not be met before."""
    assert LIMITS.energy <= LIMITS.wall_seconds / 2 * 1_000_000_000

"""A capability as a folder: `meta.json`, `tests.json`, `src/` and the module, of which a program has none.

A folder comes from anywhere, so nothing in it is believed: no symbolic link is followed, sizes are bounded,
unknown fields are refused, and effects are read off the module by the caller. Importing runs nothing.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tacit.catalog.catalog import Catalog
from tacit.catalog.composing import effects_of_source, refuse_cycle
from tacit.catalog.folder_reader import FolderReader
from tacit.catalog.registration import Candidate
from tacit.catalog.source_paths import is_source_path, source_problems
from tacit.catalog.version import Version, parse_tests, tests_as_json
from tacit.errors import BuildRefused, InvalidArgument, InvalidManifest
from tacit.held_folders import HeldFolder, remove_unheld
from tacit.json_path import path_of
from tacit.models import Effect, Manifest, TestCase
from tacit.programs.callees import ROOT, check_calls, compile_checked, source_in
from tacit.schemas.validator import check_schema

MAX_JSON_BYTES = 4 << 20
MAX_MODULE_BYTES = 16 << 20
_MAGIC = b"\0asm\1\0\0\0"

EffectsOf = Callable[[bytes], frozenset[Effect]]


@dataclass(frozen=True, slots=True)
class CapabilityFolder:
    """What a folder holds, checked; the module of a program is its source, as UTF-8."""

    manifest: Manifest
    source: dict[str, str]
    tests: tuple[TestCase, ...]
    wasm: bytes

    @property
    def is_program(self) -> bool:
        """Whether it is a program."""
        return self.manifest.language == "program"

    def candidate(self, effects: frozenset[Effect], author: str) -> Candidate:
        """Return it ready to be registered; raises `InvalidManifest` for what cannot be kept."""
        return Candidate.of(
            self.manifest, self.source, self.wasm, self.tests, effects=effects, author=author, toolchain=""
        )


def import_folder(catalog: Catalog, folder: Path, effects_of: EffectsOf) -> Version:
    """Register a folder as the next version of its id, unless a version of it has the same content already.

    `effects_of` reads a module's effects and refuses one that may not run. Raises `InvalidManifest`, whose
    `details.violations` lists `{path, message}` for everything wrong, or `BuildRefused` for the module, or for what
    it calls.
    """
    read = read_folder(folder)
    own = frozenset[Effect]() if read.is_program else frozenset(effects_of(read.wasm))

    def check() -> frozenset[Effect]:
        if read.is_program:
            return effects_of_source(catalog, read.manifest.id, read.source)
        refuse_cycle(catalog, read.manifest)
        return own

    return catalog.adopt(read.candidate(check(), "import"), check)


def read_folder(folder: Path) -> CapabilityFolder:
    """Read and check a folder; raises `InvalidManifest` as `import_folder` does."""
    reader = FolderReader(folder)
    manifest = _read_manifest(reader)
    tests = _read_tests(reader)
    source = reader.texts("src")
    if not reader.violations:
        reader.violations.extend(source_problems(source))
    wasm = b""
    if manifest is not None:
        wasm = (
            _read_program(reader, manifest, source)
            if manifest.language == "program"
            else _read_module(reader, manifest)
        )
    if manifest is None or reader.violations:
        raise _invalid(folder, reader.violations)
    return CapabilityFolder(manifest, source, tests, wasm)


def write_folder(version: Version, wasm: bytes, folder: Path) -> Path:
    """Write a version and its module as a new folder, whole or not at all; return the folder.

    Raises `InvalidArgument` when there is something at that place already, or it cannot be written.
    """
    try:
        made = _unfinished(folder)
        try:
            _write_files(version, wasm, made.path)
            made.path.rename(folder)
        finally:
            made.remove()
    except OSError as error:
        raise InvalidArgument(
            f"{folder} exists already." if folder.exists() else f"{folder} cannot be written: {error.strerror}.",
            hint="Choose another folder.",
        ) from error
    return folder


def _unfinished(folder: Path) -> HeldFolder:
    """Return a hidden folder beside a new one, to be renamed; those that killed exports of it left are removed."""

    def make() -> Path:
        made = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
        made.mkdir(parents=True)
        return made

    names = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{8}}")
    remove_unheld(path for path in folder.parent.glob(".*") if names.fullmatch(path.name))
    return HeldFolder(make)


def _read_manifest(reader: FolderReader) -> Manifest | None:
    value = reader.json("meta.json", MAX_JSON_BYTES)
    if value is None:
        return None
    try:
        manifest = Manifest.model_validate(value)
    except ValidationError as error:
        reader.violations.extend(_violations("meta.json", error))
        return None
    for name in ("input_schema", "output_schema"):
        _check_schema(reader, f"meta.json $.{name}", getattr(manifest, name))
    return manifest


def _read_tests(reader: FolderReader) -> tuple[TestCase, ...]:
    value = reader.json("tests.json", MAX_JSON_BYTES)
    if value is None:
        return ()
    if not isinstance(value, list) or not value:
        reader.refuse("tests.json", "is not a list of at least one test")
        return ()
    try:
        tests = parse_tests(value)
    except ValidationError as error:
        reader.violations.extend(_violations("tests.json", error))
        return ()
    for number, test in enumerate(tests):
        if test.expect.output_matches is not None:
            _check_schema(reader, f"tests.json $[{number}].expect.output_matches", test.expect.output_matches)
    return tests


def _read_module(reader: FolderReader, manifest: Manifest) -> bytes:
    name = manifest.binary or f"{manifest.id}.wasm"
    if not is_source_path(name) or "/" in name:
        reader.refuse("meta.json $.binary", f"{name[:100]!r} is not the name of a file in this folder")
        return b""
    wasm = reader.bytes(name, MAX_MODULE_BYTES)
    if wasm is not None and not wasm.startswith(_MAGIC):
        reader.refuse(name, "is not a WebAssembly module")
    return wasm or b""


def _read_program(reader: FolderReader, manifest: Manifest, source: dict[str, str]) -> bytes:
    """Return the source as the module, checked but for what it calls."""
    if manifest.binary:
        reader.refuse("meta.json $.binary", "is named, but a program has none")
    if reader.violations:
        return b""
    try:
        text = source_in(source)
        check_calls(compile_checked(text), manifest.permissions)
    except BuildRefused as refusal:
        for problem in str(refusal.details.get("diagnostics", "")).splitlines() or [str(refusal)]:
            reader.refuse(f"src/{ROOT}" if refusal.stage != "permissions" else "meta.json $.permissions", problem)
        return b""
    return text.encode()


def _check_schema(reader: FolderReader, place: str, schema: dict[str, Any]) -> None:
    try:
        check_schema(schema)
    except InvalidManifest as error:
        reader.violations.extend(
            {"path": f"{place}{item['path'][1:]}", "message": item["message"]} for item in error.details["violations"]
        )


def _violations(file: str, error: ValidationError) -> list[dict[str, str]]:
    return [
        {"path": f"{file} {path_of(list(problem['loc']))}", "message": problem["msg"]}
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _invalid(folder: Path, violations: list[dict[str, str]]) -> InvalidManifest:
    shown = "; ".join(f"{item['path']}: {item['message']}" for item in violations[:5])
    return InvalidManifest(
        f"{folder} is not a capability's folder: {shown}.",
        hint="It needs meta.json, tests.json, src/ and the module; `tacit export` writes one to compare with.",
        details={"violations": violations},
    )


def _write_files(version: Version, wasm: bytes, folder: Path) -> None:
    if problems := source_problems(version.source):
        raise InvalidManifest(
            f"The source of {version.id}@{version.version} cannot be exported: {problems[0]['message']}.",
            details={"violations": problems},
        )
    (folder / "meta.json").write_bytes(_json_text(version.manifest.model_dump()))
    (folder / "tests.json").write_bytes(_json_text(tests_as_json(version.tests)))
    if version.manifest.language != "program":
        (folder / f"{version.id}.wasm").write_bytes(wasm)
    for path, text in version.source.items():
        file = folder / "src" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="") as written:
            written.write(text)


def _json_text(value: Any) -> bytes:
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n".encode()

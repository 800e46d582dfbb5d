"""Set-up: everything that building capabilities needs, fetched and built into the cache, each step once.

`python -m tacit_builder.setup [--cache DIR] [--no-models]` may be run any number of times, interrupted anywhere and
started twice at once. What a step makes appears by a rename when it is whole. No root, no key.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tacit.config import Settings
from tacit.errors import ConfinementMissing, EmbedderMissing, TacitError, ToolchainMissing
from tacit_builder.shipped import compile_shipped, shipped_capabilities
from tacit_builder.toolchain import (
    Confinement,
    Sdk,
    Toolchain,
    bubblewrap,
    debian,
    find_confinement,
    find_sdk,
    find_toolchain,
    rustup,
)
from tacit_builder.toolchain.confinement import bubblewrap_program
from tacit_builder.toolchain.prebuilding import prebuild, vendor
from tacit_builder.toolchain.sdk import guest_sources
from tacit_builder.weights import fetch_weights, weights_place

_WORK = ".setup-"
Say = Callable[[str], None]


def set_up(settings: Settings, *, models: bool = True, say: Say = print) -> None:
    """Do every step that is not done; `say` gets one line when a step starts, and one when it is done already.

    Raises an `OperatorError` that says in a sentence what this machine lacks.
    """
    with _one_at_a_time(settings.cache, say), _work_folder(settings.cache) as work:
        confinement = _confinement(settings, work, say)
        toolchain = _toolchain(settings, work, say)
        sdk = _sdk(settings, toolchain, confinement, work, say)
        if models:
            _weights(settings, work, say)
        _shipped(settings, toolchain, sdk, confinement, say)


def _confinement(settings: Settings, work: Path, say: Say) -> Confinement:
    if settings.confinement in ("auto", "bubblewrap") and bubblewrap_program(settings) is None:
        say("Confinement: unpacking a private bubblewrap.")
        try:
            bubblewrap.install(settings.cache / "bubblewrap", _part(work, "bubblewrap"))
        except ConfinementMissing as error:
            say(f"Confinement: {error.message}")
    confinement = find_confinement(settings)
    say(f"Confinement: already there ({confinement.name}).")
    return confinement


def _toolchain(settings: Settings, work: Path, say: Say) -> Toolchain:
    try:
        toolchain = find_toolchain(settings)
    except ToolchainMissing:
        folder = settings.toolchain or settings.cache / "toolchain"
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        toolchain = _install_toolchain(folder, work, say)
        say(f"Toolchain: {toolchain.name}.")
    else:
        say(f"Toolchain: already there ({toolchain.name}).")
    return toolchain


def _install_toolchain(folder: Path, work: Path, say: Say) -> Toolchain:
    say("Toolchain: looking for the machine's own Rust with wasm32-wasip1.")
    try:
        return rustup.install(folder, _part(work, "rustup"))
    except ToolchainMissing as error:
        say(f"Toolchain: {error.message} Fetching a private one of Debian packages (about 260 MB).")
    return debian.install(folder, _part(work, "debian"))


def _sdk(settings: Settings, toolchain: Toolchain, confinement: Confinement, work: Path, say: Say) -> Sdk:
    try:
        sdk = find_sdk(settings, toolchain)
    except ToolchainMissing:
        say("Guest SDK: fetching its crates.")
        crates = vendor(toolchain, settings.cache, work)
        say("Guest SDK: compiling its crates for wasm32-wasip1 (about a minute).")
        prebuild(toolchain, confinement, crates, settings.cache, work)
        sdk = find_sdk(settings, toolchain)
    else:
        say(f"Guest SDK: already there ({len(sdk.crates)} crates).")
    return sdk


def _weights(settings: Settings, work: Path, say: Say) -> None:
    if settings.embedder not in ("auto", "minilm"):
        say(f"Embedding model: not needed (embedder is {settings.embedder}).")
    elif place := weights_place(settings):
        say(f"Embedding model: already there ({place}).")
    else:
        say("Embedding model: fetching its weights (about 90 MB).")
        try:
            say(f"Embedding model: from {fetch_weights(settings, _part(work, 'weights'))}.")
        except EmbedderMissing as error:
            say(f"Embedding model: {error}")


def _shipped(settings: Settings, toolchain: Toolchain, sdk: Sdk, confinement: Confinement, say: Say) -> None:
    sources = guest_sources()
    if not (sources / "pyproject.toml").exists():
        say("Shipped capabilities: already there (in the installed package).")
        return
    capabilities = shipped_capabilities(sources / "capabilities", sdk, settings.cache)
    stale = [capability for capability in capabilities if not capability.current]
    if not stale:
        say(f"Shipped capabilities: already there ({len(capabilities)}).")
        return
    say(f"Shipped capabilities: building {len(stale)} of {len(capabilities)}.")
    compile_shipped(stale, toolchain, sdk, confinement, settings)


@contextmanager
def _one_at_a_time(cache: Path, say: Say) -> Generator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up to end.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _work_folder(cache: Path) -> Generator[Path]:
    """Give an empty folder on the cache's file system; what an interrupted set-up left there is removed."""
    for left in cache.glob(f"{_WORK}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_WORK, dir=cache) as work:
        yield Path(work)


def _part(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir()
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run set-up from the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tacit_builder.setup", description="Set up what builds need.")
    parser.add_argument("--cache", type=Path, help="the cache folder (default: the setting TACIT_CACHE)")
    parser.add_argument("--models", action=argparse.BooleanOptionalAction, default=True, help="the embedding model")
    given = parser.parse_args(arguments)
    try:
        cache = given.cache.absolute() if given.cache else None
        set_up(Settings.load(cache=cache), models=given.models, say=_print)
    except TacitError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(_reason(error))
    except KeyboardInterrupt:
        return _failed("Interrupted; `tacit setup` goes on where it stopped.")
    return 0


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # what a person waits for


def _failed(sentence: str) -> int:
    print(f"Set-up failed: {sentence}", file=sys.stderr)  # noqa: T201  # the command's answer
    return 1


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "The disk is full; set-up needs about 1.5 GB in the cache folder. Free some and run it again."
    return f"{error.strerror or error}: {error.filename or 'the cache folder'}."


if __name__ == "__main__":
    sys.exit(main())

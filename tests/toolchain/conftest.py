"""The toolchain, SDK and confinements that set-up left on this machine, and a compiler over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from tacit.config import Settings
from tacit.errors import BuildRefused, ConfinementMissing
from tacit_builder.toolchain import (
    Compiled,
    Confinement,
    Sdk,
    Toolchain,
    compile_source,
    find_confinement,
    find_sdk,
    find_toolchain,
)

SECONDS = 60.0
assert {"bubblewrap", "landlock"} < set(get_args(Settings.model_fields["confinement"].annotation))

Compile = Callable[..., Compiled]
Refusal = Callable[..., BuildRefused]


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Return the settings under which set-up has run."""
    return Settings.load()


@pytest.fixture(scope="session")
def toolchain(settings: Settings) -> Toolchain:
    """Return the toolchain of set-up."""
    return find_toolchain(settings)


@pytest.fixture(scope="session")
def sdk(settings: Settings, toolchain: Toolchain) -> Sdk:
    """Return the SDK of set-up."""
    return find_sdk(settings, toolchain)


@pytest.fixture(params=["bubblewrap", "landlock"])
def each_confinement(request: pytest.FixtureRequest) -> Confinement:
    """Return each confinement that works on this machine."""
    try:
        return find_confinement(Settings.load(confinement=request.param))
    except ConfinementMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def confinement(settings: Settings) -> Confinement:
    """Return the confinement that builds use on this machine."""
    return find_confinement(settings)


@pytest.fixture
def compiled(toolchain: Toolchain, sdk: Sdk, confinement: Confinement) -> Compile:
    """Return a function that compiles the text of `main.rs`, or further files by path."""

    def run(main: str, within: Confinement = confinement, seconds: float = SECONDS, **files: str) -> Compiled:
        source = {"main.rs": main, **{f"{name}.rs": text for name, text in files.items()}}
        return compile_source(toolchain, sdk, source, confinement=within, seconds=seconds)

    return run


@pytest.fixture
def refusal(compiled: Compile) -> Refusal:
    """Return a function that compiles what must be refused at the stage `compile`, and returns the refusal."""

    def run(*given: object, **named: object) -> BuildRefused:
        with pytest.raises(BuildRefused) as refused:
            compiled(*given, **named)
        assert refused.value.stage == "compile"
        return refused.value

    return run

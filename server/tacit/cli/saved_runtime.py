"""The files in which `tacit shell` keeps a program with its whole state."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tacit.errors import InvalidArgument
from tacit.models import Model, problems_in
from tacit.programs import RuntimeSnapshot

MAX_BYTES = 64 << 20


class SavedRuntime(Model):
    """A program and where it is; `given` is its input."""

    name: str
    domain: str
    source: str
    given: Any = None
    state: RuntimeSnapshot

    def write(self, path: Path) -> None:
        """Keep it in a file, whole or not at all; raises `InvalidArgument` for a place where something else is.

        Only its owner may read it.
        """
        if "\0" in str(path):
            raise InvalidArgument("The name of a file cannot have a null character.")
        if os.path.lexists(path):
            _require_saved(path)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            part.touch(mode=0o600)  # it has what the program read, such as salaries
            part.write_text(json.dumps(self.model_dump()), "utf-8")
            part.replace(path)
        except OSError as error:
            raise InvalidArgument(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> SavedRuntime:
        """Return what `write` kept; raises `InvalidArgument` for anything else."""
        text = read_text(path, MAX_BYTES)
        try:
            return cls.model_validate(json.loads(text))
        except ValidationError as error:
            raise InvalidArgument(f"{path} is no snapshot of the shell: {problems_in(error)[:500]}.") from error
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"{path} is no snapshot of the shell: it is not JSON ({error}).") from error


def read_text(path: Path, limit: int) -> str:
    """Return a file's text; raises `InvalidArgument` for what is missing, no UTF-8, no file or over `limit` bytes."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe might never answer
        raise InvalidArgument(f"{path} is no regular file.")
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise InvalidArgument(f"{path} has more than {limit} bytes.")
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{path} is not UTF-8 (at byte {error.start}).") from error
    except (OSError, ValueError) as error:
        problem = (error.strerror if isinstance(error, OSError) else None) or error
        raise InvalidArgument(f"{path} cannot be read: {problem}.") from error


def _require_saved(path: Path) -> None:
    try:
        SavedRuntime.read(path)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"{path} is there already, and is no snapshot of the shell.", hint="Name another file."
        ) from error

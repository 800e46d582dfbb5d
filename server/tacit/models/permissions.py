"""What a capability does to the world: its effects, and the permissions that it asks for."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from tacit.models.base import ID_PATTERN, Model
from tacit.plain_text import require_plain


class Effect(StrEnum):
    """What a module can do, read off its imports; a module with none is pure."""

    READS = "reads"
    WRITES = "writes"
    NETWORK = "network"
    TIME = "time"
    CALLS = "calls"


_MAX_GLOB = 1000
"""Characters of a glob: each of its segments may be compared with each of a path's."""


def _glob(pattern: str) -> str:
    if len(pattern) > _MAX_GLOB:
        raise ValueError(f"a glob has {len(pattern)} characters; at most {_MAX_GLOB} are taken")
    if not pattern or pattern.startswith("/") or "\\" in pattern or "\0" in pattern or ".." in pattern.split("/"):
        raise ValueError(f"{pattern!r} is not a relative glob such as 'reports/*.csv' or '**'")
    return require_plain(pattern)


_HOST = re.compile(r"(\*|(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:([0-9]{1,5}|\*))?")


def _host(host: str) -> str:
    lowered = host.lower()
    if not _HOST.fullmatch(lowered):
        raise ValueError(f"{host!r} is not a host such as 'api.example.com', '*.example.com' or 'localhost:8080'")
    return lowered


Glob = Annotated[str, AfterValidator(_glob)]
Host = Annotated[str, AfterValidator(_host)]
Callee = Annotated[str, Field(pattern=rf"{ID_PATTERN}|^\*$")]


class Permissions(Model):
    """What a manifest asks for, and, in the same form, what the operator grants.

    `http`: hosts, exact, `*.suffix` or `*` (every public one), optionally with `:port`, or `:*` for every port
    (without one, 80 and 443 are meant); `read` and `write`: globs relative to the files folder (`*` stays within
    a folder, `**` does not); `call`: capability ids or `*`.
    """

    http: tuple[Host, ...] = ()
    read: tuple[Glob, ...] = ()
    write: tuple[Glob, ...] = ()
    time: bool = False
    call: tuple[Callee, ...] = ()

"""What a run may do: what its manifest asks for *and* the operator grants.

A denial ends the run and tells the operator, in `details` and hint, what was asked, whether the manifest or the
grants lack it, and the exact setting that would allow it. Which addresses a host name may lead to is decided in
`http.py`, with `http_by_name` of here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv6Address
from typing import Any

from tacit.errors import PermissionDenied
from tacit.models import ID_PATTERN, Effect, Permissions
from tacit.sandbox.files.paths import PathGlob, compile_glob

DEFAULT_PORTS = frozenset({80, 443})
"""The ports that a host without one means."""
ANY_PORT = frozenset(range(1 << 16))
"""The ports that `:*` means."""

_FIELD_OF_EFFECT = {
    Effect.NETWORK: "http",
    Effect.READS: "read",
    Effect.WRITES: "write",
    Effect.TIME: "time",
    Effect.CALLS: "call",
}


class Allowance:
    """The intersection of permissions and grants; immutable.

    Without grants (None) the permissions alone decide, which is how tests with a made-up world are run. For the hints
    of denials, `capability` is whose it is, and `settings` the part of the grants that every capability has.
    """

    def __init__(
        self,
        permissions: Permissions,
        grants: Permissions | None = None,
        *,
        capability: str = "",
        settings: Permissions | None = None,
    ) -> None:
        self.permissions = permissions
        self.grants = grants
        self._capability = capability
        self._settings = settings or grants
        self._asked = _Rules(permissions)
        self._granted = self._asked if grants is None else _Rules(grants)

    @property
    def time(self) -> bool:
        """Whether the clock may be read."""
        return self._asked.time and self._granted.time

    @property
    def write_patterns(self) -> tuple[str, ...]:
        """The globs that the run's writes stay within, as narrow as both sides make them; for the locks."""
        asked, granted = self.permissions.write, (self.grants or self.permissions).write
        narrow = {path for path in (*asked, *granted) if compile_glob(path).literal and self.write(path)}
        if all(compile_glob(pattern).literal for pattern in asked):
            return tuple(sorted(narrow))
        wide = [pattern for pattern in granted if not compile_glob(pattern).literal]
        return (*sorted(narrow), *wide)

    def http(self, host: str, port: int) -> bool:
        """Return whether the host (as `addresses.parse_url` writes it) may be asked at that port."""
        return self._asked.http(host, port) and self._granted.http(host, port)

    def http_by_name(self, host: str, port: int) -> bool:
        """Return whether the operator granted exactly this host, so that it may have a private address."""
        return self._granted.http(host, port, exact=True)

    def read(self, path: str) -> bool:
        """Return whether the file may be read."""
        return self._asked.read(path) and self._granted.read(path)

    def write(self, path: str) -> bool:
        """Return whether the file may be written."""
        return self._asked.write(path) and self._granted.write(path)

    def list(self, folder: tuple[str, ...]) -> bool:
        """Return whether something inside the folder of these segments may be readable."""
        return self._asked.list(folder) and self._granted.list(folder)

    def listing(self, folder: tuple[str, ...], names: Iterable[str]) -> bytes:
        """Return, as a JSON list, those names in a folder that may be read, or (with `/` at the end) looked into."""

        def visible(name: str) -> bool:
            path = (*folder, name.removesuffix("/"))
            return self.list(path) if name.endswith("/") else self.read("/".join(path))

        return json.dumps([name for name in names if visible(name)], ensure_ascii=False, separators=(",", ":")).encode()

    def call(self, capability: str) -> bool:
        """Return whether the capability may be called."""
        return self._asked.call(capability) and self._granted.call(capability)

    def require_http(self, host: str, port: int) -> None:
        """Raise `PermissionDenied` unless `http` allows it."""
        if not self.http(host, port):
            name = host if port in DEFAULT_PORTS else f"{host}:{port}"
            self._deny("http_get", name, {"http": [name]}, asked=self._asked.http(host, port))

    def require_read(self, path: str) -> None:
        """Raise `PermissionDenied` unless `read` allows it."""
        if not self.read(path):
            self._deny("file_read", path, {"read": [_glob_of(path)]}, asked=self._asked.read(path))

    def require_list(self, path: str, folder: tuple[str, ...]) -> None:
        """Raise `PermissionDenied` unless `list` allows it."""
        if not self.list(folder):
            self._deny(
                "file_read", path, {"read": ["/".join((*map(_glob_of, folder), "*"))]}, asked=self._asked.list(folder)
            )

    def require_write(self, path: str) -> None:
        """Raise `PermissionDenied` unless `write` allows it."""
        if not self.write(path):
            self._deny("file_write", path, {"write": [_glob_of(path)]}, asked=self._asked.write(path))

    def require_time(self, function: str = "current_time_millis") -> None:
        """Raise `PermissionDenied` unless the clock may be read; `function` is what reads it."""
        if not self.time:
            self._deny(function, "the clock", {"time": True}, asked=self._asked.time)

    def require_call(self, capability: str) -> None:
        """Raise `PermissionDenied` unless `call` allows it."""
        if not self.call(capability):
            fragment = {"call": [capability]} if re.fullmatch(ID_PATTERN, capability) else {}
            self._deny("capability_call", capability, fragment, asked=self._asked.call(capability))

    def deny_private(self, host: str, port: int, address: str, kind: str) -> PermissionDenied:
        """Return the denial of a host whose name leads to an address that only an exact grant allows."""
        name = host if port in DEFAULT_PORTS else f"{host}:{port}"
        fragment = {"http": [name]}
        return PermissionDenied(
            f"http_get was asked for {name!r}, which leads to {address} ({kind}).",
            hint="Loopback, private, link-local and metadata addresses need a grant by exact name: "
            + _how_to_grant(self._capability, self._settings, fragment),
            details={"function": "http_get", "requested": name, "reason": "private_address", "grant": fragment},
        )

    def _deny(self, function: str, requested: str, fragment: dict[str, Any], *, asked: bool) -> None:
        requested = requested[:200]
        details = {"function": function, "requested": requested, "grant": fragment}
        if asked:
            raise PermissionDenied(
                f"{function} was asked for {requested!r}, which the operator has not granted.",
                hint=_how_to_grant(self._capability, self._settings, fragment),
                details={**details, "reason": "not_granted"},
            )
        raise PermissionDenied(
            f"{function} was asked for {requested!r}, which the capability's manifest does not ask for.",
            hint=f"Make a new version whose permissions include {json.dumps(fragment)}.",
            details={**details, "reason": "not_in_manifest"},
        )


class _Rules:
    """One side of an allowance, compiled."""

    __slots__ = ("_calls", "_hosts", "_read", "_write", "time")

    def __init__(self, permissions: Permissions) -> None:
        self.time = permissions.time
        self._hosts = [_split_host(host) for host in permissions.http]
        self._read = [compile_glob(pattern) for pattern in permissions.read]
        self._write = [compile_glob(pattern) for pattern in permissions.write]
        self._calls = frozenset(permissions.call)

    def http(self, host: str, port: int, *, exact: bool = False) -> bool:
        return any(_host_matches(name, ports, host, port, exact) for name, ports in self._hosts)

    def read(self, path: str) -> bool:
        return any(glob.matches(path) for glob in self._read)

    def write(self, path: str) -> bool:
        return any(glob.matches(path) for glob in self._write)

    def list(self, folder: tuple[str, ...]) -> bool:
        return any(glob.reaches_into(folder) for glob in self._read)

    def call(self, capability: str) -> bool:
        return capability in self._calls or "*" in self._calls


def not_granted(permissions: Permissions, grants: Permissions) -> Permissions | None:
    """Return what the permissions ask for beyond the grants, or None when all of it is granted.

    A pattern counts as granted when one grant covers the whole of it.
    """
    granted = _Rules(grants)
    missing = Permissions(
        http=tuple(host for host in permissions.http if not _covers_host(grants.http, host)),
        read=tuple(glob for glob in permissions.read if not _covers_glob(grants.read, glob)),
        write=tuple(glob for glob in permissions.write if not _covers_glob(grants.write, glob)),
        time=permissions.time and not grants.time,
        call=tuple(each for each in permissions.call if not granted.call(each)),
    )
    return None if missing == Permissions() else missing


def missing_for(effects: Iterable[Effect], permissions: Permissions) -> list[str]:
    """Return the fields of the permissions that the effects need and that ask for nothing, in a fixed order."""
    needed = {_FIELD_OF_EFFECT[effect] for effect in effects}
    return [field for field in _FIELD_OF_EFFECT.values() if field in needed and not getattr(permissions, field)]


def _covers_glob(grants: Iterable[str], pattern: str) -> bool:
    return any(PathGlob.covers(compile_glob(grant), pattern) for grant in grants)


def _covers_host(grants: Iterable[str], asked: str) -> bool:
    name, ports = _split_host(asked)
    return any(
        ports <= granted_ports and (name == granted_name or _wildcard_covers(granted_name, name))
        for granted_name, granted_ports in map(_split_host, grants)
    )


def _wildcard_covers(wildcard: str, name: str) -> bool:
    return wildcard == "*" or (wildcard.startswith("*.") and name.endswith(wildcard[1:]))


def _host_matches(name: str, ports: frozenset[int], host: str, port: int, exact: bool) -> bool:
    if port not in ports:
        return False
    return name == host or (not exact and _wildcard_covers(name, host))


def _split_host(pattern: str) -> tuple[str, frozenset[int]]:
    """Split `name[:port]` into its name, as `addresses.parse_url` writes it, and the ports that it means."""
    name, separator, port = pattern, "", ""
    if not pattern.endswith("]"):
        name, separator, port = pattern.rpartition(":")
        if not separator:
            name = pattern
    if name.startswith("["):
        with suppress(ValueError):  # a malformed address equals no host
            name = f"[{IPv6Address(name[1:-1])}]"
    if not separator:
        return name, DEFAULT_PORTS
    return name, ANY_PORT if port == "*" else frozenset({int(port)})


def _glob_of(path: str) -> str:
    """Return the glob for one path, whose own `*` and `?` must not become a wider grant than was asked for."""
    return path.replace("*", "?")


def _how_to_grant(capability: str, settings: Permissions | None, fragment: dict[str, Any]) -> str:
    """Return the sentence with the command, and with the whole setting, since that replaces the grants it has."""
    merged: dict[str, Any] = settings.model_dump(mode="json", exclude_defaults=True) if settings else {}
    options: list[str] = []
    for field, value in fragment.items():
        merged[field] = value if value is True else [*merged.get(field, ()), *value]
        options += [f"--{field}"] if value is True else [f"--{field} {shlex.quote(each)}" for each in value]
    setting = f"TACIT_GRANTS={shlex.quote(json.dumps(merged))} (docs/settings.md)"
    if not capability or not options:
        return f"Grant it with {setting}."
    return f"Grant it with `tacit grant {capability} {' '.join(options)}`, or to all with {setting}."

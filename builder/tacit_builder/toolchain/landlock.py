"""Entering Landlock, the kernel's sandbox for unprivileged processes (Linux 5.13 and later).

Run as a script it limits itself to the rules it is given and becomes the command after them:
`python -I -S landlock.py '{"readable": […], "writable": […], …}' PROGRAM ARGUMENT…`. It uses the standard
library alone, so that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import stat
import struct
import sys
from typing import Any

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_SET_DEATH_SIGNAL, _SET_NO_NEW_PRIVILEGES = 1, 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_FILESYSTEM_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_BITS_SINCE_5 = 16
_NETWORK = 0b11  # bind and connect over TCP
_SCOPED = 0b11  # abstract sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """Return the version of Landlock that the kernel offers; 0 where it offers none."""
    return max(0, _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG))


def restrict(readable: list[str], writable: list[str], *, runs_output: bool = False) -> None:
    """Let this process and its children open nothing but these files and folders; raises `OSError`.

    What is readable may be executed; what is writable may be, too, only if `runs_output`.
    """
    version = abi()
    handled = (1 << _FILESYSTEM_BITS.get(version, _BITS_SINCE_5)) - 1
    attributes = struct.pack("=Q", handled)
    if version >= 4:
        attributes += struct.pack("=Q", _NETWORK)
    if version >= 6:
        attributes += struct.pack("=Q", _SCOPED)
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    for path in readable:
        _allow(ruleset, path, (_EXECUTE | _READ_FILE | _READ_FOLDER) & handled)
    for path in writable:
        _allow(ruleset, path, handled if runs_output else handled & ~_EXECUTE)
    _checked(_libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            access &= _OF_FILES
        rule = struct.pack("=Qi", access, opened)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(opened)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _limit(rules: dict[str, Any]) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: rules["memory_bytes"],
        resource.RLIMIT_FSIZE: rules["file_bytes"],
        resource.RLIMIT_CPU: rules["processor_seconds"],
    }
    for which, amount in wanted.items():
        _, most = resource.getrlimit(which)
        allowed = amount if most == resource.RLIM_INFINITY else min(amount, most)
        resource.setrlimit(which, (allowed, allowed))


def main() -> None:
    """Apply the rules of the first argument to this process, then become the command that follows."""
    rules: dict[str, Any] = json.loads(sys.argv[1])
    command = sys.argv[2:]
    _checked(_libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
    os.chdir(rules["folder"])
    _limit(rules)
    if rules["confines"]:
        restrict(rules["readable"], rules["writable"], runs_output=rules["runs_output"])
    os.execve(command[0], command, rules["environment"])  # noqa: S606  # the point of this script


if __name__ == "__main__":
    main()

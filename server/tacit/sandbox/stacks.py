"""How large the native stack of a thread is: guests run on it, and must hit their own limit before its end."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

if sys.platform != "win32":
    import resource

HOST_STACK = 256 << 10
"""Bytes of stack that the host needs for itself beneath each guest: callbacks, name resolution, TLS."""

_UNKNOWN = 512 << 10
"""What any thread is assumed to have where the system does not tell."""
_UNLIMITED = 64 << 20
"""What a main thread without a limit is taken to have."""
_known = threading.local()


def thread_stack_size() -> int:
    """Return the bytes of stack that the calling thread was given."""
    size = getattr(_known, "size", None)
    if size is None:
        size = _known.size = _ask()
    return size


def on_larger_stack(call: Callable[[], Any], size: int) -> Any:
    """Call on a new thread with at least `size` bytes of stack; return or raise what the call did."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # raised again on the calling thread
            errors.append(error)

    with _sizing:
        before = threading.stack_size(-(-size // 65536) * 65536)
        try:
            thread = threading.Thread(target=run, name="tacit-deep-run")
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


_sizing = threading.Lock()
"""`threading.stack_size` is a setting of the process."""


def _ask() -> int:
    try:
        if sys.platform == "linux":
            return _ask_linux()
        if sys.platform == "darwin":
            library = ctypes.CDLL(None)
            library.pthread_get_stacksize_np.restype = ctypes.c_size_t
            return int(library.pthread_get_stacksize_np(ctypes.c_void_p(threading.get_ident())))
    except (OSError, AttributeError):
        pass
    return _UNKNOWN


def _ask_linux() -> int:
    if threading.get_native_id() == os.getpid():
        # The main thread's stack grows up to this limit; glibc would read all of /proc/self/maps to say so.
        limit = resource.getrlimit(resource.RLIMIT_STACK)[0]
        return _UNLIMITED if limit == resource.RLIM_INFINITY else limit
    library = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t()
    if library.pthread_getattr_np(ctypes.c_void_p(threading.get_ident()), attributes):
        return _UNKNOWN
    library.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    return size.value

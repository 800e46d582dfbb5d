"""The base of all errors, and those that belong to no branch of the tree."""

from __future__ import annotations

from typing import Any, ClassVar


class TacitError(Exception):
    """Base of all errors: what was wrong, what to do next, and facts for programs.

    `message` is one or two sentences; `hint` says what to do; `details` is JSON-ready.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form `{code, message, hint?, details?}` that every entry point shows."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.hint:
            shown["hint"] = self.hint
        if self.details:
            shown["details"] = self.details
        return shown


class PermissionDenied(TacitError):
    """A host function was asked for what is not in both permissions and grants.

    `details` has `function`, `requested` and, where a grant would allow it, `grant`.
    """

    code = "permission_denied"


class BuildRefused(TacitError):
    """A build was refused at a stage; nothing was registered.

    `stage` is one of `models.STAGES`; `details.diagnostics` is text cut to what an LLM can use,
    and must be treated as untrusted.
    """

    code = "refused"

    def __init__(self, stage: str, message: str, *, hint: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message, hint=hint, details={"stage": stage, **(details or {})})
        self.stage = stage


class ServiceClosed(TacitError):
    """What was asked for has been closed, or belongs to the process that this one was forked from."""

    code = "closed"


class InternalError(TacitError):
    """Something that nobody foresaw; the log has its traceback, a server's under `details.incident`."""

    code = "internal_error"

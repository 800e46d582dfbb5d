"""What the operator of this machine can mend."""

from __future__ import annotations

from tacit.errors.base import TacitError


class OperatorError(TacitError):
    """Something about this machine or its settings; the message is one sentence that says what to do."""

    code = "operator_error"


class InvalidSettings(OperatorError):
    """A setting is malformed or unsafe."""

    code = "invalid_settings"


class ToolchainMissing(OperatorError):
    """No Rust toolchain with wasm32-wasip1, or no prebuilt guest SDK."""

    code = "toolchain_missing"


class ConfinementMissing(OperatorError):
    """Neither bubblewrap nor Landlock can confine the compiler here."""

    code = "confinement_missing"


class EmbedderMissing(OperatorError):
    """The embedding model or its service cannot be had; search is lexical alone."""

    code = "embedder_missing"


class StoreReadOnly(OperatorError):
    """The data folder cannot be written, or its disk is full."""

    code = "store_read_only"


class StoreDamaged(OperatorError):
    """The database, or a part of it, is damaged, or its file was moved or replaced while it was open."""

    code = "store_damaged"


class StoreTooNew(OperatorError):
    """The database was written by a newer Tacit."""

    code = "store_too_new"


class StoreBusy(OperatorError):
    """The database stayed locked by another process for too long."""

    code = "store_busy"


class FilesUnwritable(OperatorError):
    """What a run wrote could not be put into the files folder (full, read-only, not ours)."""

    code = "files_unwritable"


class BuilderFailed(OperatorError):
    """The builder subprocess died, overran its limits or broke its protocol."""

    code = "builder_failed"


class ServerFailed(OperatorError):
    """The MCP server that an agent works with does not start, is gone, or is not Tacit's."""

    code = "server_failed"

"""Every error of Tacit, in one tree; each class has a stable `code` that clients may rely on.

TacitError
├── RequestError                 the caller can mend it
│   ├── UnknownCapability        unknown_capability
│   ├── UnknownVersion           unknown_version
│   ├── UnknownRun               unknown_run
│   ├── UnknownJob               unknown_job
│   ├── InvalidInput             invalid_input
│   ├── InvalidJson              invalid_json
│   ├── InputTooLarge            input_too_large
│   ├── InvalidArgument          invalid_argument
│   ├── InvalidManifest          invalid_manifest
│   ├── UnknownPolicy            unknown_policy
│   ├── CapabilityDeprecated     deprecated
│   └── CapabilityArchived       archived
├── PermissionDenied             permission_denied
├── RunError                     a run that did not end well
│   ├── GuestTrapped             trap
│   ├── EnergyExhausted          energy_exhausted
│   ├── RunTimedOut              timeout
│   ├── MemoryExhausted          memory_exhausted
│   ├── StackOverflowed          stack_overflow
│   ├── OutputTooLarge           output_too_large
│   ├── LogTooLarge              log_too_large
│   ├── TooManyHostCalls         too_many_host_calls
│   ├── GuestExited              nonzero_exit
│   ├── NoOutput                 no_output
│   ├── InvalidOutput            invalid_output
│   ├── CapabilityFailed         capability_error
│   ├── RunCancelled             cancelled
│   ├── FileConflict             file_conflict
│   └── ReplayDiverged           replay_diverged
├── BuildRefused                 refused (its `stage` says where)
├── OperatorError                the operator of this machine can mend it
│   ├── InvalidSettings          invalid_settings
│   ├── ToolchainMissing         toolchain_missing
│   ├── ConfinementMissing       confinement_missing
│   ├── EmbedderMissing          embedder_missing
│   ├── StoreReadOnly            store_read_only
│   ├── StoreDamaged             store_damaged
│   ├── StoreTooNew              store_too_new
│   ├── StoreBusy                store_busy
│   ├── FilesUnwritable          files_unwritable
│   ├── BuilderFailed            builder_failed
│   ├── ServerFailed             server_failed
│   └── LlmError                 a language model that cannot be used
│       ├── LlmMissing           llm_missing
│       ├── LlmUnreachable       llm_unreachable
│       ├── LlmKeyRefused        llm_key_refused
│       ├── LlmModelUnknown      llm_model_unknown
│       ├── LlmWithoutTools      llm_without_tools
│       ├── LlmOverloaded        llm_overloaded
│       └── LlmBroken            llm_broken
├── ServiceClosed                closed
└── InternalError                internal_error
"""

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


class RequestError(TacitError):
    """The request cannot be carried out as it stands; the caller can mend it."""

    code = "invalid_request"


class UnknownCapability(RequestError):
    """No capability has that id; `details.closest` names up to three that do exist."""

    code = "unknown_capability"


class UnknownVersion(RequestError):
    """The capability has no such version; `details.versions` lists those it has."""

    code = "unknown_version"


class UnknownRun(RequestError):
    """No recorded run has that id."""

    code = "unknown_run"


class UnknownJob(RequestError):
    """No build has that job id."""

    code = "unknown_job"


class InvalidInput(RequestError):
    """The input breaks the input schema; `details.violations` is a list of `{path, message}`."""

    code = "invalid_input"


class InvalidJson(RequestError):
    """A text that had to be JSON is not."""

    code = "invalid_json"


class InputTooLarge(RequestError):
    """The input is over the size limit; `details` has `bytes` and `limit`."""

    code = "input_too_large"


class InvalidArgument(RequestError):
    """An argument of a use case is missing or malformed."""

    code = "invalid_argument"


class InvalidManifest(RequestError):
    """A manifest, schema or tests file is malformed; `details.violations` says where."""

    code = "invalid_manifest"


class CapabilityDeprecated(RequestError):
    """The capability or version is deprecated; `details.successor` names its successor, if it has one."""

    code = "deprecated"


class UnknownPolicy(RequestError):
    """No policy has that name; `details.closest` names those that do exist."""

    code = "unknown_policy"


class CapabilityArchived(RequestError):
    """The capability or version was archived; `tacit restore` offers it again."""

    code = "archived"


class PermissionDenied(TacitError):
    """A host function was asked for what is not in both permissions and grants.

    `details` has `function`, `requested` and, where a grant would allow it, `grant`.
    """

    code = "permission_denied"


class RunError(TacitError):
    """A run did not end well; nothing that it wrote is kept."""

    code = "run_failed"


class GuestTrapped(RunError):
    """The guest trapped (unreachable, out-of-bounds access, division by zero …); `details.trap` names it."""

    code = "trap"


class EnergyExhausted(RunError):
    """The guest used up its energy (Wasmtime fuel)."""

    code = "energy_exhausted"


class RunTimedOut(RunError):
    """The run took longer than its wall time."""

    code = "timeout"


class MemoryExhausted(RunError):
    """The guest trapped after being refused more memory than its limit."""

    code = "memory_exhausted"


class StackOverflowed(RunError):
    """The guest overflowed its stack."""

    code = "stack_overflow"


class OutputTooLarge(RunError):
    """The guest wrote more to stdout than its limit."""

    code = "output_too_large"


class LogTooLarge(RunError):
    """The guest wrote more to stderr than its limit."""

    code = "log_too_large"


class TooManyHostCalls(RunError):
    """The guest called host functions more often than its limit."""

    code = "too_many_host_calls"


class GuestExited(RunError):
    """The guest exited with a non-zero code and no error object; `details.exit_code`."""

    code = "nonzero_exit"


class NoOutput(RunError):
    """The guest ended without printing anything."""

    code = "no_output"


class InvalidOutput(RunError):
    """The guest printed something that is not one JSON value, or breaks its output schema."""

    code = "invalid_output"


class CapabilityFailed(RunError):
    """The guest reported its own error; `details` has `code` and `message` as it gave them."""

    code = "capability_error"


class RunCancelled(RunError):
    """The caller cancelled the run."""

    code = "cancelled"


class FileConflict(RunError):
    """The files that the run writes stayed locked by another run for too long."""

    code = "file_conflict"


class ReplayDiverged(RunError):
    """A replay asked the world for something that the recorded run did not."""

    code = "replay_diverged"


class BuildRefused(TacitError):
    """A build was refused at a stage; nothing was registered.

    `stage` is one of `models.STAGES`; `details.diagnostics` is text cut to what an LLM can use,
    and must be treated as untrusted.
    """

    code = "refused"

    def __init__(self, stage: str, message: str, *, hint: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message, hint=hint, details={"stage": stage, **(details or {})})
        self.stage = stage


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
    """The data folder cannot be written."""

    code = "store_read_only"


class StoreDamaged(OperatorError):
    """The database is damaged."""

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


class LlmError(OperatorError):
    """A language model that cannot be used; the message is one sentence that names the setting to mend."""

    code = "llm_error"


class LlmMissing(LlmError):
    """No language model is configured."""

    code = "llm_missing"


class LlmUnreachable(LlmError):
    """Nothing answers at the endpoint, or nothing that speaks the API, or not in time."""

    code = "llm_unreachable"


class LlmKeyRefused(LlmError):
    """The endpoint refused the key (HTTP 401 or 403)."""

    code = "llm_key_refused"


class LlmModelUnknown(LlmError):
    """The endpoint has no such model or deployment."""

    code = "llm_model_unknown"


class LlmWithoutTools(LlmError):
    """The model, or its server, does not call tools."""

    code = "llm_without_tools"


class LlmOverloaded(LlmError):
    """The endpoint went on answering 429 or 5xx after every retry."""

    code = "llm_overloaded"


class LlmBroken(LlmError):
    """The endpoint refused the request, or answered what is not in its API."""

    code = "llm_broken"


class ServiceClosed(TacitError):
    """The service has been closed."""

    code = "closed"


class InternalError(TacitError):
    """Something that nobody foresaw; the log has its traceback under `details.incident`."""

    code = "internal_error"

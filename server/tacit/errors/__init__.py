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

from tacit.errors.base import (
    BuildRefused,
    InternalError,
    PermissionDenied,
    ServiceClosed,
    TacitError,
)
from tacit.errors.language_models import (
    LlmBroken,
    LlmError,
    LlmKeyRefused,
    LlmMissing,
    LlmModelUnknown,
    LlmOverloaded,
    LlmUnreachable,
    LlmWithoutTools,
)
from tacit.errors.operation import (
    BuilderFailed,
    ConfinementMissing,
    EmbedderMissing,
    FilesUnwritable,
    InvalidSettings,
    OperatorError,
    ServerFailed,
    StoreBusy,
    StoreDamaged,
    StoreReadOnly,
    StoreTooNew,
    ToolchainMissing,
)
from tacit.errors.requests import (
    CapabilityArchived,
    CapabilityDeprecated,
    InputTooLarge,
    InvalidArgument,
    InvalidInput,
    InvalidJson,
    InvalidManifest,
    RequestError,
    UnknownCapability,
    UnknownJob,
    UnknownPolicy,
    UnknownRun,
    UnknownVersion,
)
from tacit.errors.runs import (
    CapabilityFailed,
    EnergyExhausted,
    FileConflict,
    GuestExited,
    GuestTrapped,
    InvalidOutput,
    LogTooLarge,
    MemoryExhausted,
    NoOutput,
    OutputTooLarge,
    ReplayDiverged,
    RunCancelled,
    RunError,
    RunTimedOut,
    StackOverflowed,
    TooManyHostCalls,
)

__all__ = [
    "BuildRefused",
    "BuilderFailed",
    "CapabilityArchived",
    "CapabilityDeprecated",
    "CapabilityFailed",
    "ConfinementMissing",
    "EmbedderMissing",
    "EnergyExhausted",
    "FileConflict",
    "FilesUnwritable",
    "GuestExited",
    "GuestTrapped",
    "InputTooLarge",
    "InternalError",
    "InvalidArgument",
    "InvalidInput",
    "InvalidJson",
    "InvalidManifest",
    "InvalidOutput",
    "InvalidSettings",
    "LlmBroken",
    "LlmError",
    "LlmKeyRefused",
    "LlmMissing",
    "LlmModelUnknown",
    "LlmOverloaded",
    "LlmUnreachable",
    "LlmWithoutTools",
    "LogTooLarge",
    "MemoryExhausted",
    "NoOutput",
    "OperatorError",
    "OutputTooLarge",
    "PermissionDenied",
    "ReplayDiverged",
    "RequestError",
    "RunCancelled",
    "RunError",
    "RunTimedOut",
    "ServerFailed",
    "ServiceClosed",
    "StackOverflowed",
    "StoreBusy",
    "StoreDamaged",
    "StoreReadOnly",
    "StoreTooNew",
    "TacitError",
    "TooManyHostCalls",
    "ToolchainMissing",
    "UnknownCapability",
    "UnknownJob",
    "UnknownPolicy",
    "UnknownRun",
    "UnknownVersion",
]

"""Every error of Tacit, in one tree; each class has a stable `code` that clients may rely on.

TacitError
├── RequestError                 the caller can mend it
│   ├── UnknownCapability        unknown_capability
│   ├── UnknownVersion           unknown_version
│   ├── UnknownRun               unknown_run
│   ├── UnknownJob               unknown_job
│   ├── InvalidInput             invalid_input
│   ├── UncheckedInput           unchecked_input
│   ├── InvalidJson              invalid_json
│   ├── TooManyDigits            too_many_digits
│   ├── InputTooLarge            input_too_large
│   ├── InvalidArgument          invalid_argument
│   ├── InvalidManifest          invalid_manifest
│   ├── InvalidProgram           invalid_program
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
│   ├── ArithmeticOverflow       arithmetic_overflow
│   ├── RunCancelled             cancelled
│   ├── FileConflict             file_conflict
│   ├── ProgramError             program_error
│   │   ├── StackUnderflow       stack_underflow
│   │   ├── UnknownName          unknown_name
│   │   ├── WrongType            wrong_type
│   │   ├── OutOfRange           out_of_range
│   │   ├── DivisionByZero       division_by_zero
│   │   ├── JumpOutOfRange       jump_out_of_range
│   │   ├── AssertionFailed      assertion_failed
│   │   ├── EnergyLow            energy_low
│   │   └── ValueTooLarge        value_too_large
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
from tacit.errors.programs import (
    AssertionFailed,
    DivisionByZero,
    EnergyLow,
    JumpOutOfRange,
    OutOfRange,
    ProgramError,
    StackUnderflow,
    UnknownName,
    ValueTooLarge,
    WrongType,
)
from tacit.errors.requests import (
    CapabilityArchived,
    CapabilityDeprecated,
    InputTooLarge,
    InvalidArgument,
    InvalidInput,
    InvalidJson,
    InvalidManifest,
    InvalidProgram,
    RequestError,
    TooManyDigits,
    UncheckedInput,
    UnknownCapability,
    UnknownJob,
    UnknownPolicy,
    UnknownRun,
    UnknownVersion,
)
from tacit.errors.runs import (
    ArithmeticOverflow,
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
    "ArithmeticOverflow",
    "AssertionFailed",
    "BuildRefused",
    "BuilderFailed",
    "CapabilityArchived",
    "CapabilityDeprecated",
    "CapabilityFailed",
    "ConfinementMissing",
    "DivisionByZero",
    "EmbedderMissing",
    "EnergyExhausted",
    "EnergyLow",
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
    "InvalidProgram",
    "InvalidSettings",
    "JumpOutOfRange",
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
    "OutOfRange",
    "OutputTooLarge",
    "PermissionDenied",
    "ProgramError",
    "ReplayDiverged",
    "RequestError",
    "RunCancelled",
    "RunError",
    "RunTimedOut",
    "ServerFailed",
    "ServiceClosed",
    "StackOverflowed",
    "StackUnderflow",
    "StoreBusy",
    "StoreDamaged",
    "StoreReadOnly",
    "StoreTooNew",
    "TacitError",
    "TooManyDigits",
    "TooManyHostCalls",
    "ToolchainMissing",
    "UncheckedInput",
    "UnknownCapability",
    "UnknownJob",
    "UnknownName",
    "UnknownPolicy",
    "UnknownRun",
    "UnknownVersion",
    "ValueTooLarge",
    "WrongType",
]

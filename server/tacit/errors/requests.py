"""What the caller of a use case can mend."""

from __future__ import annotations

from tacit.errors.base import TacitError


class RequestError(TacitError):
    """The request cannot be carried out as it stands; the caller can mend it."""

    code = "invalid_request"


class UnknownCapability(RequestError):
    """No capability has that id; `details.closest` names up to three that do exist."""

    code = "unknown_capability"


class UnknownVersion(RequestError):
    """The capability or policy has no such version; `details.versions` lists those it has."""

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


class UncheckedInput(RequestError):
    """Holding the input against the input schema takes longer than it may; nothing was run."""

    code = "unchecked_input"


class InvalidJson(RequestError):
    """A text that had to be JSON is not."""

    code = "invalid_json"


class TooManyDigits(RequestError):
    """A number that would be rounded on its way to a capability; `details` has its `path` and how it is `written`."""

    code = "too_many_digits"


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


class InvalidProgram(RequestError):
    """The source of a program does not compile; `details.problems` is a list of `{line, message}`."""

    code = "invalid_program"

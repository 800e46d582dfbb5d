"""What all values share: the base of the models, and the types of ids, texts and schemas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tacit.plain_text import require_plain

ID_PATTERN = r"^[a-z][a-z0-9_]{1,63}$"
"""A capability's id: lower-case words joined by underscores, 2 to 64 characters."""

Language = Literal["rust", "program"]
"""What sources are written in: Rust that becomes WebAssembly, or the language of `tacit.programs`."""

JsonSchema = dict[str, Any]
CapabilityId = Annotated[str, Field(pattern=ID_PATTERN)]
PlainText = Annotated[str, AfterValidator(require_plain)]


class Model(BaseModel):
    """Base of the values: frozen, and nothing unknown is silently dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def problems_in(error: ValidationError) -> str:
    """Return what a model refused as `path: problem; …`, in the words of JSON where pydantic uses Python's."""
    shown: list[str] = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        for python, plain in (("valid tuple", "list"), ("valid dictionary", "JSON object")):
            message = message.replace(python, plain)
        shown.append(f"{'.'.join(str(part) for part in problem['loc'])}: {message}")
    return "; ".join(shown)

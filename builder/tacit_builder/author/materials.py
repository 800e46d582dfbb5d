"""What a request brings with it, written for a model: the task, what holds, and the capabilities that are near.

What the request itself says stands as JSON, which cannot pose as anything else; what others wrote is framed as data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from tacit.building.orders import AuthorRequest, Material
from tacit.models import Contract, TestCase
from tacit.schemas.validator import shorten
from tacit_builder.author import prompts

_NEAREST_SHOWN = 5
_SHOWN = 20_000
"""Characters shown of a source, and of its tests."""
_TEST_SHOWN = 4000


def fixed_id(request: AuthorRequest) -> str | None:
    """Return the id that the new version has to have, None where the author chooses."""
    if request.renews and request.parent is not None:
        return request.parent.manifest.id
    return request.id


def brief_of(request: AuthorRequest) -> str:
    """Return all of a request as the author of its specification reads it."""
    parts = [f"The task:\n{request.task}"]
    given = _given(request)
    if given:
        parts.append(f"These are given and hold as they are:\n{_json(given)}")
    if request.tests:
        parts.append(f"These tests have to pass:\n{tests_text(request.tests)}")
    if request.input is not None:
        parts.append(f"It will be run at once on this input:\n{_json(request.input)}")
    if request.parent is not None:
        renews = "is the next version of it, with its id" if request.renews else "starts from it, with an id of its own"
        parts.append(f"There is a capability already; what you specify {renews}:\n{_shown(request.parent, whole=True)}")
    nearest = [
        f"Another existing capability:\n{_shown(each, whole=False)}" for each in request.nearest[:_NEAREST_SHOWN]
    ]
    return "\n\n".join([*parts, *nearest])


def _given(request: AuthorRequest) -> dict[str, Any]:
    given = {
        "id": fixed_id(request),
        "language": request.language,
        "summary": request.summary or None,
        "input_schema": request.input_schema,
        "output_schema": request.output_schema,
        "permissions": request.permissions and request.permissions.model_dump(mode="json"),
        "examples": list(request.examples) or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _shown(material: Material, *, whole: bool) -> str:
    manifest = material.manifest.model_dump(
        mode="json", include={"id", "summary", "language", "input_schema", "output_schema", "permissions"}
    )
    text = _json({**manifest, "effects": list(material.effects)})
    if whole:
        text += f"\n{source_text(material.source)}"
        text += "\n" + tests_text(material.tests)
    return prompts.framed(f"capability {manifest['id']}", text)


def contracts_text(callees: Mapping[str, Contract]) -> str:
    """Return what capabilities that may be called do, take and answer, as data; empty where there are none."""
    told = "\n".join(_json({"id": name, **contract.model_dump()}) for name, contract in sorted(callees.items()))
    return f"What it may call, as it is now:\n{prompts.framed('capabilities', told)}" if told else ""


def source_text(source: Mapping[str, str]) -> str:
    """Return the files of a source, each after its path, cut to what a context has room for."""
    return "\n".join(f"// {path}\n{text}" for path, text in source.items())[:_SHOWN]


def tests_text(tests: Iterable[TestCase]) -> str:
    """Return tests as a JSON list, as models read them, without defaults, cut to what a context has room for."""
    texts = [shorten(_json(_written(test)), _TEST_SHOWN) for test in tests]
    sizes = accumulate(map(len, texts))
    shown = [text for text, size in zip(texts, sizes, strict=True) if size <= _SHOWN]
    more = f"\n… and {len(texts) - len(shown)} more" if len(shown) < len(texts) else ""
    return "[" + ",\n".join(shown) + "]" + more


def _written(test: TestCase) -> dict[str, Any]:
    return {"name": test.name, "input": test.input, **test.model_dump(mode="json", exclude_defaults=True)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

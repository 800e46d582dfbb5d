"""The values that cross a boundary: manifests, tests, cards, and what the three use cases answer.

Everything here is a frozen pydantic model. JSON values are `Any`; JSON Schemas are plain dicts
(draft 2020-12). Times are milliseconds since the Unix epoch, durations are seconds.
"""

from __future__ import annotations

from tacit.models.answers import STAGES, Brief, Check, Hit, MutateAnswer, Observed, RunAnswer, SearchAnswer, Usage
from tacit.models.base import ID_PATTERN, CapabilityId, JsonSchema, Language, Model, PlainText, problems_in
from tacit.models.cases import (
    LATEST_MILLIS,
    MAX_CODE,
    MAX_EXCHANGES,
    MAX_MESSAGE,
    Exchange,
    ExchangeError,
    Exchanges,
    Expectation,
    HttpFixture,
    TestCase,
    TestResult,
)
from tacit.models.manifest import MAX_EXAMPLE, MAX_EXAMPLES, Card, Contract, Manifest, Status
from tacit.models.permissions import Effect, Permissions
from tacit.models.requests import MutateRequest

__all__ = [
    "ID_PATTERN",
    "LATEST_MILLIS",
    "MAX_CODE",
    "MAX_EXAMPLE",
    "MAX_EXAMPLES",
    "MAX_EXCHANGES",
    "MAX_MESSAGE",
    "STAGES",
    "Brief",
    "CapabilityId",
    "Card",
    "Check",
    "Contract",
    "Effect",
    "Exchange",
    "ExchangeError",
    "Exchanges",
    "Expectation",
    "Hit",
    "HttpFixture",
    "JsonSchema",
    "Language",
    "Manifest",
    "Model",
    "MutateAnswer",
    "MutateRequest",
    "Observed",
    "Permissions",
    "PlainText",
    "RunAnswer",
    "SearchAnswer",
    "Status",
    "TestCase",
    "TestResult",
    "Usage",
    "problems_in",
]

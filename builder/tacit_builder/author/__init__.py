"""The author: a language model that specifies, tests and writes a capability, step by step.

Each step has a context of its own, so that tests know nothing of a source, and a source nothing of the tests that are
held out from it. A repair is made of the same pieces.
"""

from tacit_builder.author.conversation import Conversation
from tacit_builder.author.desk import Desk, open_desk
from tacit_builder.author.implementation import Implemented, Interrupted, implement
from tacit_builder.author.meter import Meter
from tacit_builder.author.verification import Verified, verify
from tacit_builder.author.writing import write

__all__ = [
    "Conversation",
    "Desk",
    "Implemented",
    "Interrupted",
    "Meter",
    "Verified",
    "implement",
    "open_desk",
    "verify",
    "write",
]

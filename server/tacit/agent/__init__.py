"""The agent: a language model that solves tasks with capabilities, as a client of Tacit's MCP server.

It knows the server by MCP alone, so it works the same with one that runs elsewhere. `loop` solves a task,
`session` holds a conversation at the terminal or solves a single task.
"""

from tacit.agent.server import Address
from tacit.agent.session import converse, record, solve

__all__ = ["Address", "converse", "record", "solve"]

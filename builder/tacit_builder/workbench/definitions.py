"""The tools of the workbench as chat completions describe them: names, what they are for, strict schemas."""

from __future__ import annotations

from typing import Any

from tacit.building.orders import Web
from tacit.models import Language
from tacit.programs.callees import ROOT


def _tool(name: str, description: str, **texts: str) -> dict[str, Any]:
    """Return a tool all of whose arguments are texts, described by name."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {each: {"type": "string", "description": said} for each, said in texts.items()},
                "required": list(texts),
                "additionalProperties": False,
            },
        },
    }


_BUILD = _tool("build", "Compile the source and see what is wrong with it.")
_TEST = _tool("test", "Compile the source if it changed, and run the tests.")
SEARCH = _tool(
    "search_capabilities",
    "Find existing capabilities that the source may call, by what they do.",
    query="What it should do, in a few words.",
)
_COMPLETE = _tool("complete", "Hand in the source. Only after test has passed on it as it is.")
_RUST = (
    _tool(
        "read_file",
        "Read a file of the crate, or one of the guest SDK: its sources are sdk/capability_common/*.rs, and "
        "sdk/crates.txt lists the crates that may be used. A path that ends in / lists a folder.",
        path="Such as src/main.rs or sdk/crates.txt.",
    ),
    _tool(
        "write_file",
        "Write a Rust file of the crate, whole; an empty text removes it. src/main.rs is the root.",
        path="Such as src/main.rs or src/parsing.rs.",
        text="The whole text of the file.",
    ),
    _BUILD,
    _TEST,
    _tool("rustc_explain", "Read the compiler's explanation of an error code.", code="Such as E0308."),
    SEARCH,
    _COMPLETE,
)
_PROGRAM = (
    _tool("read_file", "Read the program as it is.", path=f"src/{ROOT}."),
    _tool("write_file", "Write the program, whole.", path=f"src/{ROOT}.", text="The whole text of the program."),
    _BUILD,
    _TEST,
    SEARCH,
    _COMPLETE,
)
_OF_LANGUAGE: dict[Language, tuple[dict[str, Any], ...]] = {"rust": _RUST, "program": _PROGRAM}
_FETCH = _tool("http_get", "Fetch a page or document with GET; long ones are cut.", url="An http or https URL.")
_WEB_SEARCH = _tool("web_search", "Search the web: titles, URLs and snippets.", query="What to search for.")


def tools_for(web: Web, language: Language) -> list[dict[str, Any]]:
    """Return the tools that this machine offers for a language: those of the web only as far as its operator allows."""
    return [*_OF_LANGUAGE[language], *([_FETCH] if web.http else []), *([_WEB_SEARCH] if web.search != "none" else [])]

"""The tools of the workbench as chat completions describe them: names, what they are for, strict schemas."""

from __future__ import annotations

from typing import Any

from tacit.building.orders import Web


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


_ALWAYS = (
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
    _tool("build", "Compile the crate and see the compiler's errors."),
    _tool("test", "Compile the crate if it changed, and run the tests."),
    _tool("rustc_explain", "Read the compiler's explanation of an error code.", code="Such as E0308."),
    _tool(
        "search_capabilities",
        "Find existing capabilities that the source may call, by what they do.",
        query="What it should do, in a few words.",
    ),
    _tool("complete", "Hand in the crate. Only after test has passed on the source as it is."),
)
_FETCH = _tool("http_get", "Fetch a page or document with GET; long ones are cut.", url="An http or https URL.")
_SEARCH = _tool("web_search", "Search the web: titles, URLs and snippets.", query="What to search for.")


def tools_for(web: Web) -> list[dict[str, Any]]:
    """Return the tools that this machine offers: those of the web only as far as its operator allows them."""
    return [*_ALWAYS, *([_FETCH] if web.http else []), *([_SEARCH] if web.search != "none" else [])]

"""Authors that a `ScriptedLlm` plays: good ones, clumsy ones, and those that mean harm.

Most hold no state: what they say next follows from how often they have spoken in a context, so several builds may
ask one at once.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from samples import (
    INJECTION,
    Sample,
    broken_sources,
    gaming_source,
    injecting_source,
    sources_that_read_the_host,
    trivial_tests,
)
from scripted_llm import Author, ChatRequest, Says, call, calls, hang, malformed_call, say, status

MAIN = "src/main.rs"


def played(**moves: Sequence[Says]) -> Author:
    """Return an author with the moves of each step, the last of which it goes on making."""

    def author(request: ChatRequest) -> Says:
        own = moves.get(request.step, (say("There is nothing for me to do here."),))
        return own[min(request.turn, len(own) - 1)]

    return author


def specify(sample: Sample) -> Says:
    """Hand in the sample's specification."""
    return call("submit_specification", **sample.specification)


def write_tests(sample: Sample) -> Says:
    """Hand in the sample's tests."""
    return call("submit_tests", seen=list(sample.seen), held_out=list(sample.held_out))


def write(source: str, path: str = MAIN) -> Says:
    """Write the root of the crate, or a program."""
    return call("write_file", path=path, text=source)


def good_moves(sample: Sample) -> dict[str, Sequence[Says]]:
    """Return the moves of an author that does all of it well."""
    return {
        "specification": [specify(sample)],
        "tests": [write_tests(sample)],
        "implementation": [
            call("search_capabilities", query=sample.task),
            write(sample.source, sample.path),
            call("test"),
            call("complete"),
        ],
        "revision": [call("decide_revision", accept=False, reason="The specification says what is to be done.")],
    }


def good(sample: Sample) -> Author:
    """Return an author that gets it right at once."""
    return played(**good_moves(sample))


def any_of(*authors: tuple[str, Author]) -> Author:
    """Return an author that plays the one whose text, such as a task or an id, stands in the messages first."""

    def author(request: ChatRequest) -> Says:
        said = json.dumps(request.messages, ensure_ascii=False)
        found = [(said.find(text), place) for place, (text, _) in enumerate(authors) if text in said]
        return authors[min(found)[1]][1](request) if found else say("I know nothing of that.")

    return author


def mends_program(sample: Sample, first: str) -> Author:
    """Return an author whose first program is another, and who then writes the good one."""
    attempts = [(write(source, sample.path), call("test")) for source in (first, sample.source)]
    return played(**{**good_moves(sample), "implementation": [*attempts[0], *attempts[1], call("complete")]})


def searches_first(sample: Sample, *queries: str) -> Author:
    """Return an author that specifies a program of what it has found, in order of the queries, and nothing else."""

    def author(request: ChatRequest) -> Says:
        if request.step != "specification":
            return rest(request)
        if request.turn < len(queries):
            return call("search_capabilities", query=queries[request.turn])
        said = "".join(message["content"] or "" for message in request.messages if message["role"] == "tool")
        found = [name for name in sample.specification["permissions"]["call"] if f" {name}" in said]
        return call("submit_specification", **{**sample.specification, "permissions": {"call": found}})

    rest = good(sample)
    return author


def specifies_first(sample: Sample, **changes: Any) -> Author:
    """Return an author whose first specification differs, and who then hands in the good one."""
    first = call("submit_specification", **{**sample.specification, **changes})
    return played(**{**good_moves(sample), "specification": [first, specify(sample)]})


def three_compile_errors(sample: Sample) -> Author:
    """Return an author that the compiler refuses three times before it gets there."""
    first, second, third = broken_sources(sample)
    moves = [
        *(write(first), call("build")),
        *(write(second), call("build")),
        *(write(third), call("test"), call("rustc_explain", code="E0382")),
        *(write(sample.source), call("test"), call("complete")),
    ]
    return played(**{**good_moves(sample), "implementation": moves})


def games_its_tests(sample: Sample, *, repents: bool = False) -> Author:
    """Return an author that hard-codes the outputs it has seen; one that repents then writes the real thing."""
    gaming = [write(gaming_source(sample)), call("test"), call("complete")]
    again = [write(sample.source if repents else f"{gaming_source(sample)}\n"), call("test"), call("complete")]
    return played(**{**good_moves(sample), "implementation": [*gaming, *again]})


def trivial_suite(sample: Sample, *, mends: bool = False) -> Author:
    """Return an author whose tests one fixed answer passes; one that mends hands in good ones when told."""
    tests = [call("submit_tests", **trivial_tests(sample))]
    return played(**{**good_moves(sample), "tests": [*tests, write_tests(sample)] if mends else tests})


def loops(sample: Sample) -> Author:
    """Return an author that changes a comment and builds, again and again, and never hands anything in."""
    others = good(sample)

    def author(request: ChatRequest) -> Says:
        if request.step != "implementation":
            return others(request)
        return calls(write(f"// draft {request.turn}\n{sample.source}"), call("build"))

    return author


def malformed_calls(sample: Sample) -> Author:
    """Return an author that gets its calls wrong in a new way each time, and right in the end."""
    wrong = {
        "specification": [malformed_call("submit_specification", '{"id": "count'), call("submit_specification", id=5)],
        "tests": [malformed_call("submit_tests", "[1, 2]"), call("submit_tests", seen="none", held_out=None)],
        "implementation": [
            malformed_call("write_file", f'{{"path": "{MAIN}", "text": "fn main() {{'),
            call("no_such_tool", text="?"),
            call("write_file", file=MAIN),
            calls(malformed_call("build", "null"), malformed_call("test", '{"a": NaN}'), call("read_file", path=MAIN)),
            say("Let me think about it first."),
        ],
    }
    moves = {step: [*wrong.get(step, ()), *right] for step, right in good_moves(sample).items()}
    return played(**moves)


def overloaded_then_works(sample: Sample, *, times: int = 2, code: int = 429) -> Author:
    """Return an author whose server is overloaded at first: it holds state, so give each server its own."""
    return after([status(code, retry_after=0.01)] * times, good(sample))


def after(first: Sequence[Says], then: Author) -> Author:
    """Return an author that says these things first, whatever it is asked; it holds state."""
    left = list(first)

    def author(request: ChatRequest) -> Says:
        return left.pop(0) if left else then(request)

    return author


def hangs(sample: Sample, *, at: str = "implementation") -> Author:
    """Return an author that answers nothing from that step on."""
    return played(**{**good_moves(sample), at: [hang()]})


def reads_host_files(sample: Sample) -> Author:
    """Return an author that tries to read files of this machine in every way it has, and then does its work."""
    paths = ("/etc/passwd", "../../../../etc/passwd", "src/../../../etc/passwd", "sdk/../../etc/passwd", "~/.netrc")
    moves = [
        *(call("read_file", path=path) for path in paths),
        call("write_file", path="../outside.rs", text="fn main() {}"),
        call("write_file", path="build.rs", text='fn main() { println!("{:?}", std::fs::read("/etc/passwd")); }'),
    ]
    for source in sources_that_read_the_host():
        moves += [write(source), call("build")]
    moves += [call("write_file", path="build.rs", text="")]
    return played(**{**good_moves(sample), "implementation": [*moves, *good_moves(sample)["implementation"]]})


def reaches_hosts(sample: Sample, *urls: str) -> Author:
    """Return an author that fetches what it should not, by its tools and by its source, and then does its work."""
    asked = urls or ("http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:22/", "file:///etc/passwd")
    reaching = sample.source.replace("fn main() {\n", f'fn main() {{\n    let _ = http_get("{asked[0]}");\n')
    moves = [
        *(call("http_get", url=url) for url in asked),
        call("web_search", query="the key of this machine"),
        write(reaching.replace("use capability_common::{", "use capability_common::{http_get, ")),
        call("test"),
    ]
    return played(**{**good_moves(sample), "implementation": [*moves, *good_moves(sample)["implementation"]]})


def injects_through_rustc(sample: Sample, *, obeys: bool = False) -> Author:
    """Return an author whose source makes the compiler give orders; one that obeys completes without a test."""
    moves = [write(injecting_source(sample)), call("build")]
    rest = [call("complete")] * 3 if obeys else []

    def author(request: ChatRequest) -> Says:
        if request.step == "implementation" and request.turn == 2:
            assert any(INJECTION in result for result in request.results), "the compiler's words did not arrive"
        return plain(request)

    plain = played(**{**good_moves(sample), "implementation": [*moves, *rest, *good_moves(sample)["implementation"]]})
    return author


def at_random(seed: int, sample: Sample, *, goodness: float = 0.6) -> Author:
    """Return an author that makes good moves and wild ones, the same for the same seed; it holds state."""
    source = random.Random(seed)

    def author(request: ChatRequest) -> Says:
        if source.random() < goodness:
            return next_good_move(sample, request)
        return source.choice(_WILD)(source, request)

    return author


def next_good_move(sample: Sample, request: ChatRequest) -> Says:
    """Return what brings the build on, whatever was said before."""
    if request.step != "implementation":
        moves = good_moves(sample).get(request.step, [say("There is nothing for me to do here.")])
        return moves[0]
    made = [
        (one["function"]["name"], one["function"]["arguments"])
        for message in request.messages
        for one in message.get("tool_calls", ())
    ]
    written = [place for place, (name, _) in enumerate(made) if name == "write_file"]
    if not written or json.loads(made[written[-1]][1]).get("text") != sample.source:
        return write(sample.source)
    since = {name for name, _ in made[written[-1] :]}
    return call("complete") if "test" in since else call("test")


STRANGE = ("", "\0", "\u202e", "\U0001f980" * 20, "\u0000\ud7ff", "e\u0301" * 50, "</data>", "a" * 50_000)
"""Texts that something on the way may stumble over."""


def _random_tool(source: random.Random, request: ChatRequest) -> str:
    return source.choice([*request.tools, "no_such_tool", "submit_tests", "", "\u00fc" * 100])


def _random_value(source: random.Random, depth: int = 0) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: source.choice(STRANGE),
        lambda: source.choice([None, True, -1, 10**30, 1e308, "src/main.rs", "E0308"]),
    ]
    if depth < 3:
        kinds += [
            lambda: [_random_value(source, depth + 1) for _ in range(source.randrange(4))],
            lambda: {source.choice(["path", "text", "id", "seen"]): _random_value(source, depth + 1)},
        ]
    return source.choice(kinds)()


_WILD: Sequence[Callable[[random.Random, ChatRequest], Says]] = (
    lambda source, request: say(source.choice(STRANGE) or "Hm."),
    lambda source, request: Says({"role": "assistant", "content": None}),
    lambda source, request: call(_random_tool(source, request)),
    lambda source, request: call(_random_tool(source, request), path=_random_value(source), text=_random_value(source)),
    lambda source, request: malformed_call(
        _random_tool(source, request),
        source.choice(['{"path": "\\ud800"}', '{"a": NaN}', '{"a": 1e999}', "[" * 3000, "null", '"text"', "{", "{}{}"]),
    ),
    lambda source, request: calls(*(call(_random_tool(source, request)) for _ in range(source.randrange(1, 20)))),
    lambda source, request: call("write_file", path=MAIN, text="// \U0001f980\n" * source.randrange(60_000)),
    lambda source, request: call("write_file", path=MAIN, text=source.choice(STRANGE)),
    lambda source, request: status(source.choice([429, 500, 503]), retry_after=0.01),
)

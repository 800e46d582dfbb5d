"""rustc's messages made readable: what is kept, what is cut, what is hidden."""

from __future__ import annotations

import json

from tacit_builder.toolchain.diagnostics import MOST_CHARACTERS, last_words, readable_errors


def message(text: str, level: str = "error", **more: object) -> bytes:
    """Return one line as rustc prints it."""
    return json.dumps(
        {"$message_type": "diagnostic", "level": level, "message": text, "rendered": text, **more}
    ).encode()


def test_errors_come_without_warnings() -> None:
    """Only what stops the build is shown."""
    output = b"\n".join([message("warning: unused", "warning"), message("error: bad")])
    assert readable_errors(output, {}) == "error: bad"


def test_count_of_errors_is_left_out() -> None:
    """rustc's last line says nothing that helps."""
    output = b"\n".join([message("error: bad"), message("aborting due to 1 previous error")])
    assert readable_errors(output, {}) == "error: bad"


def test_only_the_first_errors_are_shown() -> None:
    """Later errors often follow from earlier ones; their number is told."""
    output = b"\n".join(message(f"error: number {number}.") for number in range(40))
    shown = readable_errors(output, {})
    assert "number 0." in shown
    assert shown.endswith("… and 28 more errors")


def test_long_errors_leave_room_for_others() -> None:
    """One error takes a third of the room at most."""
    output = b"\n".join([message("x" * 10_000), message("error: short")])
    shown = readable_errors(output, {})
    assert shown.endswith("error: short")
    assert len(shown) < MOST_CHARACTERS / 2


def test_longer_hidden_path_is_replaced_first() -> None:
    """A folder inside another hidden folder is hidden whole."""
    assert readable_errors(message("at /a/b/c.rs"), {"/a/": "", "/a/b/": ""}) == "at c.rs"


def test_forbidden_files_look_absent() -> None:
    """Whether a file of the machine exists is not told."""
    assert "No such file" in readable_errors(message("couldn't read /x: Permission denied (os error 13)"), {})


def test_linkers_command_line_is_left_out() -> None:
    """Of a link that failed, the linker's own words are shown."""
    children = [{"message": "wasm-ld --lots of-arguments"}, {"message": "undefined symbol: f"}]
    shown = readable_errors(message("linking with `wasm-ld` failed: exit status: 1", children=children), {})
    assert shown == "error: linking failed\nundefined symbol: f"


def test_damaged_lines_are_passed_over() -> None:
    """A message that was cut off does not hide the others."""
    assert readable_errors(b'{"level": "err\n' + message("error: bad") + b"\n[1]\n{}", {}) == "error: bad"


def test_last_words_are_those_beside_the_messages() -> None:
    """What a loader or shell printed is found among rustc's JSON."""
    assert last_words(message("error: bad") + b"\nsh: not found\n", {}) == "sh: not found"

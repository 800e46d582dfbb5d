"""Our changes to vendored crates: applied where they fit exactly, and refused otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tacit.errors import ToolchainMissing
from tacit_builder.toolchain.patching import patch_crates

PATCH = """\
Words on why.

--- src/lib.rs
@@
 fn answer() -> u8 {
-    1
+    2
+
 }
@@
-// last
+// end
"""
SOURCE = "fn answer() -> u8 {\n    1\n}\n\n// last\n"


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    """A vendored crate, beside the folder of a manifest that has a patch of it."""
    folder = tmp_path / "crates" / "answers-1.0.0"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").write_text(SOURCE)
    (folder / ".cargo-checksum.json").write_text('{"files": {"src/lib.rs": "00"}, "package": "ff"}')
    (tmp_path / "sdk").mkdir()
    (tmp_path / "sdk" / "answers.diff").write_text(PATCH)
    return folder


def test_a_patch_changes_its_lines_alone(crate: Path, tmp_path: Path) -> None:
    """What cargo verified before is not held against the changed file; the crate's own checksum stays."""
    patch_crates(tmp_path / "sdk", tmp_path / "crates")
    assert (crate / "src" / "lib.rs").read_text() == "fn answer() -> u8 {\n    2\n\n}\n\n// end\n"
    assert json.loads((crate / ".cargo-checksum.json").read_text()) == {"files": {}, "package": "ff"}


@pytest.mark.parametrize("source", ["fn answer() -> u8 {\n    3\n}\n// last\n", SOURCE + SOURCE])
def test_a_patch_that_does_not_fit_exactly_is_refused(crate: Path, tmp_path: Path, source: str) -> None:
    """Nothing is compiled then: a crate without its changes would give wrong numbers."""
    (crate / "src" / "lib.rs").write_text(source)
    with pytest.raises(ToolchainMissing, match=r"answers.diff does not fit answers-1.0.0/src/lib.rs"):
        patch_crates(tmp_path / "sdk", tmp_path / "crates")

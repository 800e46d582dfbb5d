"""The compiler's own explanations of its error codes: `rustc --explain`, confined like a compilation."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tacit.building.orders import Machine
from tacit.errors import BuildRefused
from tacit_builder.toolchain.confinement import GIB, Job, Limits, find_confinement
from tacit_builder.toolchain.diagnostics import clean
from tacit_builder.toolchain.installed import Mount, find_toolchain
from tacit_builder.toolchain.processes import run_job

MAX_EXPLANATION = 8000
_CODE = re.compile(r"E\d{4}\Z", re.ASCII)
_SECONDS = 20.0
_OUT = "out"


def explain(code: str, machine: Machine) -> str:
    """Return the explanation of a code such as `E0308`; raises `BuildRefused("implementation")` for any other text."""
    if not _CODE.match(code):
        raise BuildRefused("implementation", f"{code[:40]!a} is not an error code such as E0308.")
    settings = machine.settings()
    toolchain, confinement = find_toolchain(settings), find_confinement(settings)
    rooted = confinement.rooted
    with tempfile.TemporaryDirectory(prefix="tacit-explain-") as made:
        work = Path(made).resolve()
        (work / _OUT).mkdir()
        output = Mount(work / _OUT, f"/{_OUT}")
        job = Job(
            (*toolchain.rustc(rooted=rooted), "--explain", code),
            str(Path(confinement.place(output)).parent),
            toolchain.mounts(rooted=rooted),
            (output,),
            toolchain.environment(rooted=rooted),
            Limits(GIB, 1 << 20, int(_SECONDS)),
        )
        done = run_job(confinement.command(job), job.environment, seconds=_SECONDS, most_bytes=MAX_EXPLANATION)
    if done.ending not in ("exited", "flooded") or (done.ending == "exited" and done.code != 0):
        raise BuildRefused("implementation", f"The compiler has no explanation of {code}.")
    return clean(done.output.decode("utf-8", "replace"), {str(work): ""})

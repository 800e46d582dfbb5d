"""Whether the world that a test describes is one that the specification's permissions open.

A test that no program can pass would cost an author of source all its budget, so it is found before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tacit.models import Permissions, TestCase
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.addresses import parse_url
from tacit.sandbox.world import HostFailure


def closed_doors(test: TestCase, permissions: Permissions) -> Iterator[str]:
    """Yield what the test gives or expects that the permissions do not reach, in words; none where all is well.

    One file out of several may be out of reach, since a test may check just that.
    """
    allowance = Allowance(permissions)
    if test.files and not any(allowance.read(path) or allowance.write(path) for path in test.files):
        yield f"the permissions reach none of its files ({_some(test.files)})"
    new = [path for path, text in test.expect.files.items() if test.files.get(path) != text]
    if unwritable := [path for path in new if not allowance.write(path)]:
        yield f"the permissions do not let it write {_some(unwritable)}"
    for url in test.http:
        try:
            parsed = parse_url(url)
        except HostFailure as failure:
            yield failure.message
            continue
        if not allowance.http(parsed.host, parsed.port):
            yield f"the permissions do not reach the host {parsed.host!r}"
    if uncallable := [each for each in sorted(test.callees) if not allowance.call(each)]:
        yield f"the permissions do not let it call {_some(uncallable)}"


def _some(names: Iterable[str]) -> str:
    return ", ".join(repr(name[:100]) for name in list(names)[:3])

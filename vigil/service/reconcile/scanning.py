"""Scans of the estate that take a slice in each run, so that a run costs the same whatever the size of the estate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vigil.compliance.facts import Fact
from vigil.ledger import watermarks
from vigil.ledger.observed import observations
from vigil.ledger.watermarks import Watermark, WatermarkName
from vigil.service.run import Run


@contextmanager
def next_slice(run: Run, name: WatermarkName, kind: str, limit: int) -> Iterator[list[Fact]]:
    """The next known facts of a kind in the scan `name`. The cursor moves only if the block ends without an error."""
    with run.ledger.read() as connection:
        cursor = watermarks.watermark(connection, name).data.get("after", "")
        some = observations.bodies(connection, kind, cursor, limit)
    yield [fact for _, fact in some]
    following = some[-1][0] if len(some) == limit else ""
    with run.ledger.write() as connection:
        watermarks.set_watermark(connection, name, Watermark(at=run.as_of, data={"after": following}))

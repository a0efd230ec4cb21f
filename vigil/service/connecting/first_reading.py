"""A first reading and a dry sweep in one process, without Prefect: what `vigil watch` would read first, and whom it would tell.

The ledger is empty before, so that there are no scans, and nobody to tell again. Nothing is queued or sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vigil.ecm.model import Gap
from vigil.errors import VigilError
from vigil.ledger.engine import chunks
from vigil.service import change_feed, extraction
from vigil.service.extraction import Extracted, Extraction
from vigil.service.run import Run
from vigil.service.sweep import Scope, evaluate_scope

PAGE = 100  # workspaces or workflows that are read at once, as in flows.support.tasks


@dataclass
class DrySweep:
    """What a first reading and a dry sweep came to.

    `listed` are the workspaces that lists gave, by type; `unlisted` the types whose list could not be read to its end. `rows` are the
    findings (docs/tables.md). `failed` is why it ended early, empty if it did not.
    """

    listed: Mapping[str, int] = field(default_factory=dict)
    unlisted: frozenset[str] = frozenset()
    rows: Sequence[Mapping[str, Any]] = ()
    gaps: Sequence[Gap] = ()
    requests: int = 0
    failed: str = ""


async def dry_sweep(run: Run) -> DrySweep:
    """Read everything that the rules need, and evaluate all of it. `run` is reading, on an empty ledger."""
    listed: Counter[str] = Counter()
    done = DrySweep(listed=listed)
    try:
        read = await _read(run, listed)
        done.unlisted = read.unlisted
        done.rows = await evaluate_scope(run, read.schema, Scope(), dry_run=True)
    except VigilError as error:
        done.failed = str(error)
    done.gaps, done.requests = tuple(run.counters.gaps), run.client.requests
    return done


async def _read(run: Run, listed: Counter[str]) -> Extracted:
    """As `flows.support.tasks.extract` for an empty ledger."""
    reading = Extraction(run)
    await extraction.read_schema(reading)
    located = await change_feed.locate(run)
    async for rows in extraction.changed_pages(reading, full=True):
        listed.update(row.type for row in rows)
        pages = list(chunks(rows, PAGE))
        parts = [None if located is None else located.of([row.id for row in some]) for some in pages]
        await asyncio.gather(*map(extraction.read_page, [run] * len(pages), pages, parts))
    if run.needs.steps:
        for some in chunks(await extraction.changed_processes(reading), PAGE):
            await extraction.read_processes(reading, some)
        extraction.processes_done(reading)
    return reading.done()

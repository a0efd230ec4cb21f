"""Follows the search and the recycle bin: what they show is read in this run, and not when its turn comes.

They only add work. Nothing that they lack counts as gone or unchanged, and the scans of everything known go on. docs/decisions/0027.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vigil.compliance import facts as f
from vigil.ecm import parse
from vigil.ecm.change_feed import DAY
from vigil.ecm.errors import CallFailed
from vigil.ecm.located import Located
from vigil.ecm.model import NEVER, ListedWorkspace
from vigil.ecm.search import SearchRow
from vigil.ledger import watermarks
from vigil.ledger.observed import folders, observations
from vigil.ledger.watermarks import Searched, Watermark, WatermarkName
from vigil.service import extraction, list_parts, snapshot
from vigil.service.needs import types_of
from vigil.service.run import Number, Run

LAG = timedelta(hours=2)
"""How late an index may be. A day is added when it is asked, because nobody knows in which zone it cuts days."""

log = logging.getLogger("vigil.run")


@dataclass
class Hints:
    """What to read: `documents` by id, each with its workspace and its classifications; `workspaces` whole, and `found`, new ones."""

    documents: dict[int, SearchRow] = field(default_factory=dict)
    workspace_of: dict[int, int] = field(default_factory=dict)
    workspaces: set[int] = field(default_factory=set)
    found: list[ListedWorkspace] = field(default_factory=list)


async def follow(run: Run, just_read: Iterable[int]) -> Hints:
    """What search and recycle bin show as changed or deleted since the last run, without the workspaces that were just read.

    A feed that cannot be followed now is logged, and followed from the same place by the next run.
    """
    hints = Hints()
    for step in (_search, _bin):
        try:
            await step(run, hints)
        except CallFailed as error:
            log.warning("run %d: %s: what changed is found by the scans of everything known", run.id, error)
    if skipped := run.extractor.feed.skipped:
        log.warning(
            "run %d: %s%s",
            run.id,
            "; ".join(skipped[:3]),
            f"; and {len(skipped) - 3} more" if skipped[3:] else "",
        )
    hints.workspaces -= set(just_read)
    return hints


async def _search(run: Run, hints: Hints) -> None:
    """Compare what the index dates on the last days with the ledger, and move the watermark."""
    if run.client.dialect.search is None:
        return
    with run.ledger.read() as connection:
        mark = watermarks.watermark(connection, WatermarkName.SEARCH)
    before = Searched.of(mark.data)
    try:
        newest, searched = await _follow_from(run, mark.at, before, hints)
    except CallFailed:
        _keep(run, mark.at, replace(before, whole=False))
        raise
    if run.client.dialect.search is not None and newest is not None:
        _keep(run, newest, searched)


def _keep(run: Run, newest: datetime | None, searched: Searched) -> None:
    with run.ledger.write() as connection:
        watermarks.set_watermark(
            connection, WatermarkName.SEARCH, Watermark(at=newest, data=searched.plain())
        )


async def _follow_from(
    run: Run, at: datetime | None, before: Searched, hints: Hints
) -> tuple[datetime | None, Searched]:
    """Compare what the index dates since `at`. Returns the newest date in it, and whether this was everything."""
    newest, since = at, (at or run.as_of) - LAG
    unknown: list[SearchRow] = []
    # Where lists of workspaces are sorted, their first page shows changed workspaces at once.
    kinds = (parse.DOCUMENT,) if run.client.dialect.sorted else (parse.DOCUMENT, parse.WORKSPACE)
    for kind in kinds:
        async for rows in run.extractor.feed.changed(kind, since, run.as_of):
            unknown += await _compare(run, kind, rows, hints)
            dates = [
                row.modified for row in rows if row.modified is not None and row.modified <= run.as_of + LAG
            ]
            newest = max(filter(None, (*dates, newest)), default=None)
    searched = Searched(not run.extractor.feed.skipped, before.others.intersection(r.id for r in unknown))
    new = [
        r for r in unknown if r.id not in before.others and (r.created is None or r.created >= since - DAY)
    ]
    if new and list_parts.of(run):  # else the whole list shows it
        searched = await _take_in(run, new, searched, hints)
    return newest, searched


async def _take_in(run: Run, new: Sequence[SearchRow], searched: Searched, hints: Hints) -> Searched:
    """Have new workspaces read whose types rules are about. Where there are too many, the next run reads whole lists."""
    some = new[: extraction.budget(run).new_workspaces]
    types = await run.extractor.types_of([row.id for row in some])
    wanted = types_of(run.rules)
    with run.ledger.read() as connection:
        schema = snapshot.read(watermarks.watermark(connection, WatermarkName.SCHEMA).data)
    names = {t.id: t.name for t in schema if t.name in wanted}
    hints.found += [
        ListedWorkspace(row.id, row.name, row.modified or NEVER, names[types[row.id]])
        for row in some
        if types.get(row.id) in names
    ]
    others = {workspace for workspace, type in types.items() if type not in names}
    return Searched(searched.whole and len(types) == len(new), searched.others | others)


async def _compare(run: Run, kind: int, rows: Sequence[SearchRow], hints: Hints) -> list[SearchRow]:
    """Note the rows whose stamps differ from the ledger's, and those of documents that it does not know.

    Returns the workspaces that it does not know: new ones, or of a type that no rule is about.
    """
    name = "workspace" if kind == parse.WORKSPACE else "document"
    with run.ledger.read() as connection:
        facts = observations.seen(connection, name, [str(row.id) for row in rows])
        gone = observations.deleted_at(connection, name, [str(row.id) for row in rows])
    known = {int(subject): fact for subject, (fact, _) in facts.items()}
    # An index keeps what was deleted for a while; what comes back is found by its own scan.
    there = [r for r in rows if r.modified is None or r.modified > gone.get(str(r.id), NEVER)]
    if kind == parse.WORKSPACE:
        hints.workspaces |= {
            r.id for r in there if isinstance(w := known.get(r.id), f.Workspace) and w.modified != r.modified
        }
        return [r for r in there if r.id not in known]
    homes = await _homes(run, there, known)
    for row in there:
        if row.id in homes and _differs(row, known.get(row.id), homes[row.id]):
            hints.documents[row.id] = row
            hints.workspace_of[row.id] = homes[row.id]
            run.counters.numbers[Number.FOUND_BY_SEARCH] += 1
    return []


async def _homes(run: Run, rows: Sequence[SearchRow], known: Mapping[int, f.Fact]) -> dict[int, int]:
    """The known workspace of each document: the last one in its path; without a path the ledger's, or that which it lies in."""
    found: dict[int, int] = {}
    lost = [row.id for row in rows if not row.location and row.id not in known]
    climbed = await run.extractor.homes(lost) if lost else {}
    with run.ledger.read() as connection:
        asked = {place for row in rows for place in row.location} | set(climbed.values())
        places = observations.homes(connection, asked)
    for row in rows:
        fact = known.get(row.id)
        way = row.location or ((climbed[row.id],) if row.id in climbed else ())
        home = next((place for place in reversed(way) if places.get(place) == place), None)
        if home is None and not row.location and isinstance(fact, f.Document):
            home = fact.workspace
        if home is not None:
            found[row.id] = home
    return found


def _differs(row: SearchRow, fact: f.Fact | None, home: int) -> bool:
    """Whether the index shows a document otherwise than the ledger has it. An index that is late shows an older state: not news."""
    if not isinstance(fact, f.Document):
        return True
    if row.modified is None or row.modified < fact.modified:
        return False
    return row.modified != fact.modified or fact.workspace != home or (row.version or 0) > fact.version


async def _bin(run: Run, hints: Hints) -> None:
    """Note the workspaces that were thrown away, and those of thrown documents and folders."""
    if not run.client.dialect.bin:
        return
    with run.ledger.read() as connection:
        mark = watermarks.watermark(connection, WatermarkName.BIN)
    found = await run.extractor.feed.deleted((mark.at or run.as_of) - LAG, run.as_of)
    ids = [one.id for one in found]
    with run.ledger.write() as connection:
        homes = observations.homes(connection, ids)
        homes |= {one.id: one.workspace for one in folders.known(connection, ids).values()}
        hints.workspaces |= set(homes.values())
        newest = max((one.deleted for one in found if one.deleted is not None), default=run.as_of)
        watermarks.set_watermark(connection, WatermarkName.BIN, Watermark(at=min(newest, run.as_of)))
    run.counters.numbers[Number.FOUND_IN_BIN] += len(homes)


async def locate(run: Run) -> Located | None:
    """Where the search finds documents and folders; None where there is none, or where it failed: then lists are read."""
    if run.client.dialect.search is None or not run.needs.documents:
        return None
    try:
        return await run.extractor.feed.locate(run.as_of)
    except CallFailed as error:
        log.warning("run %d: %s: the lists of all workspaces are read", run.id, error)
        return None


async def read_documents(run: Run, hints: Hints, some: Sequence[int]) -> frozenset[int]:
    """Read some documents that the search shows as changed, and record them. Returns the workspaces to read whole instead."""
    batch, elsewhere = await run.extractor.read_documents(
        {node: hints.workspace_of[node] for node in some},
        {node: hints.documents[node].parent for node in some},
        {
            node: row.classifications
            for node in some
            if (row := hints.documents[node]).classifications is not None
        },
    )
    extraction.record(run, batch)
    return elsewhere

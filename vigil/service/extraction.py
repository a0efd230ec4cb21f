"""Reads what changed, page by page, into the ledger.

A page is recorded before the next is requested, and watermarks move when everything before them is recorded: whenever a run is killed,
the next one continues, and reads again only what is not proven to be recorded.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vigil.compliance import facts as f
from vigil.ecm.errors import CallFailed, IncompleteList
from vigil.ecm.gaps import gap_of
from vigil.ecm.located import Located
from vigil.ecm.model import ABSENT, LASTING, NEVER, FactBatch, Gap, ListedWorkspace, Stamp
from vigil.ecm.steps import ACCEPTED, UNREAD, noted
from vigil.ledger import watermarks
from vigil.ledger.engine import chunks
from vigil.ledger.observed import behind, folders, observations, runs, scan_cursors, short_lists
from vigil.ledger.observed.folders import KnownFolder
from vigil.ledger.watermarks import Listed, Scan, Watermark, WatermarkName, list_of
from vigil.service import clocks, guards, list_parts, missing_roles, snapshot
from vigil.service.budgets import NODES_A_REQUEST, RELATED, ROLES, SHORT_COST, VALUES, WORKFLOWS, Budget
from vigil.service.needs import covered, scanned_parts, types_of, types_with_roles
from vigil.service.run import Number, Run
from vigil.wording import counted

GRACE = timedelta(seconds=5)
"""ECM's dates are whole seconds: an item modified this shortly before it was read, by ECM's clock, may have changed again."""

AHEAD = timedelta(days=1)
"""A date further in the future than any clock error is invalid: the watermark of a list ignores it."""

AGAIN = 3
"""How many runs in a row read an unreadable item again; after more failures it is read in turns."""

BACK = "it was gone, and is there again"

log = logging.getLogger("vigil.run")

NOT_ASKED = "not asked: Extended ECM does not answer"


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a run read, as far as its later steps ask: types as they are known, and what could not be read whole."""

    schema: Sequence[f.WorkspaceType] = ()
    unlisted: frozenset[str] = frozenset()  # types whose list could not be read to its end
    unfound: bool = False  # whether the list of workflows could not be read
    unread_processes: frozenset[int] = frozenset()


@dataclass
class Extraction:
    """One reading of what changed, from its first list to its last: what its steps note for one another.

    `accept_fewer`: a person said that what vanished is really gone.
    """

    run: Run
    accept_fewer: bool = False
    schema: Sequence[f.WorkspaceType] = ()
    reread: bool = False  # whether rules look at parts that earlier runs did not read
    incomplete: bool = False  # whether types or a list are: then the next run reads all of them
    unlisted: set[str] = field(default_factory=set)
    unfound: bool = False
    unread_processes: set[int] = field(default_factory=set)
    # Of the workflows as listed now, kept once they are read.
    hashes: dict[int, str] = field(default_factory=dict)
    # How far the scans of what is known have come, until it is kept.
    cursors: dict[WatermarkName, Mapping[str, str]] = field(default_factory=dict)

    def done(self) -> Extracted:
        """What later steps ask of it. A workflow of which something stays unknown is as unread as one that could not be read."""
        accepted = (number for number, mark in self.hashes.items() if mark.endswith(ACCEPTED))
        unread = self.unread_processes.union(accepted)
        return Extracted(self.schema, frozenset(self.unlisted), self.unfound, frozenset(unread))


async def read_schema(reading: Extraction) -> None:
    """Read the workspace types with their attributes, roles and document types, and store them for the following runs.

    Parts that cannot be read keep their last known state, and the next run reads them again. Raises EcmError if no earlier run read
    them.
    """
    run = reading.run
    with run.ledger.read() as connection:
        before = snapshot.read(watermarks.watermark(connection, WatermarkName.SCHEMA).data)
    try:
        found = await run.extractor.types()
    except CallFailed as error:
        if not before:
            raise
        reading.schema, reading.incomplete = before, True
        run.gap([gap_of(error)])
        return
    reading.schema = _completed(reading, found, {t.name: t for t in before})
    with run.ledger.write() as connection:
        observations.record(connection, (d for t in reading.schema for d in t.documents), run.as_of, run.id)
        watermarks.set_watermark(
            connection, WatermarkName.SCHEMA, Watermark(at=run.as_of, data=snapshot.written(reading.schema))
        )


def _completed(
    reading: Extraction, found: Sequence[f.WorkspaceType], before: Mapping[str, f.WorkspaceType]
) -> list[f.WorkspaceType]:
    """The types as read, completed with the last known state of the parts that could not be read."""
    run = reading.run
    out: list[f.WorkspaceType] = []
    for type in found:
        gaps, known = run.extractor.schema_gaps.get(type.name, ()), before.get(type.name)
        run.gap(gaps)
        reading.incomplete = reading.incomplete or bool(gaps)
        if gaps and known is not None:
            parts = ("attributes", "roles", "documents")
            type = replace(type, **{p: getattr(type, p) or getattr(known, p) for p in parts})
        out.append(type)
    if odd := run.extractor.odd_types:
        run.gap(odd)
        reading.incomplete = True
        listed = {type.name for type in found}
        out += [type for name, type in before.items() if name not in listed]  # it may be one of these
    return out


def known_schema(reading: Extraction) -> None:
    """Use the types that an earlier run read."""
    run = reading.run
    with run.ledger.read() as connection:
        reading.schema = snapshot.read(watermarks.watermark(connection, WatermarkName.SCHEMA).data)


def full_scan_due(reading: Extraction) -> bool:
    """Whether this run lists everything: the first run, then one every `rescan_every`, and one when rules use more parts than
    before.
    """
    run = reading.run
    with run.ledger.read() as connection:
        mark = watermarks.watermark(connection, WatermarkName.SCAN)
    parts = scanned_parts(run.needs)
    reading.reread = mark.at is not None and covered(Scan.of(mark.data).parts, parts) != parts
    return mark.at is None or reading.reread or run.as_of - mark.at >= run.site.rescan_every


def reads_everything(reading: Extraction) -> bool:
    """Whether this run reads every workspace: the first one, and one whose rules use more parts than before."""
    with reading.run.ledger.read() as connection:
        return reading.reread or watermarks.watermark(connection, WatermarkName.SCAN).at is None


async def changed_pages(reading: Extraction, full: bool) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
    """Pages of the workspaces that must be read, newest first, for each type that rules are about."""
    run = reading.run
    wanted = types_of(run.rules)
    parts = {} if full else list_parts.of(run)
    everything: dict[str, set[int]] = {}
    for type in (t for t in reading.schema if t.name in wanted):
        listed = everything[type.name] = set()
        async for rows in _changed_of(reading, type, full, listed, parts.get(type.name)):
            yield rows
    reading.incomplete = reading.incomplete or bool(reading.unlisted)
    if full and not reading.incomplete:
        await _mark_deleted(reading, everything)
        _keep_parts(run, run.as_of, scanned_parts(run.needs))
    elif not full:
        parts_narrowed(run)


async def _changed_of(
    reading: Extraction, type: f.WorkspaceType, full: bool, listed: set[int], part: int | None
) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
    """The pages of one type; `listed` collects their ids. The watermark moves when the list was read to its end.

    `part`: only so many pages, of a list that is read in parts.
    """
    run = reading.run
    with run.ledger.read() as connection:
        mark = watermarks.watermark(connection, list_of(type.name))
        evaluated = watermarks.evaluated(connection)
    newest = mark.at
    # A node whose clock is behind may date a later change before an earlier one of another node.
    since = None if full or mark.at is None else mark.at - clocks.below(evaluated, run)
    pages = run.extractor.changed(type, since) if part is None else list_parts.rows(run, type, part, since)
    try:
        async for rows in pages:
            dates = [r.modified for r in rows if not r.odd and r.modified <= run.as_of + AHEAD]
            newest = max(filter(None, (*dates, newest)), default=None)
            listed |= {r.id for r in rows}
            fresh = _unknown(reading, rows)
            # Rows that the ledger already has in this state need not be read.
            run.counters.reached += len(rows) - len(fresh)
            if fresh:
                yield fresh
    except CallFailed as error:
        # A list of which this user may see nothing counts what is in it all the same: a person may say that this is right.
        if not (reading.accept_fewer and isinstance(error, IncompleteList)):
            run.counters.wanted += max(run.extractor.listed(type.name), len(listed)) if full else len(listed)
            # The other lists continue. The watermark of this one stays, so that the next run lists it from there.
            reading.unlisted.add(type.name)
            run.gap([replace(gap_of(error), error=f"the list of {type.name}: {error.message}")])
            return
    run.counters.wanted += run.extractor.listed(type.name) if full else len(listed)
    if odd := run.extractor.odd_rows(type.name):
        said = f"the list of {type.name}: rows without an id: {odd}"
        run.gap([Gap("/v2/businessworkspaces", said)])
    if part is not None:
        return
    at = None if newest is None else clocks.not_ahead(newest, run)
    count = len(listed) if full else Listed.of(mark.data).workspaces
    with run.ledger.write() as connection:
        watermarks.set_watermark(connection, list_of(type.name), Watermark(at=at, data=Listed(count).plain()))


def parts_narrowed(run: Run) -> None:
    """Record that no rule uses a part any more, so that it is no longer read: when a rule uses it again, it is read completely."""
    with run.ledger.read() as connection:
        mark = watermarks.watermark(connection, WatermarkName.SCAN)
    before = Scan.of(mark.data).parts
    still = covered(before, scanned_parts(run.needs))
    if mark.at is not None and still != before:
        _keep_parts(run, mark.at, still)


def _keep_parts(run: Run, at: datetime, parts: Collection[str]) -> None:
    with run.ledger.write() as connection:
        watermarks.set_watermark(
            connection, WatermarkName.SCAN, Watermark(at=at, data=Scan(frozenset(parts)).plain())
        )


def expected(run: Run) -> int:
    """How many workspaces the last complete lists had in total; 0 if there never was one."""
    with run.ledger.read() as connection:
        marks = [watermarks.watermark(connection, list_of(type)) for type in types_of(run.rules)]
    return sum(Listed.of(m.data).workspaces or 0 for m in marks)


def _unknown(reading: Extraction, rows: Sequence[ListedWorkspace]) -> tuple[ListedWorkspace, ...]:
    """The rows that the ledger does not have in this state: new, modified since, partly read, or read too close to a change."""
    run = reading.run
    if reading.reread:
        return tuple(rows)
    with run.ledger.read() as connection:
        known = observations.seen(connection, "workspace", [str(r.id) for r in rows])
        grace = GRACE + clocks.lag(watermarks.evaluated(connection), run)
    out = []
    for r in rows:
        found = known.get(str(r.id))
        if (
            found is None
            or not isinstance(found[0], f.Workspace)
            or found[0].modified != r.modified
            or found[0].unread
            or found[1] - r.modified < grace
        ):
            out.append(r)
    return tuple(out)


async def _mark_deleted(reading: Extraction, listed: Mapping[str, Collection[int]]) -> None:
    """Workspaces that are missing from complete lists, one for each type, and from a lookup by id, are deleted."""
    run = reading.run
    anywhere = set().union(*listed.values())
    with run.ledger.read() as connection:
        unlisted = [w for w in observations.known_workspaces(connection) if w not in anywhere]
        found = observations.current(connection, unlisted, ("workspace",))
        lacking = [w for w in found if isinstance(w, f.Workspace) and w.type in listed]
    for type, ids in listed.items():
        mine = sum(w.type == type for w in lacking)
        guards.believe(reading.accept_fewer, f"the list of {type}", mine, mine + len(ids))
    gone, gaps = await run.extractor.gone([w.id for w in lacking])
    _note(run, gaps)
    with run.ledger.write() as connection:
        observations.record(connection, (), run.as_of, run.id, [("workspace", str(w)) for w in gone])
        behind.was_read(connection, gone)
        short_lists.keep(connection, gone, {}, run.as_of)
    run.counters.numbers[Number.GONE] += len(gone)


async def read_page(run: Run, rows: Sequence[ListedWorkspace], located: Located | None = None) -> None:
    """Read some workspaces with their parts, and record them. `located` is what the search found in them; else the ledger tells."""
    types = {r.id: r.type for r in rows}
    if run.extractor.given_up:
        _note(run, [Gap("/v2/nodes/list", NOT_ASKED, tuple(types), asked=False)], types)
        return
    with run.ledger.read() as connection:
        complete = watermarks.evaluated(connection).complete
        earlier = behind.since(connection, types)
    since = complete or run.as_of
    since = since if earlier is None else min(since, earlier)
    documents = _documents(run, types)
    # Where the search is not followed, lists show what nothing else does.
    if located is None and run.client.dialect.search is not None and run.needs.documents:
        located = _located(run, types, documents)
    typed = documents if _types_were_read(run) else {}
    batch = await run.extractor.read_workspaces(rows, clocks.audit_from(since), typed, located)
    record(run, replace(batch, gaps=(*batch.gaps, *await _short_lists(run, batch))), types)


def _documents(run: Run, workspaces: Iterable[int]) -> dict[int, f.Document]:
    """The known documents of some workspaces."""
    with run.ledger.read() as connection:
        found = observations.current(connection, sorted(workspaces), ("document",))
        return {d.id: d for d in found if isinstance(d, f.Document)}


def _located(run: Run, workspaces: Collection[int], documents: Mapping[int, f.Document]) -> Located:
    """What the ledger knows to lie in some workspaces: of these, only containers that count otherwise are listed."""
    inside: dict[int, list[int]] = {}
    for document in documents.values():
        inside.setdefault(document.workspace, []).append(document.id)
    with run.ledger.read() as connection:
        return Located(inside, folders.of(connection, workspaces))


def _types_were_read(run: Run) -> bool:
    """Whether the types of known documents were read: in ledgers of earlier versions they were not."""
    with run.ledger.read() as connection:
        scan = watermarks.watermark(connection, WatermarkName.SCAN)
    return scan.at is None or "types" in Scan.of(scan.data).parts


async def _short_lists(run: Run, batch: FactBatch) -> list[Gap]:
    """Gaps for workspaces whose lists lack a known document that exists by its own id: what else they lack is unknown."""
    if not run.needs.documents:
        return []
    read = [x for x in batch.facts if isinstance(x, f.Workspace) and "documents" not in x.unread]
    listed = {x.id for x in batch.facts if isinstance(x, f.Document)}
    known = _documents(run, [w.id for w in read])
    lacking = {d.id: d.workspace for d in known.values() if d.id not in listed}
    if not lacking:
        return []
    found = await run.extractor.housed(lacking)
    short = Counter(lacking[document] for document in found.there)
    return [_placed(gap, lacking) for gap in found.gaps] + [
        Gap(f"/v2/nodes/{w}/nodes", f"the list lacks {counted(n, 'known document that is', 'known documents that are')} there", (w,))
        for w, n in short.items()
    ]  # fmt: skip


def _note(run: Run, gaps: Sequence[Gap], types: Mapping[int, str] | None = None) -> None:
    """Record gaps: the affected workspaces are behind until they are read. `types` has the types of new ones."""
    why = {w: g.why for g in gaps for w in g.workspaces if g.path not in LASTING}
    run.gap(gaps)
    if not why:
        return
    with run.ledger.write() as connection:
        known = observations.current(connection, sorted(why), ("workspace",))
        named = {w.id: w.type for w in known if isinstance(w, f.Workspace)}
        named = dict(types or {}) | named
        behind.not_read(connection, {w: said for w, said in why.items() if w in named}, named, run.as_of)


def record(run: Run, batch: FactBatch, workspaces: Mapping[int, str] | None = None) -> None:
    """Store a batch. Documents that a workspace no longer lists are recorded as deleted.

    `workspaces` are those that were read completely, with their types.
    """
    batch = missing_roles.doubted(run, batch)
    workspaces = workspaces or {}
    unread = {w for g in batch.gaps for w in g.workspaces if g.path not in LASTING}
    read = {x.id: x for x in batch.facts if isinstance(x, f.Workspace)}
    listed = {x.id for x in batch.facts if isinstance(x, f.Document)}
    whole = [w for w in workspaces if w in read and w not in unread and "documents" not in read[w].unread]
    whole = whole if run.needs.documents else []  # a document that was not read is not deleted
    _come_back(run, read)
    with run.ledger.write() as connection:
        gone: list[tuple[str, str]] = [(g.kind, g.key) for g in batch.gone if g.kind != "process"]
        gone += [
            ("step", s)
            for g in batch.gone
            if g.kind == "process"
            for s in observations.steps_of(connection, g.key)
        ]
        if whole:
            before = observations.current(connection, whole, ("document",))
            gone += [
                ("document", str(d.id)) for d in before if isinstance(d, f.Document) and d.id not in listed
            ]
        stored = observations.record(connection, batch.facts, run.as_of, run.id, gone)
        deleted = {int(g.key) for g in batch.gone if g.kind == "workspace"}
        short_lists.keep(connection, {*whole, *deleted}, batch.lacking, run.as_of)
        folders.keep(connection, {*whole, *deleted}, _known_folders(batch))
        behind.was_read(connection, {w for w in workspaces if w not in unread} | deleted)
    if missing := sum(isinstance(x, f.MissingDocuments) for x in batch.facts):
        run.counters.numbers[Number.MISSING_LISTS] += missing
    _note(run, batch.gaps, workspaces)
    run.counters.numbers[Number.WORKSPACES_READ] += len(read)
    run.counters.reached += len(read)
    run.counters.numbers[Number.OBSERVATIONS] += stored.new


def _known_folders(batch: FactBatch) -> dict[int, list[KnownFolder]]:
    return {
        workspace: [KnownFolder(one.id, workspace, one.items, one.modified) for one in inside]
        for workspace, inside in batch.folders.items()
    }


def _come_back(run: Run, read: Mapping[int, f.Workspace]) -> None:
    """Workspaces that were missing and are read again are evaluated from the last run that had them: what became due meanwhile is
    owed.
    """
    with run.ledger.read() as connection:
        back = observations.gone_since(connection, read)
    if not back:
        return
    with run.ledger.write() as connection:
        now, looks = behind.marks(connection), runs.instants(connection, "watch", max(back.values()))
        for workspace, at in back.items():
            last = max((t for t in looks if t < at), default=now.complete)
            given = replace(now, after=last, complete=last)
            behind.hold(connection, {workspace: BACK}, {workspace: read[workspace].type}, given, run.as_of)


def deleted_slices(reading: Extraction) -> list[Sequence[observations.DeletedItem]]:
    """Missing items that may exist again, in one request or two: no list shows that a right was granted again, or a node restored.

    Each run checks the latest missing ones, and all others in turns.
    """
    run = reading.run
    if run.extractor.given_up:
        return []
    with run.ledger.read() as connection:
        latest = observations.deleted_items(connection, NODES_A_REQUEST)
        if len(latest) < NODES_A_REQUEST:
            return [latest] if latest else []
        cursor = scan_cursors.next_cursor(connection, WatermarkName.GONE, "below", run.as_of)
        below = min(int(cursor["below"] or latest[-1].seq), latest[-1].seq)
        others = observations.deleted_items(connection, NODES_A_REQUEST, below)
    cursor["below"] = str(others[-1].seq) if len(others) == NODES_A_REQUEST else ""
    reading.cursors[WatermarkName.GONE] = cursor
    return [latest, others] if others else [latest]


async def existing_again(run: Run, some: Sequence[observations.DeletedItem]) -> list[ListedWorkspace]:
    """The workspaces to read because they, or documents of them, exist again."""
    by_node = {int(b.subject): b for b in some}
    places = {node: b.workspace for node, b in by_node.items()}
    found = await run.extractor.housed(places)
    _note(run, [_placed(gap, places) for gap in found.gaps])
    back = [by_node[node] for node in found.there]
    whole = [ListedWorkspace(b.workspace, "", NEVER, b.type) for b in back if b.kind == "workspace"]
    run.counters.numbers[Number.THERE_AGAIN] += len(back)
    return whole + rows_of(run, {b.workspace for b in back if b.kind == "document"})


def _placed(gap: Gap, workspace_of: Mapping[int, int]) -> Gap:
    """A gap of nodes as a gap of their workspaces."""
    return replace(gap, workspaces=tuple(dict.fromkeys(workspace_of[i] for i in gap.workspaces)))


@dataclass(frozen=True, slots=True)
class NodeSlice:
    """Known nodes to verify in one request or a few: their stamps, and the workspace of each."""

    stamps: dict[int, Stamp]
    workspace_of: dict[int, int]


def verify_slices(reading: Extraction, just_read: Collection[int] = ()) -> list[NodeSlice]:
    """The next slice of the scan of all known items, without the workspaces that were just read.

    A small estate is scanned completely in each run, a large one over as many runs as the budget requires.
    """
    run = reading.run
    # Half of the budget each: neither documents nor workspaces may starve the others.
    share = budget(run).nodes * NODES_A_REQUEST // 2
    if run.extractor.given_up:
        return []
    with run.ledger.read() as connection:
        owed = {w for w, b in behind.every(connection).items() if b.unread}
        cursor = scan_cursors.next_cursor(connection, WatermarkName.NODES, "workspace", run.as_of)
        found: list[f.Workspace | f.Document] = []
        for kind in ("workspace", "document"):
            some = observations.bodies(connection, kind, cursor.get(kind, ""), share)
            cursor[kind] = some[-1][0] if len(some) == share else ""
            found += [fact for _, fact in some if isinstance(fact, f.Workspace | f.Document)]
    reading.cursors[WatermarkName.NODES] = cursor
    # Unread items have no stamps to compare: they are read again anyway.
    skipped = owed.union(just_read)
    apart = run.extractor.values_apart
    todo = [_stamped(one, values=not apart) for one in found]
    todo = [one for one in todo if one[1] not in skipped]
    slices = [_slice(some) for some in chunks(todo, NODES_A_REQUEST)] + _folder_slices(reading, skipped)
    return slices + (_value_slices(reading, skipped) if apart else [])


def _value_slices(reading: Extraction, skipped: Collection[int]) -> list[NodeSlice]:
    """The next slice of the scan of the values of all known workspaces, where that takes a request for each of them.

    Nobody knows whether a changed value moves the modify date of its workspace: what has changed is shown by the value alone.
    """
    run, most = reading.run, room(reading.run, VALUES)
    with run.ledger.read() as connection:
        cursor = scan_cursors.next_cursor(connection, WatermarkName.VALUES, "workspace", run.as_of)
        some = observations.bodies(connection, "workspace", cursor["workspace"], most)
    cursor["workspace"] = some[-1][0] if len(some) == most else ""
    reading.cursors[WatermarkName.VALUES] = cursor
    todo = [_stamped(w) for _, w in some if isinstance(w, f.Workspace) and w.values and w.id not in skipped]
    return [_slice(part) for part in chunks(todo, NODES_A_REQUEST)]


def _folder_slices(reading: Extraction, skipped: Collection[int]) -> list[NodeSlice]:
    """The next slice of the scan of all known folders: a new document deep in a workspace moves its folder's date, and no other."""
    run, most = reading.run, budget(reading.run).folders
    with run.ledger.read() as connection:
        cursor = scan_cursors.next_cursor(connection, WatermarkName.FOLDERS, "folder", run.as_of)
        found = folders.after(connection, int(cursor["folder"] or 0), most)
    cursor["folder"] = str(found[-1].id) if len(found) == most else ""
    reading.cursors[WatermarkName.FOLDERS] = cursor
    todo = [one for one in map(_stamped, found) if one[1] not in skipped]
    return [_slice(some) for some in chunks(todo, NODES_A_REQUEST)]


def _stamped(one: f.Workspace | f.Document | KnownFolder, values: bool = True) -> tuple[int, int, Stamp]:
    """A known node: its id, its workspace, and its stamp, with or without the digest of its values."""
    match one:
        case f.Workspace():
            return one.id, one.id, Stamp(one.modified, one.size, one.values if values else "")
        case f.Document():
            return one.id, one.workspace, Stamp(one.modified, one.version, one.values if values else "")
        case KnownFolder():
            return one.id, one.workspace, Stamp(one.modified, one.items)


def _slice(nodes: Iterable[tuple[int, int, Stamp]]) -> NodeSlice:
    some = list(nodes)
    return NodeSlice({id: stamp for id, _, stamp in some}, {id: workspace for id, workspace, _ in some})


async def verify(reading: Extraction, part: NodeSlice) -> set[int]:
    """The workspaces of a slice that differ from the ledger."""
    run = reading.run
    verified = await run.extractor.verify(part.stamps)
    run.gap([_placed(gap, part.workspace_of) for gap in verified.gaps])
    if verified.gaps:
        for name in (WatermarkName.NODES, WatermarkName.FOLDERS, WatermarkName.VALUES):
            reading.cursors.pop(name, None)  # what was not looked at is looked at by the next run
    run.counters.verified += sum(part.workspace_of[i] == i for i in part.stamps)
    run.counters.missing += sum(part.workspace_of[i] == i for i in verified.gone)
    return {part.workspace_of[i] for i in (*verified.changed, *verified.gone)}


def keep_cursors(reading: Extraction) -> None:
    """Save the cursors of the scans: the next run continues there.

    If lists of missing documents exist again after they did not, the next run reads those of all workspaces.
    """
    run = reading.run
    with run.ledger.write() as connection:
        scan_cursors.keep(connection, reading.cursors, run.as_of)
        before, scan = (
            watermarks.watermark(connection, WatermarkName.ABSENCE),
            watermarks.watermark(connection, WatermarkName.SCAN),
        )
        if any(g.path == ABSENT for g in run.counters.gaps):
            watermarks.set_watermark(connection, WatermarkName.ABSENCE, Watermark(at=run.as_of))
        elif before.at is not None and run.counters.numbers[Number.MISSING_LISTS]:
            watermarks.set_watermark(connection, WatermarkName.ABSENCE, Watermark())
            parts = {p for p in Scan.of(scan.data).parts if p.partition(":")[0] != "missing"}
            watermarks.set_watermark(
                connection, WatermarkName.SCAN, Watermark(at=scan.at, data=Scan(frozenset(parts)).plain())
            )


def believe_verified(reading: Extraction) -> None:
    """Continue if the results of all slices are plausible. Raises TooManyMissing if too many workspaces are missing."""
    run = reading.run
    guards.believe(
        reading.accept_fewer, "known workspaces, looked up again", run.counters.missing, run.counters.verified
    )


def again(
    run: Run, changed: Collection[int], back: Iterable[ListedWorkspace], just_read: Collection[int]
) -> list[ListedWorkspace]:
    """The workspaces to read beside the listed ones: those found to have changed, those that came `back`, those that earlier runs
    could not read, and some whose lists are incomplete.
    """
    with run.ledger.read() as connection:
        short = short_lists.due(connection, max(1, run.site.verify_requests // SHORT_COST))
    wanted = {*changed, *short} | (_probe(run) if not just_read else set())
    rows = (*back, *owed_rows(run, just_read), *rows_of(run, wanted - set(just_read)))
    return list({r.id: r for r in rows if r.id not in just_read}.values())


def _probe(run: Run) -> set[int]:
    """A workspace with which to check whether Extended ECM has lists of missing documents by now, if it had none before."""
    with run.ledger.read() as connection:
        if not run.needs.missing or watermarks.watermark(connection, WatermarkName.ABSENCE).at is None:
            return set()
        some = observations.bodies(connection, "workspace", "", 1)
    return {w.id for _, w in some if isinstance(w, f.Workspace)}


def owed_rows(run: Run, just_read: Collection[int]) -> list[ListedWorkspace]:
    """The workspaces that earlier runs could not read completely, as rows, without those just read.

    Repeated failures are read in turns, as many in each run as there are lookups of known items.
    """
    with run.ledger.read() as connection:
        due = behind.unread(connection, AGAIN, run.site.verify_requests)
    return [ListedWorkspace(b.workspace, "", NEVER, b.type) for b in due if b.workspace not in just_read]


def rows_of(run: Run, workspaces: Iterable[int]) -> list[ListedWorkspace]:
    """Known workspaces as rows, to be read again."""
    with run.ledger.read() as connection:
        known = observations.current(connection, sorted(workspaces), ("workspace",))
        return [
            ListedWorkspace(w.id, w.name, w.modified, w.type) for w in known if isinstance(w, f.Workspace)
        ]


async def changed_processes(reading: Extraction) -> list[int]:
    """The workflows that began, changed or ended since the last run, and the next slice of all active ones.

    Their new hashes are saved after they are read. The slice has as many as there are lookups of known items in a run: a step that was
    assigned and completed while another one stayed open appears in no list. A server that lists all workflows that ever ended costs no
    call for each of them at once: see `_some_old`.
    """
    run = reading.run
    with run.ledger.read() as connection:
        mark = watermarks.watermark(connection, WatermarkName.PROCESSES)
        evaluated = watermarks.evaluated(connection)
    known = {int(k): v for k, v in mark.data.get("hashes", {}).items()}
    # The first run also reads workflows that had ended before, so that the next run knows that they are not new.
    since = mark.at - clocks.below(evaluated, run) if mark.at else clocks.audit_from(run.as_of)
    found = await run.extractor.processes(since, known)
    run.gap(found.gaps)
    reading.unfound = bool(found.gaps)
    reading.hashes = dict(found.hashes)
    most = room(run, WORKFLOWS)
    old = _some_old(reading, found.old, max(1, most // 2))
    changed = {*found.read, *found.vanished, *old}
    run.counters.numbers[Number.WORKFLOWS_CHANGED] += len(changed)
    active = [p for p in found.active if p not in changed]
    return sorted(changed | set(_next_active(reading, active, max(0, most - len(old)))))


def _some_old(reading: Extraction, old: Sequence[int], most: int) -> Sequence[int]:
    """Some of the workflows that may have ended long ago: `most` in a run, the others wait for the following runs.

    Before anything was evaluated nothing that has ended is news (decision 0019): there the others count as known without a call.
    """
    some, others = old[:most], old[most:]
    if not others:
        return some
    with reading.run.ledger.read() as connection:
        marks = [
            watermarks.watermark(connection, name).at
            for name in (WatermarkName.EVALUATED, WatermarkName.PROCESSES)
        ]
    first = marks == [None, None]
    if not first:
        waiting = set(others)
        reading.hashes = {number: mark for number, mark in reading.hashes.items() if number not in waiting}
    log.info(
        "run %d: %s that began long before are listed as ended and were not known: %d are read, %d %s",
        reading.run.id,
        counted(len(old), "workflow"),
        len(some),
        len(others),
        "had ended before the first run: nothing is told of them" if first else "wait for the next runs",
    )
    return some


def _next_active(reading: Extraction, active: Iterable[int], most: int) -> list[int]:
    run = reading.run
    with run.ledger.read() as connection:
        cursor = scan_cursors.next_cursor(connection, WatermarkName.WORKFLOWS, "process", run.as_of)
    ahead = sorted(p for p in active if p > int(cursor.get("process") or 0))
    some = ahead[:most]
    cursor["process"] = str(some[-1]) if len(ahead) > len(some) else ""
    reading.cursors[WatermarkName.WORKFLOWS] = cursor
    return some


async def read_processes(reading: Extraction, ids: Sequence[int]) -> None:
    """Read some workflows, step by step, and record them."""
    run = reading.run
    with run.ledger.read() as connection:
        known = observations.workspaces_of_processes(connection, ids)
    if run.extractor.given_up:
        reading.unread_processes |= set(ids)
        places = tuple(sorted(set(known.values())))
        _note(run, [Gap("/v2/workflows/status/processes", NOT_ASKED, places, asked=False)])
        return
    batch = await run.extractor.read_processes(ids, known)
    record(run, batch)
    reading.unread_processes |= set(batch.unread)
    for number in reading.hashes.keys() & set(ids):
        reading.hashes[number] = noted(reading.hashes[number], number in batch.accepted)
    if batch.accepted:
        run.counters.numbers[Number.PARTLY_KNOWN] += len(batch.accepted)
    for number, why in sorted(batch.accepted.items()):
        log.warning("run %d: workflow %d is not wholly known: %s", run.id, number, why)


def processes_done(reading: Extraction) -> None:
    """Every changed workflow is recorded: the next run compares with the present list.

    A workflow that could not be read is stored with a hash that no row has, so that it is read again, whether it has ended or not.
    """
    run = reading.run
    hashes = {str(k): v for k, v in reading.hashes.items()} | {
        str(k): UNREAD for k in reading.unread_processes
    }
    with run.ledger.write() as connection:
        # Where the list could not be had, what ended since the last one that could is still to be listed.
        at = (
            watermarks.watermark(connection, WatermarkName.PROCESSES).at if reading.unfound else None
        ) or run.as_of
        watermarks.set_watermark(
            connection, WatermarkName.PROCESSES, Watermark(at=at, data={"hashes": hashes})
        )


def room(run: Run, share: int) -> int:
    """How many requests a scan of this run may make."""
    return budget(run).room(run.client.requests, share)


def budget(run: Run) -> Budget:
    """The limits of this run."""
    return Budget(run.site.verify_requests, run.client.dialect.search is not None)


def role_slices(reading: Extraction, just_read: Collection[int]) -> list[list[int]]:
    """The workspaces whose roles to read again, if rules use roles: a role change changes no date that a list shows.

    One request for each workspace, within the same budget as the lookups of known items.
    """
    run = reading.run
    return _next_slices(
        reading, WatermarkName.ROLES, types_with_roles(run.rules), just_read, room(run, ROLES)
    )


def related_slices(reading: Extraction, just_read: Collection[int]) -> list[list[int]]:
    """The workspaces whose relations to read again, if rules use related ones: as for roles, with two requests each."""
    run = reading.run
    return _next_slices(reading, WatermarkName.RELATIONS, run.needs.related, just_read, room(run, RELATED))


def _next_slices(
    reading: Extraction, name: WatermarkName, types: Collection[str], just_read: Collection[int], budget: int
) -> list[list[int]]:
    """The next `budget` workspaces of a scan of all known ones, of some types, without those just read."""
    run = reading.run
    if not types or run.extractor.given_up:
        return []
    with run.ledger.read() as connection:
        cursor = scan_cursors.next_cursor(connection, name, "workspace", run.as_of)
        some = observations.bodies(connection, "workspace", cursor["workspace"], budget)
    cursor["workspace"] = some[-1][0] if len(some) == budget else ""
    reading.cursors[name] = cursor
    due = [w.id for _, w in some if isinstance(w, f.Workspace) and w.type in types and w.id not in just_read]
    return list(chunks(due, NODES_A_REQUEST))


async def read_roles(run: Run, workspaces: Sequence[int]) -> None:
    """Read the roles of some workspaces, and record them."""
    record(run, await run.extractor.audience(workspaces, ()))


async def read_related(run: Run, workspaces: Sequence[int]) -> None:
    """Read the relations of some workspaces, and record them."""
    record(run, await run.extractor.related(workspaces))

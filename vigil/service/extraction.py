"""Reading what changed, page by page, into the ledger.

A page is recorded before the next is asked for, and watermarks move when everything before them is in: killed anywhere, the
next run goes on, and reads again only what it cannot prove to be in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vigil.compliance import facts as f
from vigil.ecm.errors import CallFailed, Incomplete
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import ABSENT, NEVER, Batch, Gap, Row, Stamp
from vigil.ledger import behind, evaluations, observations, rounds, runs, short_lists
from vigil.ledger.engine import chunks
from vigil.ledger.evaluations import Mark
from vigil.ledger.watermarks import Listed, Scan, WatermarkName, list_of
from vigil.service import bare, clocks, guards, snapshot
from vigil.service.needs import parts_of, types_of, types_with_roles
from vigil.service.run import Number, Run
from vigil.wording import counted

GRACE = timedelta(seconds=5)
"""ECM's dates are whole seconds: what was modified this shortly before it was read, by its clock, may have changed again."""

NODES_A_REQUEST = 250

AHEAD = timedelta(days=1)
"""A date further ahead than any clock is one that somebody made up: lists do not go on from there."""

"""The name of the position that says since when this server has no lists of missing documents."""

AGAIN = 3
"""So often in a row what could not be read is read again by every run; what fails more often waits for its turn."""

BACK = "it was gone, and is there again"

SHORT_COST = 4
"""Calls, about, that it takes to read a workspace again."""

NOT_ASKED = "not asked: Extended ECM does not answer"


async def read_schema(run: Run) -> None:
    """Read the workspace types with their attributes, roles and document types, and keep them for the runs until the next time.

    What cannot be read of them stays as an earlier run read it, and the next run reads them again. Raises EcmError where no earlier
    run did.
    """
    with run.ledger.read() as connection:
        before = snapshot.read(evaluations.position(connection, WatermarkName.SCHEMA).data)
    try:
        found = await run.extractor.types()
    except CallFailed as error:
        if not before:
            raise
        run.schema, run.partial = before, True
        run.gap([gap_of(error)])
        return
    run.schema = _completed(run, found, {t.name: t for t in before})
    with run.ledger.write() as connection:
        observations.record(connection, (d for t in run.schema for d in t.documents), run.as_of, run.id)
        evaluations.set_position(
            connection, WatermarkName.SCHEMA, Mark(at=run.as_of, data=snapshot.written(run.schema))
        )


def _completed(
    run: Run, found: Sequence[f.WorkspaceType], before: Mapping[str, f.WorkspaceType]
) -> list[f.WorkspaceType]:
    """The types as they were read, with what could not be read of them as an earlier run read it."""
    out: list[f.WorkspaceType] = []
    for type in found:
        gaps, known = run.extractor.schema_gaps.get(type.name, ()), before.get(type.name)
        run.gap(gaps)
        run.partial = run.partial or bool(gaps)
        if gaps and known is not None:
            parts = ("attributes", "roles", "documents")
            type = replace(type, **{p: getattr(type, p) or getattr(known, p) for p in parts})
        out.append(type)
    return out


def known_schema(run: Run) -> None:
    """Take the types as an earlier run read them."""
    with run.ledger.read() as connection:
        run.schema = snapshot.read(evaluations.position(connection, WatermarkName.SCHEMA).data)


def full_scan_due(run: Run) -> bool:
    """Whether this run lists everything: the first one, then one each `rescan_every`, and when rules look at more than before."""
    with run.ledger.read() as connection:
        mark = evaluations.position(connection, WatermarkName.SCAN)
    run.reread = mark.at is not None and bool(parts_of(run.needs) - Scan.of(mark.data).parts)
    return mark.at is None or run.reread or run.as_of - mark.at >= run.site.rescan_every


async def changed_pages(run: Run, full: bool) -> AsyncIterator[tuple[Row, ...]]:
    """Pages of the workspaces that have to be read, newest first, for each type that rules are about."""
    wanted = types_of(run.rules)
    everything: dict[str, set[int]] = {}
    for type in (t for t in run.schema if t.name in wanted):
        listed = everything[type.name] = set()
        async for rows in _changed_of(run, type, full, listed):
            yield rows
    run.partial = run.partial or bool(run.unlisted)
    if full and not run.partial:
        await _bury_unlisted(run, everything)
        _keep_parts(run, run.as_of, parts_of(run.needs))
    elif not full:
        parts_narrowed(run)


async def _changed_of(
    run: Run, type: f.WorkspaceType, full: bool, listed: set[int]
) -> AsyncIterator[tuple[Row, ...]]:
    """The pages of one type, whose ids `listed` takes up. When its list is read to its end, its position moves."""
    with run.ledger.read() as connection:
        mark = evaluations.position(connection, list_of(type.name))
        evaluated = evaluations.evaluated(connection)
    newest = mark.at
    # A node whose clock is behind dates a later change below what another one wrote before.
    since = None if full or mark.at is None else mark.at - clocks.below(evaluated, run)
    try:
        async for rows in run.extractor.changed(type, since):
            dates = [r.modified for r in rows if not r.odd and r.modified <= run.as_of + AHEAD]
            newest = max(filter(None, (*dates, newest)), default=None)
            listed |= {r.id for r in rows}
            fresh = _unknown(run, rows)
            # What is known as it is need not be read.
            run.tally.reached += len(rows) - len(fresh)
            if fresh:
                yield fresh
    except CallFailed as error:
        # A list of which this user may see nothing counts what is in it all the same: a person may say that this is right.
        if not (run.accept_fewer and isinstance(error, Incomplete)):
            run.tally.wanted += max(run.extractor.listed(type.name), len(listed)) if full else len(listed)
            # The others' lists go on. Of this one the position stays, so that the next run lists it from there.
            run.unlisted.add(type.name)
            run.gap([replace(gap_of(error), error=f"the list of {type.name}: {error.message}")])
            return
    run.tally.wanted += run.extractor.listed(type.name) if full else len(listed)
    if odd := run.extractor.odd_rows(type.name):
        said = f"the list of {type.name}: rows without an id: {odd}"
        run.gap([Gap("/v2/businessworkspaces", said)])
    at = None if newest is None else clocks.not_ahead(newest, run)
    count = len(listed) if full else Listed.of(mark.data).workspaces
    with run.ledger.write() as connection:
        evaluations.set_position(connection, list_of(type.name), Mark(at=at, data=Listed(count).plain()))


def parts_narrowed(run: Run) -> None:
    """A part that no rule looks at any more is not read any more: when one does again, what was missed of it is read."""
    with run.ledger.read() as connection:
        mark = evaluations.position(connection, WatermarkName.SCAN)
    before = Scan.of(mark.data).parts
    if mark.at is not None and before - parts_of(run.needs):
        _keep_parts(run, mark.at, before & parts_of(run.needs))


def _keep_parts(run: Run, at: datetime, parts: Collection[str]) -> None:
    with run.ledger.write() as connection:
        evaluations.set_position(
            connection, WatermarkName.SCAN, Mark(at=at, data=Scan(frozenset(parts)).plain())
        )


def expected(run: Run) -> int:
    """How many workspaces the last complete lists had, in all; 0 when there never was one."""
    with run.ledger.read() as connection:
        marks = [evaluations.position(connection, list_of(type)) for type in types_of(run.rules)]
    return sum(Listed.of(m.data).workspaces or 0 for m in marks)


def _unknown(run: Run, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that the ledger does not hold as they are: new, modified since, half read, or read too close to a change."""
    if run.reread:
        return tuple(rows)
    with run.ledger.read() as connection:
        known = observations.seen(connection, "workspace", [str(r.id) for r in rows])
        grace = GRACE + clocks.lag(evaluations.evaluated(connection), run)
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


async def _bury_unlisted(run: Run, listed: Mapping[str, Collection[int]]) -> None:
    """Workspaces that complete lists, one a type, no longer have, and that are not there by their own id either, are gone."""
    anywhere = set().union(*listed.values())
    with run.ledger.read() as connection:
        unlisted = [w for w in observations.known_workspaces(connection) if w not in anywhere]
        found = observations.current(connection, unlisted, ("workspace",))
        lacking = [w for w in found if isinstance(w, f.Workspace) and w.type in listed]
    for type, ids in listed.items():
        mine = sum(w.type == type for w in lacking)
        guards.believe(run, f"the list of {type}", mine, mine + len(ids))
    gone, gaps = await run.extractor.gone([w.id for w in lacking])
    _note(run, gaps)
    with run.ledger.write() as connection:
        observations.record(connection, (), run.as_of, run.id, [("workspace", str(w)) for w in gone])
        behind.was_read(connection, gone)
        short_lists.keep(connection, gone, {}, run.as_of)
    run.tally.numbers[Number.GONE] += len(gone)


async def read_page(run: Run, rows: Sequence[Row]) -> None:
    """Read some workspaces with what belongs to them, and record it."""
    types = {r.id: r.type for r in rows}
    if run.extractor.given_up:
        _note(run, [Gap("/v2/nodes/list", NOT_ASKED, tuple(types), asked=False)], types)
        return
    with run.ledger.read() as connection:
        complete = evaluations.evaluated(connection).complete
        earlier = behind.since(connection, types)
    since = complete or run.as_of
    since = since if earlier is None else min(since, earlier)
    batch = await run.extractor.read_workspaces(rows, clocks.audit_from(since))
    record(run, replace(batch, gaps=(*batch.gaps, *await _short_lists(run, batch))), types)


async def _short_lists(run: Run, batch: Batch) -> list[Gap]:
    """Gaps for workspaces whose lists lack a known document that is there by its own id: what else they lack is not known."""
    if not run.needs.documents:
        return []
    read = [x for x in batch.facts if isinstance(x, f.Workspace) and "documents" not in x.unread]
    listed = {x.id for x in batch.facts if isinstance(x, f.Document)}
    with run.ledger.read() as connection:
        known = observations.current(connection, [w.id for w in read], ("document",))
        lacking = {d.id: d.workspace for d in known if isinstance(d, f.Document) and d.id not in listed}
    if not lacking:
        return []
    found = await run.extractor.housed(lacking)
    short = Counter(lacking[document] for document in found.there)
    return [_placed(gap, lacking) for gap in found.gaps] + [
        Gap(f"/v2/nodes/{w}/nodes", f"the list lacks {counted(n, 'known document that is', 'known documents that are')} there", (w,))
        for w, n in short.items()
    ]  # fmt: skip


def _note(run: Run, gaps: Sequence[Gap], types: Mapping[int, str] | None = None) -> None:
    """Note what could not be read: the workspaces that it concerns are behind until it is. `types` has those of new ones."""
    why = {w: g.why for g in gaps for w in g.workspaces if g.path != ABSENT}
    run.gap(gaps)
    if not why:
        return
    with run.ledger.write() as connection:
        known = observations.current(connection, sorted(why), ("workspace",))
        named = {w.id: w.type for w in known if isinstance(w, f.Workspace)}
        named = dict(types or {}) | named
        behind.not_read(connection, {w: said for w, said in why.items() if w in named}, named, run.as_of)


def record(run: Run, batch: Batch, workspaces: Mapping[int, str] | None = None) -> None:
    """Store a batch. Documents that a workspace had and no longer lists get a tombstone.

    `workspaces` are those that were asked for whole, with their types.
    """
    batch = bare.doubted(run, batch)
    workspaces = workspaces or {}
    unread = {w for g in batch.gaps for w in g.workspaces}
    read = {x.id: x for x in batch.facts if isinstance(x, f.Workspace)}
    listed = {x.id for x in batch.facts if isinstance(x, f.Document)}
    whole = [w for w in workspaces if w in read and w not in unread and "documents" not in read[w].unread]
    whole = whole if run.needs.documents else []  # what was not asked for is not gone
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
        buried = {int(g.key) for g in batch.gone if g.kind == "workspace"}
        short_lists.keep(connection, {*whole, *buried}, batch.lacking, run.as_of)
        behind.was_read(connection, {w for w in workspaces if w not in unread} | buried)
    if missing := sum(isinstance(x, f.MissingDocuments) for x in batch.facts):
        run.tally.numbers[Number.MISSING_LISTS] += missing
    _note(run, batch.gaps, workspaces)
    run.tally.numbers[Number.WORKSPACES_READ] += len(read)
    run.tally.reached += len(read)
    run.tally.numbers[Number.OBSERVATIONS] += stored.new


def _come_back(run: Run, read: Mapping[int, f.Workspace]) -> None:
    """Workspaces that were gone and are read again are judged from the last run on that had them: what fell due meanwhile is owed."""
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


def buried_slices(run: Run) -> list[Sequence[observations.Buried]]:
    """What is gone and may be there again, in one request or two: no list shows that a right was given back, or a node restored.

    The latest to go are in each run's look, all others in turns.
    """
    if run.extractor.given_up:
        return []
    with run.ledger.read() as connection:
        latest = observations.buried(connection, NODES_A_REQUEST)
        if len(latest) < NODES_A_REQUEST:
            return [latest] if latest else []
        cursor = rounds.come_to(connection, WatermarkName.GONE, "below", run.as_of)
        below = min(int(cursor["below"] or latest[-1].seq), latest[-1].seq)
        others = observations.buried(connection, NODES_A_REQUEST, below)
    cursor["below"] = str(others[-1].seq) if len(others) == NODES_A_REQUEST else ""
    run.rounds[WatermarkName.GONE] = cursor
    return [latest, others] if others else [latest]


async def unburied(run: Run, some: Sequence[observations.Buried]) -> list[Row]:
    """The workspaces to read because they, or documents of them, are there again."""
    by_node = {int(b.subject): b for b in some}
    places = {node: b.workspace for node, b in by_node.items()}
    found = await run.extractor.housed(places)
    _note(run, [_placed(gap, places) for gap in found.gaps])
    back = [by_node[node] for node in found.there]
    whole = [Row(b.workspace, "", NEVER, b.type) for b in back if b.kind == "workspace"]
    run.tally.numbers[Number.THERE_AGAIN] += len(back)
    return whole + rows_of(run, {b.workspace for b in back if b.kind == "document"})


def _placed(gap: Gap, workspace_of: Mapping[int, int]) -> Gap:
    """A gap of nodes as one of the workspaces that they belong to."""
    return replace(gap, workspaces=tuple(dict.fromkeys(workspace_of[i] for i in gap.workspaces)))


@dataclass(frozen=True, slots=True)
class Slice:
    """Known nodes to verify in one request or a few: their stamps, and the workspace that each belongs to."""

    stamps: dict[int, Stamp]
    workspace_of: dict[int, int]


def verify_slices(run: Run, just_read: Collection[int] = ()) -> list[Slice]:
    """The next slice of the walk over everything known, but for the workspaces that were just read.

    A small estate is walked whole in each run, a large one in so many runs as the budget makes of it.
    """
    budget = run.site.verify_requests * NODES_A_REQUEST
    if run.extractor.given_up:
        return []
    with run.ledger.read() as connection:
        owed = {w for w, b in behind.every(connection).items() if b.unread}
        cursor = rounds.come_to(connection, WatermarkName.NODES, "workspace", run.as_of)
        found: list[f.Workspace | f.Document] = []
        for kind in ("workspace", "document"):
            # Half of the budget each: documents must not starve workspaces, nor the other way round.
            some = observations.bodies(connection, kind, cursor.get(kind, ""), budget // 2)
            cursor[kind] = some[-1][0] if len(some) == budget // 2 else ""
            found += [fact for _, fact in some if isinstance(fact, f.Workspace | f.Document)]
    run.rounds[WatermarkName.NODES] = cursor
    # What could not be read has no stamps to compare: it is read again anyway.
    skipped = owed.union(just_read)
    todo = [x for x in found if (x.id if isinstance(x, f.Workspace) else x.workspace) not in skipped]
    return [_slice(some) for some in chunks(todo, NODES_A_REQUEST)]


def _slice(facts: Iterable[f.Workspace | f.Document]) -> Slice:
    stamps: dict[int, Stamp] = {}
    owner: dict[int, int] = {}
    for fact in facts:
        if isinstance(fact, f.Workspace):
            stamps[fact.id] = Stamp(fact.modified, fact.size)
            owner[fact.id] = fact.id
            owner |= dict.fromkeys((i for i, _ in fact.folders), fact.id)
            # Of a folder only its number of children is kept.
            stamps |= {i: Stamp(None, n) for i, n in fact.folders}
        elif isinstance(fact, f.Document):
            stamps[fact.id] = Stamp(fact.modified, fact.version)
            owner[fact.id] = fact.workspace
    return Slice(stamps, owner)


async def verify(run: Run, part: Slice) -> set[int]:
    """The workspaces of a slice in which something is not as the ledger has it."""
    verified = await run.extractor.verify(part.stamps)
    run.gap([_placed(gap, part.workspace_of) for gap in verified.gaps])
    if verified.gaps:
        run.rounds.pop(WatermarkName.NODES, None)  # what was not looked at is looked at by the next run
    run.tally.verified += sum(part.workspace_of[i] == i for i in part.stamps)
    run.tally.missing += sum(part.workspace_of[i] == i for i in verified.gone)
    return {part.workspace_of[i] for i in (*verified.changed, *verified.gone)}


def walked(run: Run) -> None:
    """What this run looked at again is in: the next run goes on from there.

    Lists of missing documents that are there again, where there were none, are read of all workspaces by the next run.
    """
    with run.ledger.write() as connection:
        rounds.keep(connection, run.rounds, run.as_of)
        before, scan = (
            evaluations.position(connection, WatermarkName.ABSENCE),
            evaluations.position(connection, WatermarkName.SCAN),
        )
        if any(g.path == ABSENT for g in run.tally.gaps):
            evaluations.set_position(connection, WatermarkName.ABSENCE, Mark(at=run.as_of))
        elif before.at is not None and run.tally.numbers[Number.MISSING_LISTS]:
            evaluations.set_position(connection, WatermarkName.ABSENCE, Mark())
            parts = Scan.of(scan.data).parts - {"missing"}
            evaluations.set_position(
                connection, WatermarkName.SCAN, Mark(at=scan.at, data=Scan(parts).plain())
            )


def believe_verified(run: Run) -> None:
    """Go on when what all slices showed can be believed. Raises Vanished when too many workspaces are missing from it."""
    guards.believe(run, "known workspaces, looked up again", run.tally.missing, run.tally.verified)


def again(run: Run, changed: Collection[int], back: Iterable[Row], just_read: Collection[int]) -> list[Row]:
    """What to read beside what lists showed: what was found to have changed, what came `back`, what earlier runs could not read, and
    some of the workspaces whose lists do not show everything."""
    with run.ledger.read() as connection:
        short = short_lists.due(connection, max(1, run.site.verify_requests // SHORT_COST))
    wanted = {*changed, *short} | (_probe(run) if not just_read else set())
    rows = (*back, *owed_rows(run, just_read), *rows_of(run, wanted - set(just_read)))
    return list({r.id: r for r in rows if r.id not in just_read}.values())


def _probe(run: Run) -> set[int]:
    """A workspace to ask whether Extended ECM has lists of missing documents by now, where it had none the last time."""
    with run.ledger.read() as connection:
        if not run.needs.missing or evaluations.position(connection, WatermarkName.ABSENCE).at is None:
            return set()
        some = observations.bodies(connection, "workspace", "", 1)
    return {w.id for _, w in some if isinstance(w, f.Workspace)}


def owed_rows(run: Run, just_read: Collection[int]) -> list[Row]:
    """The workspaces of which earlier runs could not read everything, as rows, but for those just read.

    What fails again and again is read in turns, so many a run as there are look-ups of known items.
    """
    with run.ledger.read() as connection:
        due = behind.unread(connection, AGAIN, run.site.verify_requests)
    return [Row(b.workspace, "", NEVER, b.type) for b in due if b.workspace not in just_read]


def rows_of(run: Run, workspaces: Iterable[int]) -> list[Row]:
    """Known workspaces as rows, to be read again."""
    with run.ledger.read() as connection:
        known = observations.current(connection, sorted(workspaces), ("workspace",))
        return [Row(w.id, w.name, w.modified, w.type) for w in known if isinstance(w, f.Workspace)]


async def changed_processes(run: Run) -> list[int]:
    """The workflows that began, moved or ended since the last run, and the next few of all active ones.

    Their new hashes are kept once they are read. The few are as many as there are look-ups of known items a run: a step that
    was assigned and completed while another one stayed open shows in no list.
    """
    with run.ledger.read() as connection:
        mark = evaluations.position(connection, WatermarkName.PROCESSES)
        evaluated = evaluations.evaluated(connection)
    known = {int(k): v for k, v in mark.data.get("hashes", {}).items()}
    # What ended before the first look is read by it: the next one must know it as no news.
    since = mark.at - clocks.below(evaluated, run) if mark.at else clocks.audit_from(run.as_of)
    found = await run.extractor.processes(since, known)
    run.gap(found.gaps)
    run.unfound = bool(found.gaps)
    run.tally.numbers[Number.WORKFLOWS_CHANGED] += len(found.read) + len(found.vanished)
    run.hashes = dict(found.hashes)
    changed = {*found.read, *found.vanished}
    return sorted(changed | set(_next_active(run, [p for p in found.active if p not in changed])))


def _next_active(run: Run, active: Iterable[int]) -> list[int]:
    with run.ledger.read() as connection:
        cursor = rounds.come_to(connection, WatermarkName.WORKFLOWS, "process", run.as_of)
    ahead = sorted(p for p in active if p > int(cursor.get("process") or 0))
    some = ahead[: run.site.verify_requests]
    cursor["process"] = str(some[-1]) if len(ahead) > len(some) else ""
    run.rounds[WatermarkName.WORKFLOWS] = cursor
    return some


async def read_processes(run: Run, ids: Sequence[int]) -> None:
    """Read some workflows, step by step, and record them."""
    with run.ledger.read() as connection:
        known = observations.workspaces_of_processes(connection, ids)
    if run.extractor.given_up:
        run.unread |= set(ids)
        places = tuple(sorted(set(known.values())))
        _note(run, [Gap("/v2/workflows/status/processes", NOT_ASKED, places, asked=False)])
        return
    batch = await run.extractor.read_processes(ids, known)
    record(run, batch)
    run.unread |= set(batch.unread)


def processes_done(run: Run) -> None:
    """Every changed workflow is in: the next run compares with what was seen now.

    A workflow that could not be read is kept under a hash that no row has, so that it is asked for again, ended or not.
    """
    hashes = {str(k): v for k, v in run.hashes.items()} | {str(k): "unread" for k in run.unread}
    with run.ledger.write() as connection:
        # Where the list could not be had, what ended since the last one that could is still to be listed.
        at = (
            evaluations.position(connection, WatermarkName.PROCESSES).at if run.unfound else None
        ) or run.as_of
        evaluations.set_position(connection, WatermarkName.PROCESSES, Mark(at=at, data={"hashes": hashes}))


def role_slices(run: Run, just_read: Collection[int]) -> list[list[int]]:
    """The workspaces whose roles to ask for again, where rules look at roles: a role change touches no date that a list shows.

    One request a workspace, within the same budget a run as the look-ups of known items.
    """
    return _next_slices(
        run, WatermarkName.ROLES, types_with_roles(run.rules), just_read, run.site.verify_requests
    )


def related_slices(run: Run, just_read: Collection[int]) -> list[list[int]]:
    """The workspaces whose relations to ask for again, where rules look at related ones: as roles, two requests each."""
    return _next_slices(
        run, WatermarkName.RELATIONS, run.needs.related, just_read, run.site.verify_requests // 2
    )


def _next_slices(
    run: Run, name: WatermarkName, types: Collection[str], just_read: Collection[int], budget: int
) -> list[list[int]]:
    """The next `budget` workspaces of a round over all that are known, of some types, but for those just read."""
    if not types or run.extractor.given_up:
        return []
    with run.ledger.read() as connection:
        cursor = rounds.come_to(connection, name, "workspace", run.as_of)
        some = observations.bodies(connection, "workspace", cursor["workspace"], budget)
    cursor["workspace"] = some[-1][0] if len(some) == budget else ""
    run.rounds[name] = cursor
    due = [w.id for _, w in some if isinstance(w, f.Workspace) and w.type in types and w.id not in just_read]
    return list(chunks(due, NODES_A_REQUEST))


async def read_roles(run: Run, workspaces: Sequence[int]) -> None:
    """Ask for the roles of some workspaces, and record them."""
    record(run, await run.extractor.audience(workspaces, ()))


async def read_related(run: Run, workspaces: Sequence[int]) -> None:
    """Ask for the relations of some workspaces, and record them."""
    record(run, await run.extractor.related(workspaces))

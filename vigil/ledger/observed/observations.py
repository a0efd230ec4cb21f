"""The observations: what was read, and when. Append-only: the state at any past instant can be read back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from vigil.compliance.evaluation.history import ObservedFact
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import Change
from vigil.compliance.facts import Fact, Workspace, completed_from, lacks
from vigil.ledger.codec import decode, encode, subject_of, workspace_name
from vigil.ledger.engine import OBSERVATIONS, chunks, in_turn, upsert
from vigil.ledger.observed import relations
from vigil.ledger.tables import NewestRow, ObservationRow, table

_observation = table(ObservationRow)
_newest = table(NewestRow)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of `record`. `new` counts observations, `same` the subjects that were read unchanged."""

    new: int
    same: int
    workspaces: frozenset[int]


class _Known(NamedTuple):
    seq: int
    hash: bytes | None  # None if it was deleted
    workspace: int | None


Subjects = dict[tuple[str, str], tuple[int | None, Fact]]  # (kind, subject) -> (workspace, fact)


def record(
    connection: Connection,
    facts: Iterable[Fact],
    seen_at: datetime,
    run: int | None = None,
    gone: Iterable[tuple[str, str]] = (),
) -> Recorded:
    """Store the facts whose content differs from the newest observation of their subject.

    `gone` names (kind, subject) pairs that are deleted or no longer readable: they are recorded as deleted, and so are the parts of a
    deleted workspace. A part of a workspace that could not be read keeps its last known state.
    """
    deleted = set(gone)
    rows: Subjects = {}
    for fact in facts:
        kind, subject, workspace = subject_of(fact)
        if ("workspace", str(workspace)) not in deleted:  # a deleted workspace has no parts
            rows[kind, subject] = (workspace, fact)
    deleted -= rows.keys()
    fresh = _fresh(connection, rows, deleted, seen_at, run)
    if fresh and in_turn(connection, OBSERVATIONS):
        # Observations that another run stored before our turn are known now, and are not stored twice.
        fresh = _fresh(connection, rows, deleted, seen_at, run)
    _append(connection, fresh, seen_at)
    stored = {(r["kind"], r["subject"]) for r in fresh}
    _touch(connection, rows.keys() - stored, seen_at)
    return Recorded(
        len(fresh),
        len(rows.keys() - stored),
        frozenset(r["workspace"] for r in fresh if r["workspace"] is not None),
    )


def _fresh(
    connection: Connection,
    rows: Subjects,
    gone: Iterable[tuple[str, str]],
    seen_at: datetime,
    run: int | None,
) -> list[dict[str, Any]]:
    """The observations to store. A fact that was just read exists, even if the place where it was before is deleted."""
    dead = _deletions(connection, gone, seen_at, run)
    return _changed(connection, rows, seen_at, run) + [
        r for r in dead if (r["kind"], r["subject"]) not in rows
    ]


def _changed(
    connection: Connection, rows: Subjects, seen_at: datetime, run: int | None
) -> list[dict[str, Any]]:
    known = _known(connection, rows.keys())
    earlier = _earlier(connection, {known[k].seq: k for k, (_, x) in rows.items() if k in known and lacks(x)})
    fresh: list[dict[str, Any]] = []
    for (kind, subject), (workspace, fact) in rows.items():
        before = known.get((kind, subject))
        if (kind, subject) in earlier:
            fact = completed_from(fact, earlier[kind, subject])
        body, digest = encode(fact)
        if before is not None and before.hash == digest:
            continue
        if before is not None and before.hash is not None and before.workspace != workspace:
            # The item moved: the workspace that it left has changed, too.
            fresh.append(_row(kind, subject, before.workspace, seen_at, run, None, None, before.seq))
        fresh.append(
            _row(kind, subject, workspace, seen_at, run, digest, body, None if before is None else before.seq)
        )
    return fresh


def _row(
    kind: str,
    subject: str,
    workspace: int | None,
    seen_at: datetime,
    run: int | None,
    digest: bytes | None,
    body: str | None,
    before: int | None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "subject": subject,
        "workspace": workspace,
        "seen_at": seen_at,
        "hash": digest,
        "body": body,
        "prev": before,
        "run": run,
    }


def _earlier(connection: Connection, seqs: Mapping[int, tuple[str, str]]) -> dict[tuple[str, str], Fact]:
    """The facts of the observations `seqs`, by subject; without deletions."""
    out: dict[tuple[str, str], Fact] = {}
    for some in chunks(seqs):
        query = select(_observation.c.seq, _observation.c.body).where(
            _observation.c.seq.in_(some), _observation.c.body.is_not(None)
        )
        for seq, body in connection.execute(query):
            out[seqs[seq]] = decode(seqs[seq][0], body)
    return out


def _known(connection: Connection, subjects: Collection[tuple[str, str]]) -> dict[tuple[str, str], _Known]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, subject in subjects:
        by_kind[kind].append(subject)
    known: dict[tuple[str, str], _Known] = {}
    for kind, names in by_kind.items():
        for some in chunks(names):
            query = select(_newest.c.subject, _newest.c.seq, _newest.c.hash, _newest.c.workspace)
            found = connection.execute(query.where(_newest.c.kind == kind, _newest.c.subject.in_(some)))
            known.update({(kind, r.subject): _Known(r.seq, r.hash, r.workspace) for r in found})
    return known


def _deletions(
    connection: Connection, gone: Iterable[tuple[str, str]], seen_at: datetime, run: int | None
) -> list[dict[str, Any]]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, subject in gone:
        by_kind[kind].append(subject)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, subjects in by_kind.items():
        for some in chunks(subjects):
            where = and_(_newest.c.kind == kind, _newest.c.subject.in_(some))
            if kind == "workspace":
                where = _newest.c.workspace.in_([int(s) for s in some])
            query = select(_newest).where(where, _newest.c.hash.is_not(None))
            for r in connection.execute(query.order_by(_newest.c.seq)):
                rows[r.kind, r.subject] = _row(
                    r.kind, r.subject, r.workspace, seen_at, run, None, None, r.seq
                )
    return list(rows.values())


def _append(connection: Connection, rows: list[dict[str, Any]], seen_at: datetime) -> None:
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for seq, row in enumerate(rows, start=last_seq(connection) + 1):
        row["seq"] = seq
        fields = {k: row[k] for k in ("kind", "subject", "workspace", "hash", "seq")}
        newest[row["kind"], row["subject"]] = fields | {"checked_at": seen_at}
    if rows:
        connection.execute(insert(_observation), rows)
        relations.keep(connection, _related(rows))
        upsert(connection, _newest, list(newest.values()), ("workspace", "seq", "hash", "checked_at"))


def _related(rows: Iterable[Mapping[str, Any]]) -> dict[int, Sequence[int]]:
    """The relations among some new observations, by workspace; a deleted workspace has none."""
    return {
        int(r["subject"]): () if r["body"] is None else orjson.loads(r["body"])["others"]
        for r in rows
        if r["kind"] == "related"
    }


def _touch(connection: Connection, subjects: Collection[tuple[str, str]], seen_at: datetime) -> None:
    """Record that workspaces were read again without changes: if this happens long after a change, they need no further reading."""
    where = and_(_newest.c.kind == "workspace", _newest.c.subject == bindparam("of"))
    rows = [{"of": subject} for kind, subject in sorted(subjects) if kind == "workspace"]
    if rows:
        connection.execute(update(_newest).where(where).values(checked_at=seen_at), rows)


def last_seq(connection: Connection) -> int:
    """The number of the newest observation; 0 if there is none."""
    return connection.execute(select(func.max(_observation.c.seq))).scalar() or 0


def changed_workspaces(connection: Connection, after: int, until: int) -> set[int]:
    """The workspaces with an observation in (after, until]."""
    found = connection.execute(
        select(_observation.c.workspace)
        .where(_observation.c.seq > after, _observation.c.seq <= until, _observation.c.workspace.is_not(None))
        .distinct()
    )
    return {w for w in found.scalars() if w is not None}


def changes(connection: Connection, workspaces: Sequence[int], after: int, until: int) -> list[Change]:
    """Each observation of `workspaces` in (after, until] with the previous one of the same subject, in order."""
    out: list[Change] = []
    before, once = _observation.alias("before"), _observation.alias("once")
    for some in chunks(workspaces):
        found = connection.execute(
            select(
                _observation.c.seq,
                _observation.c.kind,
                _observation.c.subject,
                _observation.c.workspace,
                _observation.c.seen_at,
                _observation.c.body,
                before.c.body.label("before"),
                before.c.seq.label("before_seq"),
                once.c.body.label("once"),
            )
            .select_from(
                _observation.outerjoin(before, before.c.seq == _observation.c.prev).outerjoin(
                    once, and_(once.c.seq == before.c.prev, before.c.body.is_(None))
                )
            )
            .where(
                _observation.c.workspace.in_(some), _observation.c.seq > after, _observation.c.seq <= until
            )
            .order_by(_observation.c.seq)
        )
        out += [
            Change(
                kind=r.kind,
                subject=r.subject,
                workspace=r.workspace,
                seen_at=r.seen_at,
                before=None if r.before is None else decode(r.kind, r.before),
                after=None if r.body is None else decode(r.kind, r.body),
                first=r.before_seq is None,
                once=None if r.once is None else decode(r.kind, r.once),
            )
            for r in found
        ]
    return out


def all_changes(connection: Connection, workspaces: Sequence[int], after: int, until: int) -> list[Change]:
    """As `changes`, and what was recorded earlier of workspaces that first appear in (after, until]: it first appears with them.

    A workflow can be read before the list that has its workspace. Nothing could be evaluated then.
    """
    found = changes(connection, workspaces, after, until)
    new = [c.workspace for c in found if c.kind == "workspace" and c.first and c.workspace is not None]
    earlier: dict[tuple[str, str], Change] = {}
    for c in changes(connection, new, 0, after) if new else ():
        earlier[c.kind, c.subject] = replace(c, before=None, once=None, first=True)
    return [*(c for c in earlier.values() if c.after is not None), *found]


def current(
    connection: Connection, workspaces: Sequence[int], kinds: Collection[str] | None = None
) -> Iterator[Fact]:
    """The newest facts of some workspaces, without deleted ones: by workspace, then in the order in which they were recorded."""
    for some in chunks(workspaces):
        query = (
            select(_newest.c.kind, _observation.c.body)
            .join(_observation, _observation.c.seq == _newest.c.seq)
            .where(_newest.c.workspace.in_(some), _newest.c.hash.is_not(None))
        )
        if kinds is not None:
            query = query.where(_newest.c.kind.in_(kinds))
        # The same order on every database: findings are queued in this order.
        for r in connection.execute(query.order_by(_newest.c.workspace, _newest.c.seq)):
            yield decode(r.kind, r.body)


def facts(connection: Connection, workspaces: Sequence[int]) -> Facts:
    """The newest facts of some workspaces, and the attributes of their related workspaces."""
    found = list(current(connection, workspaces))
    sorted_ = Facts.of(found)
    beside = sorted(sorted_.beside())
    return Facts.of(found, current(connection, beside, ("workspace",))) if beside else sorted_


def names(connection: Connection, workspaces: Collection[int]) -> dict[int, str]:
    """The names of workspaces as last read. A workspace that was never read has none."""
    before = _observation.alias("before")
    out: dict[int, str] = {}
    for some in chunks(sorted(map(str, workspaces))):
        query = (
            select(_newest.c.workspace, func.coalesce(_observation.c.body, before.c.body).label("body"))
            .join(_observation, _observation.c.seq == _newest.c.seq)
            .outerjoin(before, before.c.seq == _observation.c.prev)
            .where(_newest.c.kind == "workspace", _newest.c.subject.in_(some))
        )
        out |= {r.workspace: workspace_name(r.body) for r in connection.execute(query) if r.body is not None}
    return out


def directory(connection: Connection, kinds: Collection[str] = ("user", "group")) -> Iterator[Fact]:
    """The newest facts that belong to no workspace: users, groups, required documents."""
    query = (
        select(_newest.c.kind, _observation.c.body)
        .join(_observation, _observation.c.seq == _newest.c.seq)
        .where(_newest.c.workspace.is_(None), _newest.c.kind.in_(kinds), _newest.c.hash.is_not(None))
    )
    for r in connection.execute(query):
        yield decode(r.kind, r.body)


def as_of(connection: Connection, at: datetime, workspaces: Sequence[int] | None = None) -> Iterator[Fact]:
    """The state known at `at`: the newest observation of each subject made then or before."""
    for some in [None] if workspaces is None else chunks(workspaces):
        newest = select(func.max(_observation.c.seq)).where(_observation.c.seen_at <= at)
        if some is not None:
            newest = newest.where(_observation.c.workspace.in_(some))
        newest = newest.group_by(_observation.c.kind, _observation.c.subject)
        query = select(_observation.c.kind, _observation.c.body).where(_observation.c.seq.in_(newest))
        for r in connection.execute(query.where(_observation.c.body.is_not(None))):
            yield decode(r.kind, r.body)


def history(connection: Connection, workspaces: Sequence[int], until: datetime) -> list[ObservedFact]:
    """Every observation of some workspaces up to an instant, in the order in which they were made."""
    out: list[ObservedFact] = []
    for some in chunks(workspaces):
        query = (
            select(_observation)
            .where(_observation.c.workspace.in_(some), _observation.c.seen_at <= until)
            .order_by(_observation.c.seq)
        )
        for r in connection.execute(query):
            fact = None if r.body is None else decode(r.kind, r.body)
            out.append(ObservedFact(r.kind, r.subject, r.workspace, r.seen_at, fact))
    return sorted(out, key=lambda s: s.seen_at)


def out_of_order(connection: Connection) -> dict[int, datetime]:
    """Workspaces that a run observed as of an instant before one that an earlier run had observed, with the first such instant:
    from then on, the order of observations does not tell what was known when.
    """
    made = select(
        _observation.c.run,
        func.min(_observation.c.seen_at).label("at"),
        func.min(_observation.c.seq).label("seq"),
    )
    made = made.where(_observation.c.run.is_not(None)).group_by(_observation.c.run)
    latest: datetime | None = None
    back: dict[int, datetime] = {}
    for r in sorted(connection.execute(made), key=lambda r: r.seq):
        if latest is not None and r.at < latest:
            back[r.run] = r.at
        latest = r.at if latest is None else max(latest, r.at)
    out: dict[int, datetime] = {}
    for some in chunks(sorted(back)):
        where = _observation.c.run.in_(some) & _observation.c.workspace.is_not(None)
        for run, workspace in connection.execute(
            select(_observation.c.run, _observation.c.workspace).where(where).distinct()
        ):
            out[workspace] = min(back[run], out.get(workspace, back[run]))
    return out


def known_workspaces(connection: Connection) -> list[int]:
    """The ids of the existing workspaces, in order."""
    found = connection.execute(
        select(_newest.c.workspace)
        .where(_newest.c.kind == "workspace", _newest.c.hash.is_not(None))
        .order_by(_newest.c.workspace)
    )
    return [w for w in found.scalars() if w is not None]


def totals(connection: Connection) -> dict[str, int]:
    """How many facts of each kind exist."""
    found = connection.execute(
        select(_newest.c.kind, func.count().label("n"))
        .where(_newest.c.hash.is_not(None))
        .group_by(_newest.c.kind)
    )
    return {row.kind: row.n for row in found}


def bodies(connection: Connection, kind: str, after: str, limit: int) -> list[tuple[str, Fact]]:
    """A slice of the newest facts of a kind, in order of subject: the next items of a scan."""
    found = connection.execute(
        select(_newest.c.subject, _observation.c.body)
        .join(_observation, _observation.c.seq == _newest.c.seq)
        .where(_newest.c.kind == kind, _newest.c.subject > after, _newest.c.hash.is_not(None))
        .order_by(_newest.c.subject)
        .limit(limit)
    )
    return [(r.subject, decode(kind, r.body)) for r in found]


def homes(connection: Connection, nodes: Collection[int]) -> dict[int, int]:
    """The workspaces that some nodes are or lie in, by node, as far as they are known workspaces or documents that exist."""
    out: dict[int, int] = {}
    for some in chunks(sorted(map(str, nodes))):
        query = select(_newest.c.subject, _newest.c.workspace).where(
            _newest.c.kind.in_(("workspace", "document")),
            _newest.c.subject.in_(some),
            _newest.c.hash.is_not(None),
        )
        out |= {int(r.subject): r.workspace for r in connection.execute(query)}
    return out


def deleted_at(connection: Connection, kind: str, subjects: Sequence[str]) -> dict[str, datetime]:
    """Those of some subjects that are deleted, each with the instant of the run that found it missing."""
    out: dict[str, datetime] = {}
    for some in chunks(subjects):
        query = (
            select(_newest.c.subject, _observation.c.seen_at)
            .join(_observation, _observation.c.seq == _newest.c.seq)
            .where(_newest.c.kind == kind, _newest.c.subject.in_(some), _newest.c.hash.is_(None))
        )
        out |= {r.subject: r.seen_at for r in connection.execute(query)}
    return out


class DeletedItem(NamedTuple):
    """An item that was deleted. `workspace` is its last workspace, or the item itself; `type` is a workspace's type, else ""."""

    seq: int
    kind: str
    subject: str
    workspace: int
    type: str
    at: datetime  # when a run found it gone


def deleted_items(connection: Connection, limit: int, below: int | None = None) -> list[DeletedItem]:
    """Deleted workspaces, and documents deleted from an existing workspace: the latest first.

    With `below`, only those before that observation number.
    """
    place, before = _newest.alias("place"), _observation.alias("before")
    query = (
        select(_newest.c.seq, _newest.c.kind, _newest.c.subject, _newest.c.workspace, _observation.c.seen_at, before.c.body)
        .join(_observation, _observation.c.seq == _newest.c.seq)
        .outerjoin(before, before.c.seq == _observation.c.prev)
        .outerjoin(place, and_(place.c.kind == "workspace", place.c.workspace == _newest.c.workspace))
        .where(_newest.c.hash.is_(None), _newest.c.kind.in_(("workspace", "document")))
        .where(or_(_newest.c.kind == "workspace", place.c.hash.is_not(None)))
        .order_by(_newest.c.seq.desc())
        .limit(limit)
    )  # fmt: skip
    found = connection.execute(query if below is None else query.where(_newest.c.seq < below))
    return [
        DeletedItem(r.seq, r.kind, r.subject, r.workspace, _type_of(r.kind, r.body), r.seen_at) for r in found
    ]


def _type_of(kind: str, body: str | None) -> str:
    fact = None if body is None or kind != "workspace" else decode(kind, body)
    return fact.type if isinstance(fact, Workspace) else ""


def gone_since(connection: Connection, workspaces: Collection[int]) -> dict[int, datetime]:
    """Those of some workspaces that are deleted, each with the instant of the run that found it missing."""
    found = deleted_at(connection, "workspace", [str(w) for w in sorted(workspaces)])
    return {int(subject): at for subject, at in found.items()}


def seen(connection: Connection, kind: str, subjects: Sequence[str]) -> dict[str, tuple[Fact, datetime]]:
    """The newest fact of some subjects, and when ECM was last asked about it."""
    out: dict[str, tuple[Fact, datetime]] = {}
    for some in chunks(subjects):
        query = (
            select(_newest.c.subject, _newest.c.checked_at, _observation.c.body)
            .join(_observation, _observation.c.seq == _newest.c.seq)
            .where(_newest.c.kind == kind, _newest.c.subject.in_(some), _newest.c.hash.is_not(None))
        )
        out.update({r.subject: (decode(kind, r.body), r.checked_at) for r in connection.execute(query)})
    return out


# A step's subject begins with its process: a range of the key, whereas LIKE would scan every row.
_OF_PROCESS = and_(
    _newest.c.kind == "step", _newest.c.subject > bindparam("first"), _newest.c.subject < bindparam("end")
)
_STEPS = select(_newest.c.subject).where(_OF_PROCESS)
_HOME = select(_newest.c.workspace).where(_OF_PROCESS).limit(1)


def _range(process: object) -> dict[str, str]:
    return {"first": f"{process}/", "end": f"{process}0"}


def steps_of(connection: Connection, process: str) -> list[str]:
    """The subjects of a process's steps."""
    return list(connection.execute(_STEPS, _range(process)).scalars())


def workspaces_of_processes(connection: Connection, processes: Sequence[int]) -> dict[int, int]:
    """The workspace of each process with a known step."""
    found = {process: connection.execute(_HOME, _range(process)).scalar() for process in processes}
    return {process: workspace for process, workspace in found.items() if workspace is not None}

"""Random histories of a few workspaces: what happens, when somebody scans, and what cannot be read then.

A history is data, so that hypothesis can make it smaller. `World` plays it, and gives the facts as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from vigil.compliance import facts as f

TYPE = "Case"
ZONES = ("UTC", "Europe/Rome", "America/New_York", "Asia/Beirut", "Pacific/Apia", "Australia/Lord_Howe")
"""Among them: clocks that skip midnight (Beirut), a half-hour change (Lord Howe), the date line (Apia)."""

STARTS = (
    datetime(2024, 1, 30, 7, tzinfo=UTC),
    datetime(2024, 2, 27, 22, 30, tzinfo=UTC),
    datetime(2024, 3, 29, 20, tzinfo=UTC),
    datetime(2024, 10, 26, 21, tzinfo=UTC),
    datetime(2011, 12, 28, 9, tzinfo=UTC),
)
GAPS = tuple(
    timedelta(hours=h) for h in (1, 3, 6, 7, 12, 24, 25, 49, 24 * 7, 24 * 31, 24 * 100)
)  # from one scan to the next
PEOPLE = ("ada", "bob", "cy")
STATUSES = ("open", "waiting", "closed", "", None)
DAYS = st.integers(-45, 60)


def _dates(start: datetime) -> st.SearchStrategy[date | None]:
    near = DAYS.map(lambda n: start.date() + timedelta(days=n))
    return st.one_of(near, near, near, st.sampled_from([None, date(9999, 12, 31), date(1, 1, 1)]))


def _instants(start: datetime) -> st.SearchStrategy[datetime | None]:
    near = st.builds(lambda n, m: start + timedelta(days=n, minutes=m), DAYS, st.integers(0, 1439))
    return st.one_of(near, near, st.none())


def _texts() -> st.SearchStrategy[str | None]:
    return st.sampled_from(STATUSES)


def values(start: datetime) -> dict[str, st.SearchStrategy[f.Value]]:
    """What each attribute may hold. `C.mixed` holds anything; two categories have a `status`."""
    numbers = st.sampled_from([None, -1, 0, 5, 7, 5.0, 2.5])
    tags = st.lists(st.sampled_from(["red", "green", "", None]), max_size=3).map(tuple)
    dates = st.lists(_dates(start), max_size=3).map(tuple)
    plain = {
        "C.status": _texts(),
        "C.n": numbers,
        "C.flag": st.sampled_from([None, True, False]),
        "C.due": _dates(start),
        "C.at": _instants(start),
        "C.tags": tags,
        "C.dates": dates,
    }
    mixed = st.one_of(*plain.values(), st.sampled_from(["5", "true", start.date().isoformat()]))
    return {**plain, "D.status": _texts(), "C.mixed": mixed}


@dataclass(frozen=True)
class Act:
    """Something that happens. `at` is its instant, to the second; `what` names a method of `World`."""

    at: datetime
    workspace: int
    what: str
    given: tuple[Any, ...] = ()


@dataclass(frozen=True)
class History:
    """`unread[n]` holds the (workspace, part) pairs that cannot be read at the n-th scan."""

    zone: str
    ticks: tuple[datetime, ...]
    acts: tuple[Act, ...]
    unread: tuple[frozenset[tuple[int, str]], ...] = ()
    required: tuple[f.RequiredDocument, ...] = ()


@st.composite
def acts(draw: st.DrawFn, start: datetime, until: datetime, workspaces: int, whole: bool) -> Act:
    """One thing that happens to one workspace. `whole` leaves out deletions and second assignments."""
    seconds = int((until - start).total_seconds())
    at = start + timedelta(seconds=draw(st.integers(0, seconds)))
    w = draw(st.integers(1, workspaces))
    kinds = [
        "attribute",
        "attribute",
        "attribute",
        "document",
        "document",
        "version",
        "assign",
        "complete",
        "comment",
        "relate",
    ]
    kinds += [] if whole else ["missing", "role", "delete", "hide", "hide"]
    match draw(st.sampled_from(kinds)):
        case "attribute":
            key = draw(st.sampled_from(sorted(values(start))))
            return Act(at, w, "attribute", (key, draw(values(start)[key])))
        case "document":
            expires = draw(_dates(start))
            return Act(at, w, "document", (draw(st.integers(1, 3)), draw(st.sampled_from("AB")), expires))
        case "version":
            return Act(at, w, "version", (draw(st.integers(1, 3)), whole or draw(st.booleans())))
        case "delete":
            return Act(at, w, "delete", (draw(st.integers(1, 3)),))
        case "assign":
            due = draw(st.one_of(st.none(), st.integers(-30, 300)))
            to = f.user(draw(st.sampled_from(PEOPLE)))
            return Act(
                at,
                w,
                "assign",
                (draw(st.integers(1, 3)), draw(st.sampled_from(["Check", "Sign"])), to, due, not whole),
            )
        case "complete":
            return Act(at, w, "complete", (draw(st.integers(1, 3)), draw(st.sampled_from(["ok", "no"]))))
        case "comment":
            return Act(at, w, "comment", (draw(st.sampled_from(PEOPLE)),))
        case "relate":
            return Act(at, w, "relate", (draw(st.integers(1, workspaces)),))
        case "missing":
            return Act(at, w, "missing", (draw(st.sampled_from([(), ("A",), ("A", "B")])),))
        case "role":
            some = draw(st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True))
            return Act(at, w, "role", (draw(st.sampled_from(["owner", "steward"])), tuple(map(f.user, some))))
        case other:
            return Act(at, w, other)


@st.composite
def histories(draw: st.DrawFn, workspaces: int = 5, whole: bool = False, scans: int = 6) -> History:
    """A history. A `whole` one hides nothing: everything can be read, and nothing is deleted or assigned twice."""
    start = draw(st.sampled_from(STARTS))
    gaps = draw(st.lists(st.sampled_from(GAPS), min_size=2, max_size=scans))
    ticks = [start]
    for gap in gaps:
        ticks.append(ticks[-1] + gap)
    before = start - timedelta(days=20)
    early = draw(
        st.lists(acts(before, start, workspaces, whole), min_size=2 * workspaces, max_size=4 * workspaces)
    )
    late = draw(
        st.lists(acts(start, ticks[-1], workspaces, whole), min_size=workspaces, max_size=5 * workspaces)
    )
    pairs = st.tuples(st.integers(1, workspaces), st.sampled_from(f.PARTS))
    unread = [frozenset[tuple[int, str]]()] * len(ticks)
    if not whole:
        unread = draw(st.lists(st.frozensets(pairs, max_size=4), min_size=len(ticks), max_size=len(ticks)))
    required = draw(st.sampled_from([(), (f.RequiredDocument(TYPE, "A", True, 1),)]))
    born = [Act(before + timedelta(hours=w), w, "create") for w in range(1, workspaces)]
    # The last one begins somewhere in between: it is seen for the first time while others are known.
    born.append(Act(start + timedelta(hours=draw(st.integers(-30, 30))), workspaces, "create"))
    happened = sorted([*born, *early, *late], key=lambda a: a.at)
    return History(draw(st.sampled_from(ZONES)), tuple(ticks), tuple(happened), tuple(unread), required)


@dataclass
class _State:
    created: datetime
    modified: datetime
    attrs: dict[str, f.Value] = field(default_factory=dict)
    documents: dict[int, f.Document] = field(default_factory=dict)
    steps: dict[int, f.Step] = field(default_factory=dict)
    roles: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"owner": (f.user("ada"),)})
    missing: tuple[str, ...] = ()
    comments: list[f.AuditEvent] = field(default_factory=list)
    related: set[int] = field(default_factory=set)
    hidden: bool = False


class World:
    """Plays a history. What an act does not find it does not do: a version of a document that is not there."""

    def __init__(self, history: History) -> None:
        self._left = list(history.acts)
        self.workspaces: dict[int, _State] = {}

    def move(self, now: datetime) -> None:
        while self._left and self._left[0].at <= now:
            act = self._left.pop(0)
            if act.what == "create" or act.workspace in self.workspaces:
                getattr(self, f"_{act.what}")(act.workspace, act.at, *act.given)

    def facts(self, w: int) -> Iterator[f.Fact]:
        """The workspace as it stands; nothing while it is hidden, as for who may not read it."""
        s = self.workspaces[w]
        if s.hidden:
            return
        yield f.Workspace(w, TYPE, f"case {w}", s.created, s.modified, dict(s.attrs))
        yield from s.documents.values()
        yield from s.steps.values()
        yield f.Roles(w, dict(s.roles))
        yield f.MissingDocuments(w, s.missing)
        # Also of those that nobody may read now: a run hears of that from the other end alone.
        yield f.Related(w, tuple(sorted(s.related)))
        yield from s.comments

    def _create(self, w: int, at: datetime) -> None:
        self.workspaces[w] = _State(at, at)

    def _hide(self, w: int, at: datetime) -> None:
        self.workspaces[w].hidden = not self.workspaces[w].hidden

    def _attribute(self, w: int, at: datetime, key: str, value: f.Value) -> None:
        self.workspaces[w].attrs[key] = value
        self.workspaces[w].modified = at

    def _document(self, w: int, at: datetime, n: int, type: str, expires: date | None) -> None:
        documents = self.workspaces[w].documents
        id = 100 * w + 10 * n + len([d for d in documents.values() if d.id // 10 == 10 * w + n])
        documents.setdefault(id, f.Document(id, w, f"doc {id}", type, at, "ada", at, expires=expires))

    def _version(self, w: int, at: datetime, n: int, listed: bool) -> None:
        documents = self.workspaces[w].documents
        for id, d in documents.items():
            if id // 10 == 10 * w + n:
                told = (*d.versions, f.Version(d.version + 1, at, "bob")) if listed else d.versions
                documents[id] = f.Document(
                    id, w, d.name, d.type, d.created, d.by, at, d.version + 1, told, d.expires
                )
                return

    def _delete(self, w: int, at: datetime, n: int) -> None:
        documents = self.workspaces[w].documents
        for id in [i for i in documents if i // 10 == 10 * w + n]:
            del documents[id]

    def _assign(
        self, w: int, at: datetime, n: int, title: str, to: str, due: int | None, again: bool
    ) -> None:
        steps = self.workspaces[w].steps
        late = None if due is None else at + timedelta(hours=due)
        if n not in steps:
            steps[n] = f.Step(w, 1000 + w, n, title, (to,), at, late)
        elif again and steps[n].completed_at is None:  # handed on, without a new start
            s = steps[n]
            steps[n] = f.Step(w, s.process, n, s.title, (to,), s.assigned_at, s.due)

    def _complete(self, w: int, at: datetime, n: int, disposition: str) -> None:
        s = self.workspaces[w].steps.get(n)
        if s is not None and s.completed_at is None:
            done = f.Step(w, s.process, n, s.title, s.assignees, s.assigned_at, s.due, at, "cy", disposition)
            self.workspaces[w].steps[n] = done

    def _comment(self, w: int, at: datetime, by: str) -> None:
        s = self.workspaces[w]
        s.comments.append(f.AuditEvent(w, "Comment Added", at, by, "a word", len(s.comments)))

    def _relate(self, w: int, at: datetime, other: int) -> None:
        if other in self.workspaces and other != w:
            for one, two in ((w, other), (other, w)):
                self.workspaces[one].related ^= {two}

    def _missing(self, w: int, at: datetime, types: tuple[str, ...]) -> None:
        self.workspaces[w].missing = types

    def _role(self, w: int, at: datetime, role: str, members: tuple[str, ...]) -> None:
        self.workspaces[w].roles[role] = members

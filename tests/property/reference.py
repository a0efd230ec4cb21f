"""What rules mean, a second time: one workspace, one leaf, one value at a time, in plain Python.

Written from docs/architecture.md and docs/semantics.md, without a look at how the columns do it. It shares with them
only the parsing of a rule's values (`operators.operand`), the calendar and the words (`sentences`), which have tests of their own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from vigil.compliance import facts as f
from vigil.compliance.durations import Duration
from vigil.compliance.evaluation import sentences
from vigil.compliance.events import Event
from vigil.compliance.rules.clauses import (
    All,
    Any_,
    Clause,
    DocumentLeaf,
    DocumentState,
    FieldLeaf,
    Leaf,
    MissingLeaf,
    Not,
    leaves,
)
from vigil.compliance.rules.operands import AsOf, Operand, operand, show
from vigil.compliance.rules.operators import Op

Known = bool | None
"""True, false, or None for what cannot be known."""


@dataclass(frozen=True)
class View:
    """One workspace as it is known at an instant; `event` where a transition asks."""

    workspace: f.Workspace
    documents: Sequence[f.Document]
    roles: f.Roles | None
    missing: f.MissingDocuments | None
    as_of: datetime
    zone: str
    months: dict[str, int]
    steps: Sequence[f.Step] = ()
    related: f.Related | None = None
    others: Mapping[int, f.Workspace] = field(default_factory=dict)
    event: Event | None = None

    @property
    def today(self) -> date:
        return self.local(self.as_of)

    def local(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.zone)).date()


def truth(clause: Clause, view: View) -> Known:
    """Kleene's three values, by his tables."""
    match clause:
        case All(all=parts):
            out: Known = True
            for part in parts:
                found = truth(part, view)
                if found is False:
                    return False
                if found is None:
                    out = None
            return out
        case Any_(any=parts):
            out = False
            for part in parts:
                found = truth(part, view)
                if found is True:
                    return True
                if found is None:
                    out = None
            return out
        case Not(not_=part):
            found = truth(part, view)
            return None if found is None else not found
        case _:
            return _leaf(clause, view)


def reasons(clause: Clause, view: View, met: Known) -> Iterator[Leaf]:
    """The leaves that made the clause come out as `met`."""
    match clause:
        case All(all=parts) | Any_(any=parts):
            for part in parts:
                if truth(part, view) is met:
                    yield from reasons(part, view, met)
        case Not(not_=part):
            yield from reasons(part, view, None if met is None else not met)
        case _:
            yield clause


def sentence(leaf: Leaf, view: View, among: Collection[str] = ()) -> str:
    """A leaf with what it saw, for people."""
    found = _leaf(leaf, view)
    if found is None:
        return sentences.unread(leaf, among)
    match leaf:
        case DocumentLeaf():
            wrong = [k for k in leaf.types if found or not _document(k, leaf.state.value, view)]
            return ", ".join(f"document {k} {_state(k, leaf, view)}" for k in wrong)
        case MissingLeaf():
            n = len(view.missing.types) if view.missing else 0
            return f"Extended ECM lists {n or 'no'} missing document{'s' if n > 1 else ''}"
        case FieldLeaf():
            return _of_field(leaf, found, view, among)


def _state(kind: str, leaf: DocumentLeaf, view: View) -> str:
    if not _document(kind, "present", view):
        return "is missing"
    if leaf.state in (DocumentState.PRESENT, DocumentState.ABSENT):
        return "is there"
    return "is valid" if _document(kind, "valid", view) else "has expired"


MEANT = frozenset(
    {
        *(Op.EQ, Op.NE, Op.IN, Op.NOT_IN, Op.LT, Op.LE, Op.GT, Op.GE, Op.BEFORE, Op.AFTER, Op.WITHIN),
        *(Op.OLDER_THAN, Op.PRESENT, Op.ABSENT, Op.CONTAINS, Op.NOT_CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH),
        Op.MATCHES,
    }
)
"""The operators whose meaning is written here."""
UNKNOWN = (
    "tests/property/reference.py says once more what each operator means: write it there, in `_field` and `_POSITIVE` for a "
    "negation, in `_one` for texts, in `_ordered`, `_day` and `_instant` for numbers and dates, and add the operator to `MEANT`"
)

_POSITIVE = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN, Op.NOT_CONTAINS: Op.CONTAINS}


def _of_field(leaf: FieldLeaf, met: bool, view: View, among: Collection[str]) -> str:
    title, values = sentences.title(leaf.field, among), [v for v in _values(leaf, view) if _is_set(v)]
    op = _POSITIVE.get(leaf.op, leaf.op)
    if op not in (Op.PRESENT, Op.ABSENT) and met is (op is leaf.op):
        values = [v for v in values if _meets(v, op, leaf, view)]  # the value that decided is told
    if not values:
        return f"{title} is empty"
    value = values[0]
    some = _items(value) if isinstance(value, tuple) else (value,)
    tails = sentences.tails(leaf.op, _kind(some[0]), isinstance(value, tuple))
    tail = (tails.met if met else tails.unmet).format(w=sentences.wanted(leaf, view.zone))
    if isinstance(value, tuple) and len(set(some)) == 1 and tail.endswith(" among them"):
        tail = ""
    if isinstance(value, bool) and isinstance(leaf.value, bool) and leaf.op in (Op.EQ, Op.NE):
        tail = ""
    verb = "has" if leaf.ref.root == "role" else "is"
    return f"{title} {verb} {sentences.value(some if isinstance(value, tuple) else value, view.zone)}{tail}"


def _kind(value: f.Value) -> str:
    match value:
        case bool():
            return "truth"
        case datetime():
            return "instant"
        case date():
            return "date"
        case int() | float():
            return "real"
    return "text"


def _leaf(leaf: Leaf, view: View) -> Known:
    match leaf:
        case DocumentLeaf():
            if "documents" in view.workspace.unread:
                return None
            return all(_document(kind, leaf.state.value, view) for kind in leaf.types)
        case MissingLeaf():
            if "missing" in view.workspace.unread or view.missing is None:
                return None
            return bool(view.missing.types) == (leaf.missing_documents == "any")
        case FieldLeaf():
            return _field(leaf, view)


def _document(kind: str, state: str, view: View) -> bool:
    mine = [d for d in view.documents if d.type == kind]
    valid = any(_valid(d, view) for d in mine)
    return {"present": bool(mine), "absent": not mine, "valid": valid, "expired": bool(mine) and not valid}[
        state
    ]


def _valid(document: f.Document, view: View) -> bool:
    """Up to and including the day of its own date, and of the end of its type's months."""
    ends = [] if document.expires is None else [document.expires]
    if document.type in view.months:
        ends.append(view.local(document.created) + relativedelta(months=view.months[document.type]))
    return all(view.today <= end for end in ends)


def _values(leaf: FieldLeaf, view: View) -> list[f.Value]:
    """Everything that the field's name may mean, in the order of the whole names."""
    ref, w = leaf.ref, view.workspace
    match ref.root:
        case "name":
            return [w.name]
        case "created":
            return [w.created]
        case "modified":
            return [w.modified]
        case "role":
            members = view.roles.members.get(ref.name, ()) if view.roles else ()
            return [tuple(m.partition(":")[2] for m in members)]
        case "event":
            assert view.event is not None
            return [view.event.at if ref.name == "at" else view.event.fields.get(ref.name)]
        case "attr":
            return [w.attrs[k] for k in sorted(w.attrs) if k == ref.name or k.endswith("." + ref.name)]
        case _:
            mine = _related(leaf, view)
            keys = sorted({k for w in mine for k in w.attrs if k == ref.name or k.endswith("." + ref.name)})
            return [_flat(tuple(w.attrs.get(k) for w in mine)) for k in keys]


def _related(leaf: FieldLeaf, view: View) -> list[f.Workspace]:
    others = view.related.others if view.related else ()
    return [w for i in others if (w := view.others.get(i)) is not None and w.type == leaf.ref.type]


def _flat(values: tuple[f.Value, ...]) -> tuple[f.Value, ...]:
    return tuple(v for value in values for v in (value if isinstance(value, tuple) else (value,)))


def _field(leaf: FieldLeaf, view: View) -> Known:
    w, root = view.workspace, leaf.ref.root
    unread = {
        "attr": "attrs" in w.unread,
        "role": "roles" in w.unread or view.roles is None,
        "related": "related" in w.unread
        or view.related is None
        or any("attrs" in other.unread for other in _related(leaf, view)),
    }
    if unread.get(root, False):
        return None
    if leaf.op not in MEANT:
        raise NotImplementedError(f"{UNKNOWN}: {leaf.op}")
    values = [v for v in _values(leaf, view) if _is_set(v)]
    match leaf.op:
        case Op.PRESENT:
            return bool(values)
        case Op.ABSENT:
            return not values
        case Op.NE:
            return not any(_meets(v, Op.EQ, leaf, view) for v in values)
        case Op.NOT_IN:
            return not any(_meets(v, Op.IN, leaf, view) for v in values)
        case Op.NOT_CONTAINS:
            return not any(_meets(v, Op.CONTAINS, leaf, view) for v in values)
        case op:
            return any(_meets(v, op, leaf, view) for v in values)


def _is_set(value: f.Value) -> bool:
    return bool(_items(value)) if isinstance(value, tuple) else value not in (None, "")


def _items(value: tuple[f.Value, ...]) -> tuple[f.Value, ...]:
    """The items that are set; as texts when they are of several kinds."""
    some = tuple(v for v in value if v not in (None, ""))
    return some if len({type(v) for v in some}) < 2 else tuple(map(show, some))


def _meets(value: f.Value, op: Op, leaf: FieldLeaf, view: View) -> bool:
    wanted = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    if isinstance(value, tuple):
        # A list contains what is one of its items; text contains a part of itself.
        inside = Op.EQ if op is Op.CONTAINS else op
        return any(_one(v, inside, leaf.op, w, view) for v in _items(value) for w in wanted)
    return any(_one(value, op, leaf.op, w, view) for w in wanted)


def _one(value: f.Value, op: Op, written: Op, wanted: f.Value, view: View) -> bool:
    """One value against one operand. What cannot be compared does not hold."""
    if wanted is None:
        return False
    match value:
        case str():
            text = show(wanted)
            return {
                Op.EQ: value == text,
                Op.IN: value == text,
                Op.CONTAINS: text in value,
                Op.STARTS_WITH: value.startswith(text),
                Op.ENDS_WITH: value.endswith(text),
                Op.MATCHES: op is Op.MATCHES and _matches(value, text),
            }.get(op, False)
        case bool():
            return isinstance(wanted, bool) and op in (Op.EQ, Op.IN) and value is wanted
        case int() | float():
            number = isinstance(wanted, int | float) and not isinstance(wanted, bool)
            timely = op in (Op.BEFORE, Op.AFTER, Op.WITHIN, Op.OLDER_THAN, Op.CONTAINS)
            return number and not timely and _ordered(value, op, wanted)
        case datetime():
            given = _read(written, "datetime", wanted)
            return given is not None and op is not Op.CONTAINS and _instant(value, op, given, view)
        case date():
            given = _read(written, "date", wanted)
            return given is not None and op is not Op.CONTAINS and _day(value, op, given, view)
    return False


def _matches(value: str, pattern: str) -> bool:
    """By Python's own engine, which reads the patterns that are drawn here as Polars' does. What is no pattern matches nothing."""
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return False


def _read(op: Op, kind: str, wanted: f.Value) -> Operand | None:
    try:
        return operand(op, kind, wanted)
    except ValueError:
        return None


def _ordered(left: object, op: Op, right: object) -> bool:
    match op:
        case Op.EQ | Op.IN:
            return left == right
        case Op.LT | Op.BEFORE:
            return left < right  # type: ignore[operator]
        case Op.LE:
            return left <= right  # type: ignore[operator]
        case Op.GT | Op.AFTER:
            return left > right  # type: ignore[operator]
        case Op.GE:
            return left >= right  # type: ignore[operator]
    return False


def _length(given: Duration | AsOf, sign: int) -> relativedelta:
    n, unit = (given.n, given.unit) if isinstance(given, Duration) else (given.offset.n, given.offset.unit)
    word = {"d": "days", "w": "weeks", "mo": "months", "y": "years", "h": "hours", "m": "minutes"}[unit]
    return relativedelta(**{word: sign * n})  # type: ignore[arg-type]


def _by_the_clock(given: Duration | AsOf) -> bool:
    return (given.unit if isinstance(given, Duration) else given.offset.unit) in ("h", "m")


def _moved(value: date, by: relativedelta) -> date | None:
    try:
        return value + by
    except (ValueError, OverflowError):
        return None


def _day(value: date, op: Op, given: Operand, view: View) -> bool:
    match given:
        case Duration():
            # `within` has come when the day that lies so long before it has; `older_than` when the day so long after it has.
            sign = 1 if op is Op.OLDER_THAN else -1
            if _by_the_clock(given):
                return value <= view.local(view.as_of + _length(given, -sign))
            place = _moved(value, _length(given, sign))
            return place <= view.today if place is not None else value.year < 5000
        case AsOf():
            if _by_the_clock(given):
                return _ordered(value, op, view.local(view.as_of + _length(given, 1)))
            place = _moved(value, _length(given, -1))
            if place is None:
                place = date.max if value.year > 5000 else date.min
            return _ordered(place, op, view.today)
        case datetime():
            return _ordered(value, op, view.local(given))
        case _:
            return _ordered(value, op, given)


def _instant(value: datetime, op: Op, given: Operand, view: View) -> bool:
    at = value.astimezone(UTC)
    match given:
        case Duration():
            return at + _length(given, 1 if op is Op.OLDER_THAN else -1) <= view.as_of
        case AsOf():
            return _ordered(at + _length(given, -1), op, view.as_of)
        case datetime():
            return _ordered(at, op, given)
        case _:
            # An instant is compared with a date by its day.
            return _ordered(view.local(at), op, given)


def at(view: View, as_of: datetime) -> View:
    """The same facts at another instant."""
    return replace(view, as_of=as_of)


def of_event(view: View, event: Event) -> View:
    """The same facts, asked about an event."""
    return replace(view, event=event)


def instants_that_matter(clause: Clause, view: View) -> list[datetime]:
    """Instants after now around which a clause may change: the workspace's dates, moved by each length in the clause."""
    lengths = [relativedelta()]
    for leaf in leaves(clause):
        if isinstance(leaf, FieldLeaf):
            for wanted in leaf.value if isinstance(leaf.value, tuple) else (leaf.value,):
                given = _read(leaf.op, "datetime", wanted)
                if isinstance(given, Duration | AsOf):
                    lengths += [_length(given, 1), _length(given, -1)]
    out = set()
    for base in {d for d in _dates(view) if 100 < d.year < 9000}:
        for length in lengths:
            for day in (base + length, base + length + relativedelta(days=1)):
                out |= set(_places(day, view))
            out |= {place - length for place in _places(base, view)}
    around = [timedelta(seconds=s) for s in (-3600, -1, 0, 1, 1800, 3600)] + [timedelta(microseconds=1)]
    return sorted({at + more for at in out for more in around if at + more > view.as_of})


def _dates(view: View) -> set[date]:
    values = [view.workspace.created, view.workspace.modified, *view.workspace.attrs.values()]
    values += [d.expires for d in view.documents]
    for d in view.documents:
        if d.type in view.months:
            values.append(view.local(d.created) + relativedelta(months=view.months[d.type]))
    flat = [i for v in values for i in (v if isinstance(v, tuple) else (v,))]
    return {v for v in flat if isinstance(v, date)}


def _places(when: date, view: View) -> list[datetime]:
    """An instant itself; where a local day may begin, and the next one."""
    if isinstance(when, datetime):
        return [when.astimezone(UTC)]
    zone = ZoneInfo(view.zone)
    days = [when, when + timedelta(days=1)]
    return [
        datetime.combine(d, time(0), zone).replace(fold=fold).astimezone(UTC) for d in days for fold in (0, 1)
    ]


__all__ = ["Known", "View", "at", "instants_that_matter", "of_event", "reasons", "sentence", "truth"]

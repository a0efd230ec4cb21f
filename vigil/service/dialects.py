"""Keeps the dialect of the watched Extended ECM in the ledger, has it probed when it is due, and says what it costs in requests.

Contract: docs/contracts/ecm.md#dialect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil

from vigil.compliance import facts as f
from vigil.ecm import Client, dialect, probes
from vigil.ecm.change_feed import MOST_BIN_PAGES
from vigil.ecm.dialect import (
    COMPARED,
    DateFilter,
    DateForm,
    Dialect,
    KindSpelling,
    NodesForm,
    RelatedForm,
    StepEnds,
)
from vigil.ecm.probes import Known
from vigil.ledger import Ledger, watermarks
from vigil.ledger.observed import observations
from vigil.ledger.watermarks import Listed, Watermark, WatermarkName, list_of
from vigil.service import snapshot
from vigil.service.budgets import LOOKUPS, NODES_A_REQUEST, Budget

LIST_PAGE = 500
_LOOKED_AT = 200
"""How many known items of a kind are looked at for one that a probe can be tried with."""

log = logging.getLogger("vigil.run")


@dataclass(frozen=True, slots=True)
class Estate:
    """What the requests of a run depend on: the workspaces of each type that is listed, and how many roles each of them has.

    `lookups` is the site's `verify_requests`.
    """

    workspaces: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=dict)
    lookups: int = LOOKUPS

    @property
    def pages_of_types(self) -> dict[str, int]:
        """The pages of each list."""
        return {name: max(1, ceil(n / LIST_PAGE)) for name, n in self.workspaces.items()}

    @property
    def pages(self) -> int:
        """The pages of all lists."""
        return sum(self.pages_of_types.values())

    @property
    def total(self) -> int:
        return sum(self.workspaces.values())


@dataclass(frozen=True, slots=True)
class Line:
    """One line about the dialect; `known` is whether it was found.

    `costs` is in requests, empty if the server takes the cheapest way. `loses` is what Vigil sees later, or not at all; empty for
    nothing.
    """

    name: str
    saw: str
    costs: str = ""
    loses: str = ""
    known: bool = True


async def prepare(client: Client, ledger: Ledger, run: int, now: datetime) -> None:
    """Give the client the dialect that the ledger has, probed again if that is due. A run that looks back reads next to nothing."""
    client.dialect = load(ledger, client.settings.url)
    with ledger.read() as connection:
        until = watermarks.known_until(connection)
    if until is not None and now < until:
        return
    lacks = client.dialect.blind or not client.dialect.search_known
    items = known(ledger) if lacks or probes.due(client.dialect, now) else Known()
    wanted = probes.due(client.dialect, now, items)
    if wanted:
        with client.counting() as counts:
            client.dialect = await probes.probe(client, items, now)
        keep(ledger, client.settings.url, client.dialect)
        log.info("run %d: probed what Extended ECM understands: %d requests", run, counts.requests)


def tell(found: Dialect, ledger: Ledger, run: int, now: datetime, lookups: int) -> None:
    """Log what the server understands, if that was probed now, or else what costs requests. At the end, when lists are counted."""
    for line in described(found, estate(ledger, lookups)):
        if line.costs or found.tried == now:
            log.info("run %d: %s: %s%s", run, line.name, line.saw, f": {line.costs}" if line.costs else "")


def finish(client: Client, ledger: Ledger, run: int) -> None:
    """Keep what answers have shown, so that the next run knows it, and log it. Other processes of the run do the same."""
    if not client.learned:
        return
    for why in client.learned:
        log.info("run %d: learned about Extended ECM: %s", run, why)
    mine, stored = client.dialect, load(ledger, client.settings.url)
    for name in mine.learned:
        stored = stored.with_learned(mine.why.get(name, ""), **{name: getattr(mine, name)})
    keep(ledger, client.settings.url, replace(stored, doubted=stored.doubted or mine.doubted))


def load(ledger: Ledger, url: str) -> Dialect:
    """The dialect of the server at `url`, as the ledger has it; an unknown one for another server."""
    with ledger.read() as connection:
        data = watermarks.watermark(connection, WatermarkName.DIALECT).data
    return dialect.read(data.get("dialect") or {}) if data.get("url") == url else Dialect()


def keep(ledger: Ledger, url: str, found: Dialect) -> None:
    """Store the dialect with the day on which it was probed."""
    mark = Watermark(at=found.at, data={"url": url, "dialect": found.plain()})
    with ledger.write() as connection:
        watermarks.set_watermark(connection, WatermarkName.DIALECT, mark)


def known(ledger: Ledger) -> Known:
    """Items of the ledger that probes can be tried with."""
    with ledger.read() as connection:
        types = snapshot.read(watermarks.watermark(connection, WatermarkName.SCHEMA).data)
        some = {
            kind: [fact for _, fact in observations.bodies(connection, kind, "", _LOOKED_AT)]
            for kind in ("workspace", "document", "step", "related")
        }
        groups = [g for g in observations.directory(connection, ("group",)) if isinstance(g, f.Group)]
    workspaces = [w for w in some["workspace"] if isinstance(w, f.Workspace)]
    workspaces.sort(key=lambda w: not w.attrs)  # those with categories first
    groups.sort(key=lambda g: not any(one.startswith("group:") for one in g.members))
    done = {s.process: None for s in some["step"] if isinstance(s, f.Step) and s.completed_at is not None}
    related = [r for r in some["related"] if isinstance(r, f.Related)]
    related.sort(key=lambda r: -len(r.others))
    return Known(
        workspaces=[w.id for w in workspaces],
        types=[t.id for t in types if t.id is not None],
        documents={d.id: d.modified for d in some["document"] if isinstance(d, f.Document)},
        processes=list(done),
        related=[r.workspace for r in related if r.others],
        groups=[g.id for g in groups],
    )


def estate(ledger: Ledger, lookups: int) -> Estate:
    """The estate as the last complete lists counted it, for a site with so many `lookups`."""
    with ledger.read() as connection:
        types = snapshot.read(watermarks.watermark(connection, WatermarkName.SCHEMA).data)
        marks = {t.name: watermarks.watermark(connection, list_of(t.name)) for t in types}
    counts = {name: Listed.of(mark.data).workspaces for name, mark in marks.items()}
    listed = {name: n for name, n in counts.items() if n is not None}
    return Estate(listed, {t.name: len(t.roles) for t in types if t.name in listed}, lookups)


# -- what was found, and what it costs


def described(found: Dialect, of: Estate) -> list[Line]:
    """A line for each part of the dialect, with the requests that follow from the size of the estate."""
    lines = [_line(found, of, field, name, *said) for field, name, said in _parts(found, of)]
    if of.workspaces:
        return lines
    return [
        replace(line, costs="more requests, as many as there are workspaces" if line.costs else "")
        for line in lines
    ]


def _line(found: Dialect, of: Estate, field: str, name: str, saw: str, costs: str = "") -> Line:
    why = found.why.get(field, "")
    if not saw:
        return Line(name, why or "not probed yet", known=False)
    lacks, said = LOSSES.get(name, (lambda d, of: False, ""))
    loses = said if lacks(found, of) else ""
    return Line(name, f"{saw} ({why})" if why else saw, costs, loses, field not in found.unanswered)


def _parts(found: Dialect, of: Estate) -> list[tuple[str, str, tuple[str, str] | tuple[str]]]:
    return [
        ("nodes", "attributes", _nodes(found, of)),
        ("sorted", "sorted lists", _sorted(found, of)),
        ("dates", "date filter", (_DATES.get(found.dates, ""),)),
        ("wall", "end of lists", _wall(found, of)),
        ("counted", "counts of items", _counted(found)),
        ("starts_with", "name filter", (_starts_with(found),)),
        ("kind", "own workflows", (_KINDS.get(found.kind, ""),)),
        ("step_ends", "ends of steps", _step_ends(found)),
        ("role_members", "role members", _role_members(found, of)),
        ("related", "relations", _related(found)),
        ("nested_groups", "nested groups", _nested(found)),
        ("classifications", "document types", _classifications(found)),
        ("date_form", "dates", (_date_form(found),)),
        ("search", "search", _search(found)),
        ("bin", "recycle bin", _bin(found)),
        ("bin_sorted", "order of the bin", _bin_sorted(found)),
    ]  # fmt: skip


def _more(of: Estate, requests: int, instead: int, what: str) -> str:
    """The cost of more requests; "" in an estate that needs no more: lists of one page are read whole in any case."""
    return "" if of.workspaces and requests <= instead else f"{requests} {what} instead of {instead}"


def _starts_with(found: Dialect) -> str:
    if found.starts_with is None:
        return ""
    return f"a bare where_name finds {'starts of' if found.starts_with else 'whole'} names"


def _nodes(found: Dialect, of: Estate) -> tuple[str, str] | tuple[str]:
    if found.nodes is NodesForm.NONE:
        batches = ceil(of.total / NODES_A_REQUEST)
        return (
            "attributes come one by one",
            _more(of, batches + of.total, batches, "requests for all workspaces"),
        )
    return (f"attributes come with rows of nodes, by `{found.nodes}`" if found.nodes else "",)


def list_requests(found: Dialect, of: Estate) -> int:
    """The requests of a run for the lists of all types, where nothing changed."""
    types = len(of.workspaces)
    if found.sorted is not False:
        return types
    if found.dates in COMPARED:
        return min(2 * types, of.pages)
    pages = of.pages_of_types
    parts = Budget(of.lookups, found.search is not None).list_parts(pages)
    return sum(parts.get(name, n) for name, n in pages.items())


def _sorted(found: Dialect, of: Estate) -> tuple[str, str] | tuple[str]:
    if found.sorted is False:
        asked = list_requests(found, of)
        costs = _more(of, asked, len(of.workspaces), "requests a run")
        if costs and found.dates not in COMPARED and asked < of.pages:
            runs = ceil(of.pages / max(1, asked - len(of.workspaces)))  # parts overlap by a page
            costs += f"; a workspace that the search lacks is found within {runs} runs or so"
        return "lists are not sorted", costs
    return ("lists are sorted" if found.sorted else "",)


def _wall(found: Dialect, of: Estate) -> tuple[str, str] | tuple[str]:
    if found.wall is None:
        return ("no list is known to stop before its own count",)
    beyond = _beyond(found, of)
    lists = "; ".join(f"{name}: {found.wall} of {n}" for name, n in beyond.items())
    pages = sum(ceil(n / LIST_PAGE) for n in beyond.values())
    costs = f"{pages} requests and one for each start of names, instead of {pages}" if beyond else ""
    return f"a list stops after {found.wall} rows{f' ({lists})' if lists else ''}", costs


def _beyond(found: Dialect, of: Estate) -> dict[str, int]:
    """The types with more workspaces than a list gives before it stops, and how many they have."""
    return {name: n for name, n in of.workspaces.items() if found.wall is not None and n > found.wall}


def _counted(found: Dialect) -> tuple[str, str] | tuple[str]:
    if found.counted is False:
        return "a container that counts 0 may have items", "a request for each container that counts 0"
    if found.counted is None:
        return ("no container has counted an item yet: those with 0 are listed",)
    return ("containers count their items",)


def _step_ends(found: Dialect) -> tuple[str, str] | tuple[str]:
    match found.step_ends:
        case StepEnds.OWN:
            return ("steps have their own end",)
        case StepEnds.INFO:
            return "status/info has the ends of steps", "2 requests a workflow instead of 1"
        case StepEnds.UNKNOWN:
            return ("steps are completed at an unknown time",)
    return ("",)


def _role_members(found: Dialect, of: Estate) -> tuple[str, str] | tuple[str]:
    if found.role_members is False:
        each = sum(n * (1 + of.roles.get(name, 0)) for name, n in of.workspaces.items())
        return (
            "roles come without their members",
            _more(of, each, of.total, "requests for the roles of all workspaces"),
        )
    return ("roles come with their members" if found.role_members else "",)


def _related(found: Dialect) -> tuple[str, str] | tuple[str]:
    if found.related is RelatedForm.EACH:
        return "each way needs a call", "2 requests a workspace instead of 1"
    return (f"both ways come in one call, in form {found.related}" if found.related else "",)


def _nested(found: Dialect) -> tuple[str, str] | tuple[str]:
    if found.nested_groups is False:
        return "groups inside come only when asked for", "2 requests a group instead of 1"
    return ("groups show the groups inside" if found.nested_groups else "",)


def _classifications(found: Dialect) -> tuple[str, str] | tuple[str]:
    if found.classifications is False:
        return ("the types of documents are unknown",)
    return ("can be read", "1 request a new document") if found.classifications else ("",)


def _date_form(found: Dialect) -> str:
    if found.date_form is None:
        return ""
    offset = "" if found.offset is None else f", naive ones are {found.offset / 3600:+.2f} h from UTC"
    forms = {
        DateForm.NAIVE: "without a zone",
        DateForm.ZULU: "with a zone",
        DateForm.MIXED: "with and without a zone",
    }
    return f"written {forms[found.date_form]}{offset}"


def _search(found: Dialect) -> tuple[str, str] | tuple[str]:
    if found.search is not None:
        return (f"by {found.search.region}, at most {found.search.lag:.0f} s behind",)
    return (
        ("not used: changes of documents are found by scans of all known items",)
        if found.search_known
        else ("",)
    )


def _bin(found: Dialect) -> tuple[str, str] | tuple[str]:
    if found.bin is None:
        return ("",)
    return (
        f"read in mode {found.bin}"
        if found.bin
        else "refused: deletions are found by scans of all known items",
    )


def _bin_sorted(found: Dialect) -> tuple[str, str] | tuple[str]:
    if found.bin_sorted is False:
        return "the recycle bin is not sorted", f"up to {MOST_BIN_PAGES} requests a run instead of 1"
    return ("the recycle bin is sorted" if found.bin_sorted else "",)


LOSSES: Mapping[str, tuple[Callable[[Dialect, Estate], bool], str]] = {
    "attributes": (
        lambda d, of: d.nodes is NodesForm.NONE,
        "an expiry date that changed on a document is noticed later: when its modify date moves, or its workspace is read",
    ),
    "end of lists": (
        lambda d, of: bool(_beyond(d, of)),
        "the rest is read by dates and by starts of names, and a row that none of them brings is not seen: where rows lack by the "
        "list's own count, the run says that it is incomplete",
    ),
    "ends of steps": (
        lambda d, of: d.step_ends is StepEnds.UNKNOWN,
        "when a step was completed is not known: Vigil takes the time of the run that saw it",
    ),
    "document types": (
        lambda d, of: d.classifications is False,
        "the types of documents are not known: rules that need them do not judge",
    ),
    "search": (
        lambda d, of: d.search_known and d.search is None,
        "new versions, and documents inside folders, are noticed later: when a scan of everything known comes to them",
    ),
    "recycle bin": (
        lambda d, of: d.bin == "",
        "a deletion is noticed later: when a scan of everything known comes to it",
    ),
}
"""By the name of a line: with what the dialect lacks, what is then seen later or not at all."""

_DATES: Mapping[DateFilter | None, str] = {
    DateFilter.PLAIN: "dates are compared, unquoted",
    DateFilter.QUOTED: "dates are compared, in quotes",
    DateFilter.NONE: "dates are not compared",
}
_KINDS: Mapping[KindSpelling | None, str] = {
    KindSpelling.UPPER: "asked for by Kind",
    KindSpelling.LOWER: "asked for by kind",
    KindSpelling.BOTH: "asked for by Kind and kind",
}

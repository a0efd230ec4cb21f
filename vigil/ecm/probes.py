"""Finds out the dialect of a server: a few requests once a connection and day. Contract: docs/contracts/ecm.md#dialect.

No probe fails a run. A probe that gets no usable answer leaves its fields at the fallback, with the reason. Where a probe has nothing
to be tried with, such as a workspace with a category, its fields stay unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from math import ceil
from time import monotonic
from typing import Any

from vigil.ecm import parse, recycle_bin
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.dialect import (
    DateFilter,
    DateForm,
    Dialect,
    KindSpelling,
    NodesForm,
    RelatedForm,
    SearchDialect,
    StepEnds,
)
from vigil.ecm.errors import EcmError, Malformed, NotReadable, Refused, Unavailable
from vigil.ecm.listing import PAGE as RUNS_PAGE
from vigil.ecm.listing import PATH as LIST
from vigil.ecm.listing import by_date, list_params
from vigil.ecm.nodes import CATEGORIES, FORMS
from vigil.ecm.parse import GROUP
from vigil.ecm.presence import WORKFLOW
from vigil.ecm.related import BOTH, WAYS, one_way, related_ids
from vigil.recording.words import STARTS

MOST_REQUESTS = 60
"""After so many requests no further probe begins. A usual server takes about 30, and 45 where nothing of the estate is known."""

PATIENCE, ALL_PATIENCE = 20.0, 60.0
"""Seconds for one probe, and after which no further one begins."""

DAILY = timedelta(days=1)
MOST_SILENT = 2
"""After so many probes in a row that a server does not answer, or whose login it refuses, no further one is made."""
AGAIN = timedelta(hours=1)
"""How long probes wait after the last ones where they failed, or were contradicted: a server that contradicts itself is not probed in
every run.
"""

PAGE = 100
SHORT = 20
"""Rows in each of the pages that show whether the order holds from one page to the next."""
SOME = 3
"""With how many workspaces, groups or types a probe is tried."""

BIN_MODES = ("anyone_deleted_today", "anyone_deleted")

Found = tuple[Mapping[str, Any], str]
"""The fields that a probe has found, and what it saw, in words."""


@dataclass(frozen=True, slots=True)
class Known:
    """Items of the estate that probes are tried with, by id. Where there are none, lists are asked for some."""

    workspaces: Sequence[int] = ()
    types: Sequence[int] = ()
    documents: Mapping[int, datetime] = field(default_factory=dict)  # with their modify dates
    processes: Sequence[int] = ()
    related: Sequence[int] = ()  # workspaces with related ones
    groups: Sequence[int] = ()


def due(dialect: Dialect, now: datetime, known: Known | None = None) -> frozenset[str]:
    """The fields to probe now: all of them daily and after a contradiction, and those whose probe failed.

    Once items are `known`, also those that the first probe had nothing to be tried with. Nothing for a run
    whose instant lies before the last probe: it looks at the past.
    """
    if dialect.tried is not None and now < dialect.tried:
        return frozenset()
    if _is_daily(dialect, now):
        return PROBED
    late = _tried_with_nothing(dialect, known or Known())
    if late:
        return late
    if dialect.tried is not None and now - dialect.tried < AGAIN:
        return frozenset()
    return PROBED - dialect.learned if dialect.doubted else dialect.unanswered & PROBED


_OF_SEARCH = frozenset({"search", "search_known"})
"""`search` is None also where it is known that there is none."""


def _tried_with_nothing(dialect: Dialect, known: Known) -> frozenset[str]:
    """The fields that earlier probes had nothing to be tried with, and now have: the search needs a document."""
    unknown = {name for name in PROBED - _OF_SEARCH if getattr(dialect, name) is None}
    late = unknown if dialect.blind and known.workspaces else set()
    return frozenset(late | _OF_SEARCH if known.documents and not dialect.search_known else late)


def _is_daily(dialect: Dialect, now: datetime) -> bool:
    return dialect.at is None or now - dialect.at >= DAILY


async def probe(client: Client, known: Known, now: datetime) -> Dialect:
    """The client's dialect, with the fields that are due probed. Never raises for what a server answers."""
    before = client.dialect
    wanted, daily = due(before, now, known), _is_daily(before, now)
    values: dict[str, Any] = {}
    why = {name: said for name, said in before.why.items() if name not in wanted}
    unanswered = set(before.unanswered - wanted)
    ground = _Ground(client, known)
    deadline, silent = monotonic() + ALL_PATIENCE, 0
    with client.counting() as counts:
        for one in PROBES:
            if wanted.isdisjoint(one.fields):
                continue
            found, said = None, f"not asked: the probes before it made {counts.requests} requests"
            if silent == MOST_SILENT:
                said = "not asked: the server did not answer"
            elif counts.requests < MOST_REQUESTS and monotonic() < deadline:
                found, said = await _softly(one, ground)
                silent = 0 if ground.answers else silent + 1
            if found is None:
                unanswered.update(one.fields)
            values |= {**one.unknown, **(one.fallback if found is None else found)}
            why |= dict.fromkeys(one.fields, said)
    return replace(
        before,
        **values,
        # Of a server that did not answer nothing was found out: the next run begins anew.
        at=now if daily and silent < MOST_SILENT else before.at,
        tried=now,
        blind=not known.workspaces,
        why=why,
        doubted=False,
        learned=frozenset() if daily else before.learned,
        unanswered=frozenset(unanswered),
    )


async def _softly(one: Probe, ground: _Ground) -> tuple[Mapping[str, Any] | None, str]:
    """What a probe finds; None, and why, if it has no usable answer."""
    ground.answers = True
    try:
        async with asyncio.timeout(PATIENCE):
            return await one.ask(ground)
    except TimeoutError:
        ground.answers = False
        return None, f"not found out: no answer in {PATIENCE:.0f} s"
    except EcmError as error:
        ground.answers = not isinstance(error, Unavailable | Refused)
        return None, f"not found out: {error.path}: {error.message}"
    except Exception as error:  # noqa: BLE001  whatever a server answers, a probe fails no run
        return (
            None,
            f"not found out: the answer is not of the shape that is documented ({type(error).__name__})",
        )


@dataclass
class _Ground:
    """What probes share: the client, known items, and lists that more than one of them reads."""

    client: Client
    known: Known
    answers: bool = True  # whether the server answered the last probe, with whatever it was
    _lists: dict[int, Json] = field(default_factory=dict)
    _types: Sequence[int] | None = None
    _document: list[tuple[int, datetime | None] | None] | None = None

    async def get(self, path: str, params: Params | None = None) -> Json:
        return await self.client.get(path, params)

    async def types(self) -> Sequence[int]:
        """Ids of workspace types."""
        if self._types is None:
            self._types = self.known.types or await self._listed_types()
        return self._types[:SOME]

    async def _listed_types(self) -> list[int]:
        path = "/v2/businessworkspacetypes"
        rows = parse.rows(await self.get(path, {"expand_wksp_info": "true"}), path)
        return [parse.identity(parse.properties(row)["wksp_type_id"]) for row in rows]

    async def listed(self, type_id: int) -> Json:
        """The first page of a type's list, newest change first."""
        if type_id not in self._lists:
            params = {**list_params(type_id), "global_metadata": "true", "limit": PAGE, "page": 1}
            self._lists[type_id] = await self.get(LIST, params)
        return self._lists[type_id]

    async def first_pages(
        self, type_id: int, sort: str, limit: int, pages: int = 2
    ) -> list[tuple[int, datetime]]:
        """The ids and modify dates on the first pages of a type's list, each row once: a page past the end repeats the last one."""
        found: dict[int, datetime] = {}
        for page in range(1, pages + 1):
            params = {**list_params(type_id), "sort": sort, "limit": limit, "page": page}
            for number, at in self.dated(await self.get(LIST, params)):
                found.setdefault(number, at)
        return list(found.items())

    async def workspaces(self) -> Sequence[int]:
        if self.known.workspaces:
            return self.known.workspaces[:SOME]
        found: list[int] = []
        for type_id in await self.types():
            found += [parse.node_id(row) for row in parse.rows(await self.listed(type_id), LIST)[:1]]
        return found

    async def document(self) -> tuple[int, datetime | None] | None:
        """A document and its modify date: of those that are known the newest, else any that a list or the search shows.

        So the first run, which knows none, believes the search as well as a later one.
        """
        if self._document is None:
            found = max(self.known.documents.items(), key=lambda one: one[1], default=None)
            self._document = [found or await self._listed_document() or await self._found_document()]
        return self._document[0]

    async def _listed_document(self) -> tuple[int, datetime | None] | None:
        for workspace in await self.workspaces():
            path = f"/v2/nodes/{workspace}/nodes"
            params: Params = {"where_type": parse.DOCUMENT, "fields": "properties", "limit": 1, "page": 1}
            for row in parse.rows(await self.get(path, params), path):
                return parse.node_id(row), self.instant(parse.properties(row).get("modify_date"))
        return None

    async def _found_document(self) -> tuple[int, datetime | None] | None:
        try:
            rows = await _search_rows(self, "OTSubType: 144")
        except (NotReadable, Malformed):
            return None
        return max(self.dated_rows(rows), key=lambda one: one[1], default=None)

    def instant(self, text: object) -> datetime | None:
        return parse.instant(text, self.client.settings.tz)

    def dated(self, answer: Json) -> list[tuple[int, datetime]]:
        """The ids and modify dates of a list's rows."""
        return self.dated_rows(parse.rows(answer, LIST))

    def dated_rows(self, rows: Sequence[Json]) -> list[tuple[int, datetime]]:
        read = [(parse.node_id(row), self.instant(parse.properties(row).get("modify_date"))) for row in rows]
        return [(number, at) for number, at in read if at is not None]


# -- nodes and lists


async def _nodes(ground: _Ground) -> Found:
    node = None
    for number in await ground.workspaces():
        path = f"/v2/nodes/{number}"
        answer = await ground.get(path, {"fields": ["properties{id}", CATEGORIES]})
        if _held(parse.single(answer, path)):
            node = number
            break
    if node is None:
        return {}, "no workspace with categories was found to try it with"
    for form in FORMS:
        try:
            answer = await ground.client.nodes([node], ["properties{id}", CATEGORIES], form)
        except (NotReadable, Malformed):
            continue
        if any(_held(row) for row in parse.rows(answer, "/v2/nodes/list")):
            return {"nodes": form}, f"node {node} comes with its categories"
    return {"nodes": NodesForm.NONE}, f"node {node} comes without its categories in every form"


def _held(row: Json) -> bool:
    """Whether a row has categories: an empty list does not show that the parameter is obeyed."""
    return bool((row.get("data") or {}).get(CATEGORIES))


async def _sorted(ground: _Ground) -> Found:
    """Whether rows are in order both ways, and across pages: some servers sort the rows of each page that they give, not the list."""
    said: list[str] = []
    for type_id in await ground.types():
        newest = await ground.listed(type_id)
        top = [at for _, at in ground.dated(newest)]
        if len(set(top)) < 2:
            continue
        limit = min(SHORT, ceil(len(top) / 2))
        down = [at for _, at in await ground.first_pages(type_id, "desc_modify_date", limit)]
        up = [at for _, at in await ground.first_pages(type_id, "asc_modify_date", limit, pages=1)]
        about = f"type {type_id}, {len(top)} rows and pages of {limit}: {_told(newest)}"
        deep = await _second_page(ground, type_id, newest)
        seen = [*top, *down, *deep]
        in_order = all(_falls(rows) for rows in (top, down, top[-1:] + deep, up[::-1]))
        if not in_order or max(seen) not in down[:1] or not up or up[0] > min(seen):
            return {"sorted": False}, f"{about}; its rows came in another order than the one asked for"
        said.append(f"{about}; its rows came in order, newest first and oldest first")
    return ({"sorted": True}, "; ".join(said)) if said else ({}, "no list has two dates to compare")


def _falls(dates: Sequence[datetime]) -> bool:
    """Whether no date is later than the one before."""
    return all(later <= before for before, later in pairwise(dates))


async def _second_page(ground: _Ground, type_id: int, first: Json) -> list[datetime]:
    """The dates of the second page that runs would read of a long list, without the rows of the first answer: none for a short one."""
    total = _total(first)
    if total is None or total <= RUNS_PAGE:
        return []
    params = {**list_params(type_id), "limit": RUNS_PAGE, "page": 2}
    known = {number for number, _ in ground.dated(first)}
    return [at for number, at in ground.dated(await ground.get(LIST, params)) if number not in known]


def _told(answer: Json) -> str:
    """What a list itself says about sorting, which is not always what it does."""
    fields = parse.mapping(parse.mapping(answer.get("meta_data")).get("properties"))
    flag = parse.mapping(fields.get("modify_date")).get("sort")
    if not isinstance(flag, bool):
        return "the server does not say whether it sorts by modify date"
    return f"the server says that it can{'' if flag else 'not'} sort by modify date"


async def _dates(ground: _Ground) -> Found:
    for type_id in await ground.types():
        answer = await ground.listed(type_id)
        dates = sorted({at for _, at in ground.dated(answer)})
        total = _total(answer)
        if len(dates) >= 2 and total is not None:
            return await _compared(ground, type_id, dates[(len(dates) - 1) // 2], total)
    return {}, "no list has two dates to compare"


async def _compared(ground: _Ground, type_id: int, bound: datetime, total: int) -> Found:
    """The form in which every row obeys a date, and fewer came than without it."""
    local = bound.astimezone(ground.client.settings.tz).replace(tzinfo=None).isoformat(timespec="seconds")
    for form in (DateFilter.PLAIN, DateFilter.QUOTED):
        params = {**list_params(type_id), **by_date(form, "<=", local), "limit": PAGE, "page": 1}
        try:
            answer = await ground.get(LIST, params)
        except NotReadable:
            continue
        came, count = ground.dated(answer), _total(answer)
        if came and count is not None and count < total and all(at <= bound for _, at in came):
            return {
                "dates": form
            }, f"type {type_id}: {count} of {total} rows are not after {local}, and each obeys"
    return {"dates": DateFilter.NONE}, f"type {type_id}: no form of modify_date <= {local} is obeyed"


def _total(answer: Json) -> int | None:
    return parse.integer(((answer.get("paging") or {}) or {}).get("total_count"))


async def _starts_with(ground: _Ground) -> Found:
    for type_id in await ground.types():
        answer = await ground.listed(type_id)
        for row in parse.rows(answer, LIST)[:1]:
            name = str(parse.properties(row).get("name") or "")
            start = name[:STARTS]  # a recording keeps that many characters apart
            if start == name:
                continue
            params = {**list_params(type_id), "where_name": start, "limit": PAGE, "page": 1}
            came = await ground.get(LIST, params)
            names = [str(parse.properties(one).get("name") or "") for one in parse.rows(came, LIST)]
            if any(not one.casefold().startswith(start.casefold()) for one in names):
                return {}, "a bare where_name is not obeyed"
            return {
                "starts_with": bool(names)
            }, "starts of names are found" if names else "whole names only are found"
    return {}, "no workspace has a name to try it with"


# -- workflows


async def _kind(ground: _Ground) -> Found:
    for status in ("ontime", "completed"):
        obeyed: dict[KindSpelling, bool | None] = {}
        count = 0
        for spelling in (KindSpelling.UPPER, KindSpelling.LOWER):
            managed = await _processes(ground, spelling, "Managed", status)
            started = await _processes(ground, spelling, "Initiated", status) if managed is not None else None
            obeyed[spelling] = None if managed is None or started is None else managed != started
            count = max(count, len(managed or ()))
            if obeyed[spelling]:
                return {
                    "kind": spelling
                }, f"{spelling} is obeyed; this user manages {count} workflows ({status})"
        taken = [spelling for spelling, is_obeyed in obeyed.items() if is_obeyed is not None]
        if len(taken) == 1:
            return {
                "kind": taken[0]
            }, f"only {taken[0]} is taken; this user manages {count} workflows ({status})"
        if not taken:
            return {}, "lists of workflows are refused"
        if count:
            break
    return {
        "kind": KindSpelling.BOTH
    }, f"neither spelling makes a difference among {count} workflows: both are sent"


async def _processes(ground: _Ground, spelling: str, kind: str, status: str) -> set[int] | None:
    """The processes of a list; None if it is refused."""
    path = "/v2/workflows/status"
    try:
        rows = parse.rows(
            await ground.get(path, {spelling: kind, "wstatus": status, "wfretention": 30}), path
        )
    except NotReadable:
        return None
    return {parse.identity(row["data"]["wfstatus"]["process_id"]) for row in rows}


async def _step_ends(ground: _Ground) -> Found:
    numbers = list(ground.known.processes[:SOME])
    if not numbers:
        for spelling in (KindSpelling.UPPER, KindSpelling.LOWER):
            numbers += sorted(await _processes(ground, spelling, "Managed", "completed") or ())[:1]
            if numbers:
                break
    for number in numbers:
        path = WORKFLOW.path.replace("{id}", str(number))
        try:
            results = parse.single(await ground.get(path), path)
        except NotReadable:
            continue
        done = (results.get("step_list") or {}).get("completed") or []
        if not any(parse.integer(step.get("task_id")) for step in done):
            continue
        if any(value for step in done for key, value in step.items() if key.startswith("task_completed")):
            return {"step_ends": StepEnds.OWN}, f"process {number}: steps have their own end"
        return await _by_info(ground, number, results)
    return {}, "no workflow with a completed step was found to try it with"


async def _by_info(ground: _Ground, number: int, results: Json) -> Found:
    work = (results.get("wf_details") or {}).get("work_workID") or number
    try:
        info = await ground.get("/v2/workflows/status/info", {"workid": work})
    except NotReadable as error:
        said = f"process {number}: steps have no end, and status/info: {error.message}"
        # Any other refusal may be of this process alone, or a gateway's.
        return {"step_ends": StepEnds.UNKNOWN} if error.is_no_route else {}, said
    if not info.get("results"):
        return {}, f"process {number}: steps have no end, and status/info gave no answer that can be read"
    if _any_value(info, "SubWorkTask_DateDone"):
        return {"step_ends": StepEnds.INFO}, f"process {number}: status/info has the ends of steps"
    return {"step_ends": StepEnds.UNKNOWN}, f"process {number}: neither its steps nor status/info have ends"


def _any_value(found: object, key: str) -> bool:
    """Whether a key has a value anywhere in an answer: versions wrap it differently."""
    if isinstance(found, dict):
        return bool(found.get(key)) or any(_any_value(one, key) for one in found.values())
    return isinstance(found, list) and any(_any_value(one, key) for one in found)


# -- people and relations


async def _role_members(ground: _Ground) -> Found:
    for workspace in await ground.workspaces():
        path = f"{LIST}/{workspace}/roles"
        roles = [parse.role(row) for row in parse.rows(await ground.get(path, {"fields": "members"}), path)]
        if roles:
            delivered = any(role.members is not None for role in roles)
            said = "come with" if delivered else "do not come with"
            return {"role_members": delivered}, f"workspace {workspace}: members {said} their roles"
    return {}, "no workspace with roles was found to try it with"


async def _related(ground: _Ground) -> Found:
    """Both ways in one call, with a workspace that has different related ones each way."""
    for workspace in list(ground.known.related[:2]) or await ground.workspaces():
        children, parents = [await related_ids(ground.client, workspace, one_way(way)) for way in WAYS]
        if not children - parents or not parents - children:
            continue
        for form, ways in BOTH.items():
            try:
                came = await related_ids(ground.client, workspace, {"where_rel_types": ways})
            except NotReadable:
                continue
            if came == children | parents:
                return {"related": form}, f"workspace {workspace}: {ways} gives both ways"
        return {
            "related": RelatedForm.EACH
        }, f"workspace {workspace}: where_rel_types does not give both ways"
    return {}, "no workspace with related ones both ways was found to try it with"


async def _nested_groups(ground: _Ground) -> Found:
    groups = list(ground.known.groups[:SOME])
    if not groups:
        rows = parse.rows(
            await ground.get("/v2/members", {"where_type": GROUP, "limit": PAGE, "page": 1}), "/v2/members"
        )
        groups = [parse.node_id(row) for row in rows[:SOME]]
    for group in groups:
        path = f"/v2/members/{group}/members"
        everyone = await _groups_in(ground, path, {})
        if everyone:
            return {"nested_groups": True}, f"group {group} shows the groups inside"
        try:
            inside = await _groups_in(ground, path, {"where_type": GROUP})
        except NotReadable as error:
            return {"nested_groups": True}, f"where_type is refused: {error.message}"
        if inside:
            return {
                "nested_groups": False
            }, f"group {group} shows the groups inside only when asked for groups"
    return {}, "no group with a group inside was found to try it with"


async def _groups_in(ground: _Ground, path: str, params: dict[str, str | int]) -> int:
    rows = parse.rows(await ground.get(path, {**params, "limit": PAGE, "page": 1}), path)
    return sum(parse.integer(parse.properties(row).get("type")) == GROUP for row in rows)


# -- documents, dates, search, recycle bin


async def _classifications(ground: _Ground) -> Found:
    found = await ground.document()
    if found is None:
        return {}, "no document was found to try it with"
    path = f"/v1/nodes/{found[0]}/classifications"
    try:
        answer = await ground.get(path)
    except NotReadable as error:
        # Any other refusal may be of this document alone, or a gateway's.
        refused = {"classifications": False} if error.is_no_route else {}
        return refused, f"document {found[0]}: {error.message}"
    is_list = isinstance(answer.get("data"), list)
    said = f"document {found[0]}: {'can be read' if is_list else 'no list came'}"
    return {"classifications": True} if is_list else {}, said


async def _date_form(ground: _Ground) -> Found:
    """How the list of workspaces and a node itself write the same date."""
    for type_id in await ground.types():
        for row in parse.rows(await ground.listed(type_id), LIST)[:1]:
            number, listed = parse.node_id(row), parse.properties(row).get("modify_date")
            path = f"/v2/nodes/{number}"
            own = parse.properties(parse.single(await ground.get(path, {"fields": "properties"}), path)).get(
                "modify_date"
            )
            if isinstance(listed, str) and isinstance(own, str) and listed and own:
                return _forms(number, listed, own)
    return {}, "no workspace with a date was found"


def _forms(number: int, listed: str, own: str) -> Found:
    one, other = datetime.fromisoformat(listed), datetime.fromisoformat(own)
    said = f"workspace {number}: {listed} in the list, {own} by its own id"
    if (one.tzinfo is None) == (other.tzinfo is None):
        return {"date_form": DateForm.NAIVE if one.tzinfo is None else DateForm.ZULU}, said
    naive, zoned = (one, other) if one.tzinfo is None else (other, one)
    offset = (naive.replace(tzinfo=zoned.tzinfo) - zoned).total_seconds() + (
        zoned.utcoffset() or timedelta()
    ).total_seconds()
    return {"date_form": DateForm.MIXED, "offset": offset}, said


async def _search(ground: _Ground) -> Found:
    nothing = {"search": None, "search_known": True}
    try:
        regions = str(await ground.get("/v1/regions", {"queryable": "true"}))
    except NotReadable as error:
        return nothing, f"none: {error.message}"
    region = next((name for name in ("OTModifyDate", "OTObjectDate") if name in regions), None)
    if region is None:
        return nothing, "none: neither OTModifyDate nor OTObjectDate can be searched"
    newest = await ground.document()
    if newest is None or newest[1] is None:
        return {}, "no document was found to search for"
    day = newest[1] - timedelta(days=1)
    since = f'[QLREGION "{region}"] >= "{day:%Y%m%d}"'
    takes_fields = True
    try:
        came = await _searched(ground, since)
    except (NotReadable, Malformed):
        takes_fields = False
        try:
            came = await _searched(ground, since, takes_fields=False)
        except (NotReadable, Malformed) as error:
            return nothing, f"none: {error.message}"
    if not came:
        return (
            nothing,
            f"none: nothing was found from {day:%Y-%m-%d} on, though document {newest[0]} is of {newest[1]:%Y-%m-%d}",
        )
    if any(at < day - timedelta(days=2) for at in came):
        return nothing, f"none: rows before {day:%Y-%m-%d} came for those from it on"
    lag = max(timedelta(), newest[1] - max(came)).total_seconds()
    times = "OTModifyTime" in regions and await _has_times(ground, region, came, takes_fields)
    said = f"{region}{' and OTModifyTime' if times else ''}; the newest document found is {lag:.0f} s behind the newest known"
    return {"search": SearchDialect(region, times, lag, takes_fields), "search_known": True}, said


async def _has_times(ground: _Ground, region: str, came: Collection[datetime], takes_fields: bool) -> bool:
    """Whether times within a day cut it in two, and each row obeys. In which zone the index writes them nobody says: the server's, or
    UTC. Cutting a day needs no zone, only that one is obeyed.
    """
    for zone in (ground.client.settings.tz, UTC):
        days: dict[date, set[time]] = {}
        for at in came:
            local = at.astimezone(zone)
            days.setdefault(local.date(), set()).add(local.time().replace(microsecond=0))
        day = max((day for day, times in days.items() if len(times) > 1), default=None)
        if day is None:
            continue  # with one time nothing can be cut
        times = sorted(days[day])
        middle = times[len(times) // 2]
        try:
            parts = [
                await _searched(
                    ground,
                    f'[QLREGION "{region}"] = "{day:%Y%m%d}" AND [QLREGION "OTModifyTime"] {side} "{middle:%H%M%S}"',
                    takes_fields=takes_fields,
                )
                for side in (">=", "<")
            ]
        except (NotReadable, Malformed):
            return False
        late, early = ([at.astimezone(zone) for at in part] for part in parts)
        if (
            late
            and early
            and all(at.date() == day for at in late + early)
            and all(at.time() >= middle for at in late)
            and all(at.time() < middle for at in early)
        ):
            return True
    return False


async def _searched(ground: _Ground, where: str, *, takes_fields: bool = True) -> list[datetime]:
    """The modify dates of the documents that a query finds, by its first page."""
    rows = await _search_rows(ground, f"OTSubType: 144 AND {where}", takes_fields)
    return [
        at for row in rows if (at := ground.instant(parse.properties(row).get("modify_date"))) is not None
    ]


async def _search_rows(ground: _Ground, where: str, takes_fields: bool = False) -> list[Json]:
    form = {"where": where, "lookfor": "complexquery", "within": "all", "limit": str(PAGE), "page": "1"}
    form |= {"fields": "properties"} if takes_fields else {}
    return parse.rows(await ground.client.post("/v2/search", form), "/v2/search")


async def _bin(ground: _Ground) -> Found:
    """The first mode that is allowed, and whether the first rows come in order: runs compare the others."""
    said = ""
    for mode in BIN_MODES:
        params: Params = {
            "mode": mode,
            "sort": "desc_deleted_date",
            "fields": "properties",
            "limit": SHORT,
            "page": 1,
        }
        try:
            rows, _ = recycle_bin.rows(await ground.get(recycle_bin.PATH, params), ground.client.settings.tz)
        except (NotReadable, Refused) as error:
            said = said or error.message
            continue
        if wrong := recycle_bin.misplaced(rows):
            return {
                "bin": mode,
                "bin_sorted": False,
            }, f"{mode} can be read; node {wrong.id} is not in the order that was asked for"
        compared = len({row.deleted for row in rows}) > 1
        return {
            "bin": mode,
            "bin_sorted": True if compared else None,
        }, f"{mode} can be read, {len(rows)} rows"
    return {"bin": ""}, f"refused: {said}"


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: its fields, and what stands where it gets no usable answer."""

    fields: tuple[str, ...]
    ask: Callable[[_Ground], Awaitable[Found]]
    fallback: Mapping[str, Any]

    @property
    def unknown(self) -> Mapping[str, Any]:
        """The fields where there is nothing to try the probe with."""
        return {name: _UNKNOWN[name] for name in self.fields}


_UNKNOWN: Mapping[str, Any] = {one.name: getattr(Dialect(), one.name) for one in fields(Dialect)}

PROBES = (
    # A server that cannot be asked is taken for the first form: rows without categories are unread, and named.
    Probe(("nodes",), _nodes, {}),
    Probe(("sorted",), _sorted, {"sorted": False}),
    Probe(("kind",), _kind, {"kind": KindSpelling.BOTH}),
    Probe(("step_ends",), _step_ends, {}),
    Probe(("role_members",), _role_members, {}),
    Probe(("related",), _related, {"related": RelatedForm.EACH}),
    Probe(("nested_groups",), _nested_groups, {}),
    Probe(("classifications",), _classifications, {}),
    Probe(("date_form", "offset"), _date_form, {}),
    Probe(("dates",), _dates, {"dates": DateFilter.NONE}),
    Probe(("search", "search_known"), _search, {"search": None, "search_known": True}),
    Probe(("bin", "bin_sorted"), _bin, {"bin": ""}),
    Probe(("starts_with",), _starts_with, {}),
)

PROBED = frozenset(name for one in PROBES for name in one.fields)

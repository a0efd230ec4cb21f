"""The faults of the simulated ECM: one switch for each numbered quirk of docs/contracts/ecm.md#quirks, and scripted faults.

The defaults are the behaviour of a healthy, ordinary system. Random faults depend on the seed, the endpoint and the number of the
request to it, so that the same run gives the same faults.
"""

from __future__ import annotations

import fnmatch
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from vigil.sandbox.dialects import DIALECTS
from vigil.sandbox.json_lines import instant, listed, nearest
from vigil.sandbox.world.ids import DEEPEST

MODULES = (
    "doctypes", "missingdocuments", "inprocessdocuments", "reports", "myteamtodo", "followups", "workflow",
    "statusinfo", "activities", "search", "classifications", "recyclebin",
)  # fmt: skip
"""What an ECM may lack: their endpoints then answer 400 (quirk 20)."""

REGIONS = ("OTSubType", "OTModifyDate", "OTModifyTime", "OTObjectDate", "OTCreateDate", "OTName", "OTDataID")
"""Regions of the search index that a query may name."""

BIN_MODES = ("user_deleted_today", "user_deleted", "anyone_deleted_today", "anyone_deleted")
"""Modes of the recycle bin, in the order in which one is taken when none is asked for."""

_NAMES = {
    "modules_absent": ("modules", MODULES),
    "search_regions": ("regions", REGIONS),
    "bin_modes_off": ("modes", BIN_MODES),
}


@dataclass(slots=True)
class Quirks:
    """The switches. The number in `metadata` is the contract's; rates are shares of requests from 0 to 1."""

    caps_clamp: bool = field(default=True, metadata={"quirk": 1})  # off: `limit` is honoured however large
    children_cap: int = field(
        default=1000, metadata={"quirk": 1}
    )  # of a page of children; no server's is known
    last_page_repeats: bool = field(default=True, metadata={"quirk": 2})  # off: past the end is empty
    ticket_rotates: int = field(default=200, metadata={"quirk": 3})  # a new ticket every N requests, 0 never
    ticket_expires: int = field(default=0, metadata={"quirk": 4})  # a ticket dies after N requests, 0 never
    tickets_revoked: int = field(default=0, metadata={"quirk": 5})  # all tickets die at once every N requests
    missing_is_400: bool = field(default=True, metadata={"quirk": 6})  # off: a missing node is 404
    missing_workspace_404: bool = field(
        default=False, metadata={"quirk": 6}
    )  # paths of workspaces; off: as a node
    missing_children_500: bool = field(default=True, metadata={"quirk": 7})  # off: as a missing node
    html_200: float = field(default=0.0, metadata={"quirk": 8})
    try_again_500: float = field(default=0.0, metadata={"quirk": 9})  # share of URLs that fail the first time
    proxy_errors: float = field(default=0.0, metadata={"quirk": 10})  # 502, 503, 504
    mixed_dates: bool = field(default=True, metadata={"quirk": 11})  # off: all dates are naive
    unset_forms: bool = field(default=True, metadata={"quirk": 12})  # off: unset is always null
    category_containers: bool = field(
        default=True, metadata={"quirk": 13}
    )  # off: always the list of one each
    set_rows: bool = field(default=True, metadata={"quirk": 14})  # off: a set shows its first row only
    unreadable: tuple[int, ...] = field(default=(), metadata={"quirk": 15})  # ids that nobody may read
    unreadable_counted: bool = field(default=True, metadata={"quirk": 15})  # in totals, with shorter pages
    nodes_list_drops: bool = field(default=True, metadata={"quirk": 16})  # off: one bad id refuses the call
    list_shifts: int = field(default=0, metadata={"quirk": 17})  # rows that came in front (or, below 0, left)
    starts_with: bool = field(default=True, metadata={"quirk": 18})  # off: names are compared whole
    recent_without_expanded: bool = field(default=True, metadata={"quirk": 19})
    modules_absent: tuple[str, ...] = field(default=(), metadata={"quirk": 20})  # names of MODULES
    deleted_users_stay: bool = field(
        default=True, metadata={"quirk": 21}
    )  # off: they leave roles and attributes
    groups_nest: bool = field(default=True, metadata={"quirk": 22})  # off: members of a group are users only
    audit_without_ids: bool = field(default=True, metadata={"quirk": 23})  # off: rows carry `audit_id`
    child_change_silent: bool = field(default=True, metadata={"quirk": 24})
    slow_answers: float = field(default=0.0, metadata={"quirk": 25})  # `slow_seconds` late
    cut_connections: float = field(default=0.0, metadata={"quirk": 25})  # closed in the middle of the body
    wrong_lengths: float = field(
        default=0.0, metadata={"quirk": 25}
    )  # content-length promises more than comes
    deep_offset: int = field(default=0, metadata={"quirk": 26})  # rows beyond are refused, 0 never
    own_assignments_only: bool = field(default=True, metadata={"quirk": 27})  # off: everybody's
    creation_touches_parent: bool = field(
        default=True, metadata={"quirk": 29}
    )  # the direct one, nothing higher
    nodes_list_limit: int = field(default=250, metadata={"quirk": 30})  # more ids are refused, 0 never
    nodes_list_fields: str = field(
        default="form", metadata={"quirk": 30, "choices": ("url", "form", "body", "none")}
    )  # which `fields` of nodes/list count; with none of them rows have properties only
    wall: int = field(
        default=100_000, metadata={"quirk": 31}
    )  # no `next` from this row of workspaces on, 0 never
    actions_on_one_page: bool = field(default=False, metadata={"quirk": 31})  # `paging.actions` also there
    ranges_by_page: bool = field(default=True, metadata={"quirk": 31})  # off: `range_*` are positions
    detail_as_list: bool = field(default=True, metadata={"quirk": 37})  # a workspace's own `results`
    missing_member_500: bool = field(default=True, metadata={"quirk": 38})  # off: 400
    zones_are_numbers: bool = field(default=True, metadata={"quirk": 38})  # off: every `time_zone` is -1
    service_user_type: int = field(default=17, metadata={"quirk": 38})  # 0: an ordinary user
    signing_groups: tuple[str, ...] = field(default=(), metadata={"quirk": 38})  # groups that have type 101
    groups_need_where_type: bool = field(default=True, metadata={"quirk": 38})  # groups of a group
    audit_agents: bool = field(
        default=True, metadata={"quirk": 39}
    )  # off: as old servers, with `mixed_dates` off
    null_lists: bool = field(default=True, metadata={"quirk": 40})  # [null], [""] of unset multi-values
    ticket_refused_once: bool = field(
        default=False, metadata={"quirk": 41}
    )  # each new one, by the other node
    classifications_apart: bool = field(default=True, metadata={"quirk": 43})  # off: nodes tell them too
    html_errors: float = field(default=0.0, metadata={"quirk": 44})  # 500 with a page of Content Server
    error_details: bool = field(default=False, metadata={"quirk": 44})  # `errorDetail` beside `error`
    codes_in_200: bool = field(default=False, metadata={"quirk": 44})  # refusals as 200 with `statusCode`
    role_members_collection: bool = field(default=False, metadata={"quirk": 45})  # on: they come with paging
    role_members_bare: bool = field(default=False, metadata={"quirk": 45})  # no e-mail, no `display_name`
    listed_members_bare: bool = field(
        default=False, metadata={"quirk": 45}
    )  # no e-mail, no `deleted` in lists
    where_name_equals: bool = field(
        default=True, metadata={"quirk": 46}
    )  # off: the start of a workspace's name
    date_sort: bool = field(
        default=True, metadata={"quirk": 46}
    )  # off: a sort by a date of workspaces is ignored
    date_sort_flag: bool = field(
        default=True, metadata={"quirk": 46}
    )  # what `meta_data` says of `modify_date`
    date_columns: bool = field(default=True, metadata={"quirk": 46})  # where_column_query knows `modify_date`
    unknown_columns: str = field(default="refused", metadata={"quirk": 46, "choices": ("refused", "ignored")})
    quoted_dates: bool = field(default=False, metadata={"quirk": 46})  # off: dates count only without quotes
    multilingual_names: bool = field(default=True, metadata={"quirk": 47})
    routes_absent: tuple[str, ...] = field(
        default=(), metadata={"quirk": 20}
    )  # patterns over GET /v2/nodes/{id}
    attribute_touches: bool = True  # a changed attribute moves its workspace's date
    rel_types: str = field(default="braces", metadata={"choices": ("both", "comma", "braces", "none")})
    rel_types_misread: str = field(default="refused", metadata={"choices": ("refused", "empty")})
    rel_type_in_rows: bool = True  # related items say `rel_type`, as newer servers do
    user_ids_in_lists: bool = True  # off: rows of workspaces name no creator
    type_ids_in_lists: bool = True  # off: rows of workspaces have no `wnf_wksp_type_id`
    strict_parameters: bool = False  # a parameter that the vendor's documents do not have is refused
    domains: bool = False  # login takes a `domain`
    server_version: str = "23.3"  # below 20 it tells no sessions
    time_zone_offset: bool = False  # what serverinfo says; the dates are never shifted
    slow_seconds: float = 2.0
    folders: int = 0  # documents lie so many folders deep in their workspace (up to 5)
    folders_except: tuple[
        str, ...
    ] = ()  # names of document types that lie in the workspace itself all the same
    newest_version_only: bool = False  # lists of children give a document's newest version, whatever is asked
    roles_ignore_members: bool = False  # a version of ECM in which roles?fields=members does nothing
    # -- search --
    search_lag: int = field(default=0, metadata={"quirk": 28})  # seconds until the index has a change
    search_regions: tuple[str, ...] = field(
        default=REGIONS, metadata={"quirk": 28}
    )  # those that are queryable
    search_limit: int = field(default=100, metadata={"quirk": 28})  # the most rows of a page, 0 any number
    search_unsorted_days: bool = field(default=True, metadata={"quirk": 28})  # off: sorted by second
    search_old_versions: bool = field(default=False, metadata={"quirk": 28})  # as rows of their own
    search_repeats: bool = field(default=False, metadata={"quirk": 28})  # a page's last row begins the next
    search_cache: str = field(default="kept", metadata={"quirk": 28, "choices": ("kept", "fresh", "refused")})
    search_sort_ignored: bool = field(default=False, metadata={"quirk": 28})  # whatever `sort` says
    search_properties_only: bool = field(default=False, metadata={"quirk": 28})  # without `fields`; off: all
    search_unseen_counted: bool = field(default=True, metadata={"quirk": 28})  # off: counts what is readable
    search_days_utc: bool = field(default=False, metadata={"quirk": 28})  # off: days of the server's zone
    search_down: bool = field(default=False, metadata={"quirk": 28})  # 500 with HTML
    # -- workflow --
    kind_spelling: str = field(default="both", metadata={"quirk": 32, "choices": ("both", "Kind", "kind")})
    unmanaged_maps: tuple[int, ...] = field(default=(), metadata={"quirk": 32})  # not the service user's
    completed_fields: bool = field(default=False, metadata={"quirk": 33})  # on: they have date and performer
    stopped_processes: tuple[int, ...] = field(default=(), metadata={"quirk": 33})  # somebody stopped them
    info_dates: str = field(default="WORK", metadata={"quirk": 33, "choices": ("WORK", "WORKINFO")})
    info_single_objects: bool = field(default=False, metadata={"quirk": 33})  # a list of one is its entry
    info_comments: str = field(
        default="comments", metadata={"quirk": 33, "choices": ("comments", "Comments")}
    )
    login_names: bool = field(default=True, metadata={"quirk": 33})  # off: assignees of a process lack them
    process_details: bool = field(default=True, metadata={"quirk": 33})  # off: no work_workID, data_packages
    group_people: bool = field(default=True, metadata={"quirk": 33})  # off: a group's step names no person
    active_results: str = field(default="list", metadata={"quirk": 34, "choices": ("list", "object")})
    assignment_ids: bool = field(default=True, metadata={"quirk": 27})  # off: words, and no workflow's id
    # -- follow-ups, document types, recycle bin --
    followup_assignees: str = field(
        default="objects", metadata={"quirk": 35, "choices": ("objects", "ids", "roles")}
    )
    followup_statuses: bool = field(default=True, metadata={"quirk": 35})  # off: an open one has status 1
    unset_validity: int = field(default=0, metadata={"quirk": 36})  # months, with `validity_required` false
    bin_modes_off: tuple[str, ...] = field(default=(), metadata={"quirk": 42})  # names of BIN_MODES: 403
    bin_containers: int = field(default=0, metadata={"quirk": 42})  # so many folders were deleted too

    def update(self, changes: Mapping[str, Any]) -> None:
        """Set switches by name. Raises ValueError for an unknown name or a value of another kind."""
        kinds = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        choices = {f.name: f.metadata["choices"] for f in fields(self) if "choices" in f.metadata}
        kept: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(
                    f"unknown quirk {name!r} ({listed(kinds, 99)}) {nearest(name, kinds)}".strip()
                )
            kept[name] = _fitting(name, kinds[name], value)
            if name in choices and value not in choices[name]:
                raise ValueError(f"quirk {name} is one of {', '.join(choices[name])}, not {value!r}")
        for name, value in kept.items():
            setattr(self, name, value)


def _fitting(name: str, kind: type, value: Any) -> Any:
    if kind is tuple and isinstance(value, list | tuple):
        words, known = _NAMES.get(name, ("", ()))
        if known and (unknown := set(value) - set(known)):
            raise ValueError(f"unknown {words} {sorted(unknown)} ({listed(known, 99)})")
        return tuple(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is kind:
        if name == "folders" and isinstance(value, int) and not 0 <= value <= DEEPEST:
            raise ValueError(f"quirk folders is from 0 to {DEEPEST}, not {value}")
        return value
    raise ValueError(f"quirk {name} takes {kind.__name__}, not {value!r}")


WHATS: Mapping[str, str] = {
    "html_200": "200 with an HTML page",
    "try_again": '500 with an HTML page, "please try again"',
    "html_500": "500 with a page of Content Server's own",
    "500": "500 with an error object",
    "echo": "500 with an error object that quotes the request: its headers and its form",
    "echo_html": "500 with an HTML page that quotes it",
    "echo_text": "500 with plain text that quotes it",
    "502": "502 from a proxy, HTML",
    "503": "503 from a proxy, HTML",
    "504": "504 from a proxy, HTML",
    "400": "400 with an error object",
    "404": "404 with an error object",
    "401": "401, as for a dead ticket",
    "slow": "the answer comes after `seconds`",
    "cut": "the connection is closed in the middle of the body",
    "short": "content-length promises more than comes",
    "malformed": "200 with half a JSON object",
}


@dataclass(slots=True)
class Script:
    """A fault on the `nth` request (from 1, counted from when it was set) of the endpoints that match, and the `times` - 1 after it.

    `endpoint` is a pattern with ``*`` over ``GET /v2/nodes/{id}/nodes`` (the endpoint) or ``GET /v2/nodes/17/nodes`` (the request).
    """

    endpoint: str
    what: str
    nth: int = 1
    times: int = 1
    seconds: float = 2.0
    seen: int = 0

    def __post_init__(self) -> None:
        if self.what not in WHATS:
            raise ValueError(f"unknown fault {self.what!r} ({listed(WHATS, 99)})")

    def fires(self, endpoint: str, request: str) -> bool:
        if not (fnmatch.fnmatchcase(endpoint, self.endpoint) or fnmatch.fnmatchcase(request, self.endpoint)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NodeClock:
    """The clock of the nodes that serve the endpoints that match: `ahead` seconds ahead, from the instant `since` on (quirk 41).

    `endpoint` is a pattern as of a Script, for the `Date` header; or over ``event document_added``, for the dates that are
    written when that happens.
    """

    endpoint: str
    ahead: float
    since: datetime = _ALWAYS

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> NodeClock:
        """Raises ValueError for an invalid entry."""
        if not {"endpoint", "ahead"} <= entry.keys() <= {"endpoint", "ahead", "since"}:
            raise ValueError(f"a clock has endpoint, ahead, and may have since: {entry!r}")
        endpoint, ahead = entry["endpoint"], entry["ahead"]
        if not isinstance(endpoint, str) or isinstance(ahead, bool) or not isinstance(ahead, int | float):
            raise ValueError(f"a clock has a text as endpoint and seconds as ahead: {entry!r}")
        if "since" not in entry:
            return cls(endpoint, float(ahead))
        since = instant(entry["since"])
        if isinstance(since, str):
            raise ValueError(f"since: {since}")
        return cls(endpoint, float(ahead), since)


@dataclass(slots=True)
class EcmFaults:
    """The faults of requests. `latency` is in seconds and comes before each response."""

    quirks: Quirks = field(default_factory=Quirks)
    seed: int = 0
    latency: float = 0.0
    dialect: str = ""
    scripts: list[Script] = field(default_factory=list)
    clocks: list[NodeClock] = field(default_factory=list)
    _requests: Counter[str] = field(default_factory=Counter)
    _tried: set[str] = field(default_factory=set)

    def configure(self, body: Mapping[str, Any]) -> None:
        """Take ``{"clear", "dialect", "seed", "latency_ms", "quirks": {...}, "script": [...], "clocks": [...]}``.

        A dialect sets every switch, to its own value or the default; `quirks` beside it win.
        A script has endpoint, what, nth, times, seconds; a clock endpoint, ahead, since: see Script and NodeClock. `clocks` replaces
        those that were set. Raises ValueError, and changes nothing, for what it does not know.
        """
        known = ("clear", "dialect", "seed", "latency_ms", "quirks", "script", "clocks")
        for key in body:
            if key not in known:
                raise ValueError(f"unknown key {key!r} ({listed(known)}) {nearest(key, known)}".strip())
        script = body.get("script", [])
        allowed = {f.name for f in fields(Script)} - {"seen"}
        for entry in script:
            if not {"endpoint", "what"} <= entry.keys() <= allowed:
                raise ValueError(
                    f"a scripted fault has endpoint, what, and may have nth, times, seconds: {entry!r}"
                )
        scripts = [Script(**entry) for entry in script]
        clocks = [NodeClock.of(entry) for entry in body.get("clocks", [])]
        Quirks().update(body.get("quirks", {}))
        dialect = body.get("dialect", "")
        if dialect and dialect not in DIALECTS:
            raise ValueError(
                f"unknown dialect {dialect!r} ({listed(DIALECTS)}) {nearest(str(dialect), DIALECTS)}".strip()
            )
        if dialect or body.get("clear"):
            self.quirks.update({f.name: f.default for f in fields(Quirks)})
            self.quirks.update(DIALECTS.get(dialect, {}))
            self.dialect = dialect
        if body.get("clear"):
            self.scripts.clear()
            self.clocks.clear()
            self.latency = 0.0
        self.quirks.update(body.get("quirks", {}))
        self.scripts.extend(scripts)
        if "clocks" in body:
            self.clocks[:] = clocks
        if "latency_ms" in body:
            self.latency = float(body["latency_ms"]) / 1000
        if "seed" in body or body.get("clear"):
            self.seed = int(body.get("seed", self.seed))
            self._requests.clear()
            self._tried.clear()

    def pick(self, endpoint: str, request: str, url: str) -> tuple[str, float] | None:
        """The fault of this request, one of WHATS and its seconds, or None."""
        for script in self.scripts:
            if script.fires(endpoint, request):
                return script.what, script.seconds
        q = self.quirks
        if q.search_down and endpoint == "POST /v2/search":
            return "html_500", 0.0
        if not (
            q.html_200
            or q.try_again_500
            or q.proxy_errors
            or q.html_errors
            or q.slow_answers
            or q.cut_connections
            or q.wrong_lengths
        ):
            return None
        self._requests[endpoint] += 1
        chance = random.Random(f"{self.seed} {endpoint} {self._requests[endpoint]}")
        if q.try_again_500 and url not in self._tried:
            self._tried.add(url)
            if random.Random(f"{self.seed} {url}").random() < q.try_again_500:
                return "try_again", 0.0
        rates = (
            ("html_200", q.html_200),
            (chance.choice(("502", "503", "504")), q.proxy_errors),
            ("html_500", q.html_errors),
            ("slow", q.slow_answers),
            ("cut", q.cut_connections),
            ("short", q.wrong_lengths),
        )
        for what, rate in rates:
            if chance.random() < rate:
                return what, q.slow_seconds
        return None

    def ahead(self, now: datetime, *names: str) -> timedelta:
        """How far the clock of a node is ahead at `now`: of the clocks that match one of `names` the last that has begun."""
        found = timedelta()
        for clock in self.clocks:
            if clock.since <= now and any(fnmatch.fnmatchcase(name, clock.endpoint) for name in names):
                found = timedelta(seconds=clock.ahead)
        return found

    def to_json(self) -> dict[str, Any]:
        """What is set now, and how many requests each scripted fault has seen."""
        return {
            "seed": self.seed,
            "dialect": self.dialect,
            "latency_ms": self.latency * 1000,
            "quirks": {f.name: getattr(self.quirks, f.name) for f in fields(Quirks)},
            "script": [{f.name: getattr(script, f.name) for f in fields(Script)} for script in self.scripts],
            "clocks": [
                {"endpoint": c.endpoint, "ahead": c.ahead, "since": c.since.isoformat()} for c in self.clocks
            ],
        }

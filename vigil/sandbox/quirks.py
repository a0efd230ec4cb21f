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
    last_page_repeats: bool = field(default=True, metadata={"quirk": 2})  # off: past the end is empty
    ticket_rotates: int = field(default=200, metadata={"quirk": 3})  # a new ticket every N requests, 0 never
    ticket_expires: int = field(default=0, metadata={"quirk": 4})  # a ticket dies after N requests, 0 never
    tickets_revoked: int = field(default=0, metadata={"quirk": 5})  # all tickets die at once every N requests
    missing_is_400: bool = field(default=True, metadata={"quirk": 6})  # off: a missing node is 404
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
    deep_offset: int = field(default=100_000, metadata={"quirk": 26})  # rows beyond are refused, 0 never
    own_assignments_only: bool = field(default=True, metadata={"quirk": 27})  # off: everybody's
    slow_seconds: float = 2.0
    folders: int = 0  # documents lie so many folders deep in their workspace (up to 5)
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
                raise ValueError(f"quirk {name} is one of {listed(choices[name])}, not {value!r}")
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
    scripts: list[Script] = field(default_factory=list)
    clocks: list[NodeClock] = field(default_factory=list)
    _requests: Counter[str] = field(default_factory=Counter)
    _tried: set[str] = field(default_factory=set)

    def configure(self, body: Mapping[str, Any]) -> None:
        """Take ``{"clear", "seed", "latency_ms", "quirks": {...}, "script": [...], "clocks": [...]}``.

        A script has endpoint, what, nth, times, seconds; a clock endpoint, ahead, since: see Script and NodeClock. `clocks` replaces
        those that were set. Raises ValueError, and changes nothing, for what it does not know.
        """
        known = ("clear", "seed", "latency_ms", "quirks", "script", "clocks")
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
        if body.get("clear"):
            self.quirks.update({f.name: f.default for f in fields(Quirks)})
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
            return "try_again", 0.0
        if not (
            q.html_200
            or q.try_again_500
            or q.proxy_errors
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
            "latency_ms": self.latency * 1000,
            "quirks": {f.name: getattr(self.quirks, f.name) for f in fields(Quirks)},
            "script": [{f.name: getattr(script, f.name) for f in fields(Script)} for script in self.scripts],
            "clocks": [
                {"endpoint": c.endpoint, "ahead": c.ahead, "since": c.since.isoformat()} for c in self.clocks
            ],
        }

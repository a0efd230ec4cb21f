"""The state of the simulated ECM: its world, its faults, its tickets, its request counters, and the read rights."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from starlette.responses import Response

from vigil.sandbox.ecm.categories import Categories
from vigil.sandbox.ecm.protocol import Caller, EcmRefusal, unknown_url
from vigil.sandbox.ecm.search_memory import SearchMemory
from vigil.sandbox.ecm.tickets import IssuedTickets
from vigil.sandbox.quirks import EcmFaults, Quirks
from vigil.sandbox.world.state import Node, Process, Touch, WorldDocument, WorldFolder, WorldWorkspace
from vigil.sandbox.world.world import World

RECENTLY = 10
LISTS = 16  # sorted lists that are kept while the world stands still

T = TypeVar("T", WorldWorkspace, Node)


class SimulatedEcm:
    """One simulated server, with the queries of the endpoints."""

    def __init__(self, world: World, faults: EcmFaults | None = None) -> None:
        self.world = world
        self.faults = faults or EcmFaults()
        self.quirks: Quirks = self.faults.quirks
        self.tickets = IssuedTickets(world, self.quirks, self.faults.seed)
        self.categories = Categories(world, self.quirks)
        self.search = SearchMemory(world)
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.sent = 0
        self._recent: dict[str | None, deque[int]] = {}
        self._shifted: set[str] = set()
        self._lists: dict[str, tuple[int, Sequence[Any]]] = {}
        self._visible: dict[str, tuple[int, frozenset[int]]] = {}
        self.quirks_changed()
        world.ahead = lambda event: self.faults.ahead(event.ts, f"event {event.kind}")

    def quirks_changed(self) -> None:
        """Call this after switches were set: some of them affect the world's order."""
        quirks, world = self.quirks, self.world
        self._shifted.clear()
        self._lists.clear()
        world.folders.depth = quirks.folders
        world.folders.without = frozenset(quirks.folders_except)
        created = Touch.CREATED if quirks.creation_touches_parent else Touch.NONE
        touch = created if quirks.child_change_silent else Touch.ALL
        world.folders.touch = touch
        # Documents in folders are no children of the workspace.
        world.state.touch_by_children(touch, world.folders.without if quirks.folders else None)
        world.state.attribute_touches = quirks.attribute_touches

    def answered(self, response: Response, *names: str) -> Response:
        """A response of the endpoint with these names, counted, and dated by the clock of its node."""
        response.headers["date"] = format_datetime(self.clock(*names).replace(microsecond=0), usegmt=True)
        self.statuses[response.status_code] += 1
        self.sent += len(response.body)
        return response

    # -- what endpoints ask ----------------------------------------------------------------------------

    def clock(self, *names: str) -> datetime:
        """The clock of the node that serves the endpoint with these names."""
        now = self.world.now.astimezone(UTC)
        return now + self.faults.ahead(now, *names)

    def now(self) -> float:
        return self.world.now.timestamp()

    def find(self, caller: Caller, number: int) -> Node | None:
        """A node that exists and that the caller may read."""
        found = self.world.node(number)
        return found if found is not None and self.may_read(caller, found) else None

    def readable(self, caller: Caller, number: int, *, parent: bool = False) -> Node:
        """A node that the caller may read. Raises Refused: 400 when there is none, 500 for a `parent` (quirks 6 and 7)."""
        found = self.find(caller, number)
        if found is None:
            if parent and self.quirks.missing_children_500:
                raise EcmRefusal(500, f"Could not get a node for {number}")
            raise self.missing(number)
        return found

    def missing(self, number: int) -> EcmRefusal:
        status = 400 if self.quirks.missing_is_400 else 404
        return EcmRefusal(status, f"Could not get a node for {number}")

    def may_read(self, caller: Caller, found: Node | Process) -> bool:
        """Rights: the service user reads everything except `unreadable`; others read workspaces with a role that includes them."""
        if self.quirks.unreadable and found.id in self.quirks.unreadable:
            return False
        workspace = found.workspace if isinstance(found, WorldDocument | WorldFolder | Process) else found
        if not isinstance(workspace, WorldWorkspace):
            return True
        if self.quirks.unreadable and workspace.id in self.quirks.unreadable:
            return False
        return caller.login is None or workspace.id in self._visible_to(caller.login)

    def _visible_to(self, login: str) -> frozenset[int]:
        kept = self._visible.get(login)
        if kept is None or kept[0] != self.world.version:
            principals = self.principals(login)
            ids = frozenset(
                w.id for w in self.world.state.workspaces.values()
                if any(m in principals for held in w.roles.values() for m in held)
            )  # fmt: skip
            kept = self._visible[login] = (self.world.version, ids)
        return kept[1]

    def restricts(self, caller: Caller) -> bool:
        """Whether there may be anything that the caller cannot read."""
        return bool(self.quirks.unreadable) or caller.login is not None

    def countable(self, caller: Caller, found: list[T]) -> list[T]:
        """The rows that a list's total counts: with `unreadable_counted` also unreadable ones."""
        if self.quirks.unreadable_counted or not self.restricts(caller):
            return found
        return [n for n in found if self.may_read(caller, n)]

    def visible(self, caller: Caller, found: Iterable[T]) -> Iterable[T]:
        """The readable rows of a page: unreadable ones are left out without a message (quirk 15)."""
        return (n for n in found if self.may_read(caller, n)) if self.restricts(caller) else found

    def principals(self, login: str) -> frozenset[str]:
        """A login and every group that contains it, directly or through groups."""
        found, before = {login}, 0
        while len(found) > before:
            before = len(found)
            found |= {g for g, members in self.world.estate.groups.items() if not found.isdisjoint(members)}
        return frozenset(found)

    def people_in(self, names: Iterable[str]) -> tuple[str, ...]:
        """The logins of groups and of nested groups, each once."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        queue = deque(names)
        while queue:
            name = queue.popleft()
            if not self.world.is_group(name):
                found[name] = None
            elif name not in seen:
                seen.add(name)
                queue.extend(self.world.estate.groups[name])
        return tuple(found)

    def is_for(self, caller: Caller, to: str) -> bool:
        return caller.login is not None and to in self.principals(caller.login)

    def matches(self, name: str, wanted: str, *, equals: bool = False) -> bool:
        """A filter on a name: the start of it (quirk 18) or with `equals` the whole (46), with `contains_` any part. Case does not
        count.
        """
        name, wanted = name.lower(), wanted.lower()
        if wanted.startswith("contains_"):
            return wanted.removeprefix("contains_") in name
        if wanted.startswith("startswith_") or (self.quirks.starts_with and not equals):
            return name.startswith(wanted.removeprefix("startswith_"))
        return name == wanted

    def needs_module(self, name: str) -> None:
        """Raises Refused (400) when the module is not installed (quirk 20)."""
        if name in self.quirks.modules_absent:
            raise unknown_url()

    def has_route(self, name: str) -> bool:
        """Whether this version has the endpoint with this name (quirk 20)."""
        return not any(fnmatchcase(name, pattern) for pattern in self.quirks.routes_absent)

    def kept(self, key: str, make: Callable[[], Sequence[T]]) -> Sequence[T]:
        """A list that is made once for each state of the world, however many of its pages are asked for."""
        held = self._lists.get(key)
        if held is None or held[0] != self.world.version:
            if len(self._lists) >= LISTS:
                self._lists.clear()
            held = self._lists[key] = (self.world.version, make())
        return held[1]

    def opened(self, caller: Caller, found: Node) -> None:
        if isinstance(found, WorldWorkspace):
            recent = self._recent.setdefault(caller.login, deque(maxlen=RECENTLY))
            if found.id in recent:
                recent.remove(found.id)
            recent.append(found.id)

    def recent(self, caller: Caller) -> frozenset[int]:
        """Workspaces that the caller opened last: all that is listed without `expanded_view` (quirk 19)."""
        return frozenset(self._recent.get(caller.login, ()))

    def has_shifted(self, key: str, *, now: bool) -> bool:
        """Whether a list has shifted; `now` makes it so."""
        if now:
            self._shifted.add(key)
        return key in self._shifted

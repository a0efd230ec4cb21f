"""An estate run through the pure core alone: no HTTP, no ledger, no Prefect. What the core says of an estate, in seconds.

It mirrors what extraction and the ledger do (facts as they stand at a tick, changes between two ticks, rule_states kept), so
that docs/semantics.md can be tested where they live.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from vigil.compliance import facts as f
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import Change, Looked, derive
from vigil.compliance.notify.routing import Directory, Routed, route
from vigil.compliance.rules.model import RuleSet, fields_used
from vigil.sandbox.estate.model import Estate, EstateEvent
from vigil.sandbox.world.world import with_creations


class World:
    """The estate's facts as they stand, moved event by event."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.facts: dict[tuple[str, object], f.Fact] = {}
        self.deleted = {u.login for u in estate.users.values() if u.deleted}
        self._events = with_creations(estate)
        self._next = 0

    def move(self, now: datetime) -> set[int]:
        """Apply what happened up to `now`; give the workspaces that it touched."""
        touched = set()
        while self._next < len(self._events) and self._events[self._next].ts <= now:
            event = self._events[self._next]
            self._apply(event)
            if event.workspace:
                touched.add(event.workspace)
            self._next += 1
        return touched

    def of(self, workspace: int) -> dict[tuple[str, object], f.Fact]:
        found = {
            k: v
            for k, v in self.facts.items()
            if getattr(v, "workspace", None) == workspace or k == ("workspace", workspace)
        }
        on_file = {v.type for v in found.values() if isinstance(v, f.Document)}
        kind = self.estate.types[self.estate.workspaces[workspace].type]
        lacking = tuple(r.type for r in kind.required if r.type not in on_file)
        return found | {
            ("missing", workspace): f.MissingDocuments(workspace, lacking),
            ("related", workspace): f.Related(workspace, self.related(workspace)),
        }

    def related(self, workspace: int) -> tuple[int, ...]:
        """The others that a workspace is related to, in either direction, as far as they are there."""
        here = self.estate.workspaces
        above = {w.id for w in here.values() if workspace in w.related}
        return tuple(sorted(w for w in {*here[workspace].related, *above} if ("workspace", w) in self.facts))

    def required(self) -> list[f.RequiredDocument]:
        return [
            f.RequiredDocument(kind.name, r.type, True, r.valid_months)
            for kind in self.estate.types.values()
            for r in kind.required
        ]

    def directory(self) -> Directory:
        users = [
            f.User(u.login, 0, u.name, deleted=u.login in self.deleted) for u in self.estate.users.values()
        ]
        groups = [
            f.Group(name, 0, tuple(self._principal(m) for m in members))
            for name, members in self.estate.groups.items()
        ]
        return Directory.of([*users, *groups])

    def _principal(self, name: str) -> str:
        return f.user(name) if name in self.estate.users else f.group(name)

    def _value(self, type: str, key: str, value: object) -> f.Value:
        kind = self.estate.types[type].attributes[key].kind
        if kind == "date" and isinstance(value, str):
            return date.fromisoformat(value)
        return value  # type: ignore[return-value]

    def _create(self, w: int) -> None:
        x = self.estate.workspaces[w]
        attrs = {k: self._value(x.type, k, v) for k, v in x.attrs.items()}
        self.facts["workspace", w] = f.Workspace(w, x.type, x.name, x.created, x.created, attrs)
        members = {r: tuple(self._principal(m) for m in ms) for r, ms in x.roles.items()}
        self.facts["roles", w] = f.Roles(w, members)

    def _apply(self, e: EstateEvent) -> None:
        d, w = e.data, e.workspace
        if e.kind != "workspace_created" and w and ("workspace", w) not in self.facts:
            self._create(w)  # a change may stand before the creation that has the same instant
        match e.kind:
            case "workspace_created":
                if ("workspace", w) not in self.facts:
                    self._create(w)
            case "attribute_changed":
                before = self.facts["workspace", w]
                assert isinstance(before, f.Workspace)
                attrs = {**before.attrs, d["attr"]: self._value(before.type, d["attr"], d["value"])}
                self.facts["workspace", w] = dataclasses.replace(before, attrs=attrs, modified=e.ts)
            case "document_added":
                self.facts["document", d["id"]] = f.Document(
                    d["id"], w, d["name"], d["type"], e.ts, d["by"], e.ts, expires=d.get("expires")
                )
            case "version_added":
                doc = self.facts["document", d["id"]]
                assert isinstance(doc, f.Document)
                version = f.Version(doc.version + 1, e.ts, d["by"])
                self.facts["document", d["id"]] = dataclasses.replace(
                    doc, version=version.number, versions=(*doc.versions, version), modified=e.ts
                )
            case "document_deleted":
                del self.facts["document", d["id"]]
            case "step_assigned":
                key = ("step", (w, d["process"], d["step"]))
                to = (self._principal(d["to"]),)
                self.facts[key] = f.Step(w, d["process"], d["step"], d["title"], to, e.ts, d.get("due"))
            case "step_completed":
                key = ("step", (w, d["process"], d["step"]))
                step = self.facts[key]
                assert isinstance(step, f.Step)
                self.facts[key] = dataclasses.replace(
                    step, completed_at=e.ts, completed_by=d["by"], disposition=d["disposition"]
                )
            case "role_changed":
                roles = self.facts["roles", w]
                assert isinstance(roles, f.Roles)
                members = {**roles.members, d["role"]: tuple(self._principal(m) for m in d["members"])}
                self.facts["roles", w] = dataclasses.replace(roles, members=members)
            case "user_deleted":
                self.deleted.add(d["login"])
            case "comment_added":
                self.facts["audit", (w, e.line)] = f.AuditEvent(
                    w, "Comment Added", e.ts, d["by"], d["text"], e.line
                )
            case other:
                raise AssertionError(other)


def run(
    estate: Estate, rules: RuleSet, ticks: list[datetime], full: bool = False
) -> Iterator[tuple[datetime, list[Routed]]]:
    """What is routed at each tick. `full` evaluates every workspace each time: the rival that the incremental way must equal."""
    world = World(estate)
    seen: dict[tuple[str, object], f.Fact] = {}
    rule_states: dict[tuple[str, int], RuleState] = {}
    after = ticks[0]
    looks_around = any(field.startswith("related.") for rule in rules for field in fields_used(rule))
    for tick in ticks:
        touched = world.move(tick)
        due = {
            w for (_, w), s in rule_states.items() if s.next_check_at is not None and s.next_check_at <= tick
        }
        known = {x.id: x for x in world.facts.values() if isinstance(x, f.Workspace)}
        todo = sorted(known if full or looks_around else touched | due)
        now = {w: world.of(w) for w in todo}
        changes = [] if tick == ticks[0] else _changes(seen, now, tick)
        given = Input(
            facts=Facts.of((fact for some in now.values() for fact in some.values()), others=known.values()),
            events=derive(changes, Looked(after), tick),
            changes=changes,
            rule_states=[s for s in rule_states.values() if s.workspace in now],
            required=world.required(),
            zone=estate.zone.key,
        )
        result = evaluate(given, rules, Window(after, tick))
        for pair in result.evaluated:
            rule_states.pop(pair, None)
        rule_states |= {(s.rule, s.workspace): s for s in result.rule_states}
        for w in todo:
            seen |= now[w]
        yield tick, route(result.findings, rules, given.facts, world.directory())
        after = tick


def told(estate: Estate, rules: RuleSet, start: datetime, end: datetime, every: timedelta) -> list[Routed]:
    """Everything that a run at `start`, `start + every`, ... `end` routes; what was routed before is not repeated."""
    ticks = [start + n * every for n in range((end - start) // every + 1)]
    out: dict[tuple[object, ...], Routed] = {}
    for _, routed in run(estate, rules, ticks):
        for r in routed:
            x = r.finding
            out.setdefault((x.rule, x.workspace, x.occurrence, x.step, r.person), r)
    return list(out.values())


def _changes(
    seen: dict[tuple[str, object], f.Fact], now: dict[int, dict[tuple[str, object], f.Fact]], tick: datetime
) -> list[Change]:
    out = []
    for workspace, facts in now.items():
        for key, fact in facts.items():
            before = seen.get(key)
            if before != fact:
                out.append(Change(key[0], str(key[1]), workspace, tick, before, fact, key not in seen))
        for key in [
            k for k, v in seen.items() if getattr(v, "workspace", None) == workspace and k not in facts
        ]:
            out.append(Change(key[0], str(key[1]), workspace, tick, seen.pop(key), None))
    return out

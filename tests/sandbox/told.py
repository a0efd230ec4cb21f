"""Who is told what of an estate: its events as facts, tick by tick, through the pure evaluation. No server, no ledger.

Quick, so that a test can ask what a generated estate makes the shipped rules say; the real path is `vigil run-estate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from vigil.compliance import facts as f
from vigil.compliance.evaluate import Input, Window, evaluate
from vigil.compliance.events import Change, derive
from vigil.compliance.routing import Directory, Routed, route
from vigil.compliance.rules import RuleSet
from vigil.compliance.tables import Facts
from vigil.sandbox.estate_model import Estate, WorkspaceDef


def told(estate: Estate, rules: RuleSet, start: datetime, end: datetime, every: timedelta) -> list[Routed]:
    """Everything that a run at `start`, `start + every`, ... `end` routes; what was routed before is not repeated."""
    out: dict[tuple[Any, ...], Routed] = {}
    before: Mapping[str, f.Fact] = {}
    standings: Sequence[Any] = ()
    tick = after = start.astimezone(UTC)
    while tick <= end:
        now = dict(facts_at(estate, tick))
        changes = [] if tick == after else list(_changes(before, now, tick))
        given = Input(
            facts=Facts.of(now.values()),
            events=derive(changes, after, tick),
            changes=changes,
            standings=standings,
            required=[x for x in now.values() if isinstance(x, f.RequiredDocument)],
            zone=estate.zone.key,
        )
        result = evaluate(given, rules, Window(after, tick))
        for r in route(result.findings, rules, given.facts, Directory.of(now.values())):
            x = r.finding
            out.setdefault((x.rule, x.workspace, x.occurrence, x.step, r.person), r)
        standings, before, after, tick = result.standings, now, tick, tick + every
    return list(out.values())


def facts_at(estate: Estate, now: datetime) -> Iterator[tuple[str, f.Fact]]:
    """Every subject of the estate as it stands at `now`, by the subject's name."""
    attrs = {w.id: dict(w.attrs) for w in estate.workspaces.values()}
    roles = {w.id: dict(w.roles) for w in estate.workspaces.values()}
    modified = {w.id: w.created for w in estate.workspaces.values()}
    deleted = {u.login for u in estate.users.values() if u.deleted}
    documents: dict[int, f.Document] = {}
    steps: dict[tuple[int, int], f.Step] = {}
    for event in estate.events:
        d, at = event.data, event.ts
        if at > now:
            break
        match event.kind:
            case "attribute_changed":
                attrs[event.workspace][d["attr"]] = d["value"]
                modified[event.workspace] = at
            case "role_changed":
                roles[event.workspace][d["role"]] = d["members"]
            case "user_deleted":
                deleted.add(d["login"])
            case "document_added":
                documents[d["id"]] = f.Document(
                    d["id"], event.workspace, d["name"], d["type"], at, d["by"], at, expires=d["expires"]
                )
            case "version_added":
                documents[d["id"]] = _next_version(documents[d["id"]], at, d["by"])
            case "step_assigned":
                steps[d["process"], d["step"]] = f.Step(
                    event.workspace,
                    d["process"],
                    d["step"],
                    d["title"],
                    (_principal(estate, d["to"]),),
                    at,
                    d["due"],
                )
            case "step_completed":
                steps[d["process"], d["step"]] = _completed(steps[d["process"], d["step"]], at, d)
            case "comment_added":
                yield (
                    f"comment:{event.line}",
                    f.AuditEvent(event.workspace, "Comment Added", at, d["by"], d["text"], event.line),
                )
    here = [w for w in estate.workspaces.values() if w.created <= now]
    for w in here:
        values = {key: _value(estate, w, key, value) for key, value in attrs[w.id].items()}
        yield f"workspace:{w.id}", f.Workspace(w.id, w.type, w.name, w.created, modified[w.id], values)
        members = {role: tuple(_principal(estate, m) for m in some) for role, some in roles[w.id].items()}
        yield f"roles:{w.id}", f.Roles(w.id, members)
        parents = (p.id for p in here if w.id in p.related)
        yield f"related:{w.id}", f.Related(w.id, tuple(sorted({*w.related, *parents})))
        on_file = {x.type for x in documents.values() if x.workspace == w.id}
        lacking = tuple(r.type for r in estate.types[w.type].required if r.type not in on_file)
        yield f"missing:{w.id}", f.MissingDocuments(w.id, lacking)
    yield from ((f"document:{x.id}", x) for x in documents.values())
    yield from ((f"step:{x.process}:{x.step}", x) for x in steps.values())
    yield from _people(estate, deleted)
    for type_ in estate.types.values():
        for r in type_.required:
            yield (
                f"required:{type_.name}:{r.type}",
                f.RequiredDocument(type_.name, r.type, True, r.valid_months),
            )


def _people(estate: Estate, deleted: set[str]) -> Iterator[tuple[str, f.Fact]]:
    for n, u in enumerate(estate.users.values(), 1):
        yield f"user:{u.login}", f.User(u.login, n, u.name, u.email, u.zone, u.language, u.login in deleted)
    for n, (name, members) in enumerate(estate.groups.items(), 1):
        yield f"group:{name}", f.Group(name, n, tuple(_principal(estate, m) for m in members))


def _principal(estate: Estate, name: str) -> str:
    return f.user(name) if name in estate.users else f.group(name)


def _value(estate: Estate, workspace: WorkspaceDef, key: str, value: Any) -> Any:
    """The file's value as extraction would give it: a date for a date."""
    kind = estate.types[workspace.type].attributes[key].kind
    if kind == "date" and isinstance(value, str):
        return date.fromisoformat(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _next_version(document: f.Document, at: datetime, by: str | None) -> f.Document:
    number = document.version + 1
    versions = (*document.versions, f.Version(number, at, by))
    d = document
    return f.Document(
        d.id, d.workspace, d.name, d.type, d.created, d.by, at, number, versions, d.expires, d.source
    )


def _completed(step: f.Step, at: datetime, d: Mapping[str, Any]) -> f.Step:
    s = step
    return f.Step(
        s.workspace,
        s.process,
        s.step,
        s.title,
        s.assignees,
        s.assigned_at,
        s.due,
        at,
        d["by"],
        d["disposition"],
    )


def _changes(before: Mapping[str, f.Fact], now: Mapping[str, f.Fact], seen_at: datetime) -> Iterator[Change]:
    for subject, fact in now.items():
        old = before.get(subject)
        if old != fact:
            workspace = fact.id if isinstance(fact, f.Workspace) else getattr(fact, "workspace", None)
            yield Change(subject.partition(":")[0], subject, workspace, seen_at, old, fact, first=old is None)

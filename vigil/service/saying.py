"""From a routed finding to an outbox row: the notice in words, its link, its severity, its key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from vigil.compliance import facts as f
from vigil.compliance.facts import Value
from vigil.compliance.notices import Notice, Person
from vigil.compliance.routing import Directory, Routed
from vigil.compliance.rules import Rule
from vigil.compliance.tables import Facts
from vigil.compliance.verdicts import Why
from vigil.delivery.render import RenderError
from vigil.ledger.devices import Registered
from vigil.ledger.outbox import Entry
from vigil.service.run import Run

UNROUTABLE = frozenset({Why.NOBODY})
"""Reasons that say that somebody should have been told and nobody could be found."""


def entries(
    run: Run,
    routed: Sequence[Routed],
    facts: Facts,
    directory: Directory,
    registered: Mapping[str, Sequence[Registered]],
) -> list[Entry]:
    """One outbox row for each routed finding, in order. What cannot be put into words is `failed`, with the template's line."""
    notices = [notice(run, r, facts, directory, registered) if r.person is not None else None for r in routed]
    said = iter(run.renderer.render_many([n for n in notices if n is not None]))
    out = []
    for r, n in zip(routed, notices, strict=True):
        words = next(said) if n is not None else None
        message: dict[str, Any] = {"why": list(r.finding.why)}
        state, reason = _state(r, registered)
        if isinstance(words, RenderError):
            state, reason = "failed", str(words)
        elif words is not None and n is not None:
            message |= {
                "title": words.title,
                "body": words.body,
                "link": n.link,
                "severity": n.severity.value,
            }
            rule = run.rules.by_name[r.finding.rule]
            if rule.ttl is not None:
                message["ttl"] = int(rule.ttl.timedelta.total_seconds())
            message["key"] = key_of(r)
        out.append(
            Entry(
                rule=r.finding.rule,
                workspace=r.finding.workspace,
                occurrence=r.finding.occurrence,
                step=r.finding.step or "",
                person=r.person or "",
                fire_at=r.finding.fire_at,
                state=state,
                reason=reason,
                message=message,
            )
        )
    return out


def key_of(r: Routed) -> str:
    """The replace key of a row: the same for every attempt and every device, another for every other row."""
    text = "\x1f".join(
        (r.finding.rule, str(r.finding.workspace), r.finding.occurrence, r.finding.step or "", r.person or "")
    )
    return hashlib.blake2b(text.encode(), digest_size=15).hexdigest()


def _state(r: Routed, registered: Mapping[str, Sequence[Registered]]) -> tuple[str, str]:
    if r.reason is not None:
        return ("unroutable" if r.reason in UNROUTABLE else "suppressed"), r.reason.value
    if r.person is not None and not registered.get(r.person):
        return "no_device", Why.NO_DEVICE.value
    return "queued", ""


def notice(
    run: Run,
    r: Routed,
    facts: Facts,
    directory: Directory,
    registered: Mapping[str, Sequence[Registered]],
) -> Notice:
    """The notice as a value, with what its rule's templates may show."""
    x, rule = r.finding, run.rules.by_name[r.finding.rule]
    workspace = facts.workspaces[x.workspace]
    return Notice(
        rule=x.rule,
        kind=rule.kind.value,
        family=_family(rule, x.step),
        step=x.step,
        severity=rule.severity,
        workspace=x.workspace,
        workspace_name=workspace.name,
        workspace_type=workspace.type,
        occurrence=x.occurrence,
        fire_at=x.fire_at,
        link=run.site.link(x.workspace, x.event),
        person=_person(run, r.person or "", directory, registered),
        description=rule.description,
        attrs={k: v for k, v in workspace.attrs.items() if k not in run.site.sensitive},
        event={} if x.event is None else _event(run, x.event.kind, x.event.fields, directory),
        due=x.due,
        as_of=run.as_of,
        why=x.why,
        resolved=x.resolved,
    )


def _family(rule: Rule, step: str | None) -> str:
    own = next((s.template for s in rule.all_steps if s.id == step), None)
    return own or rule.family


def _event(run: Run, kind: str, fields: Mapping[str, Value], directory: Directory) -> dict[str, Value]:
    """An event's fields for the templates. Values of a sensitive attribute stay here: a lock screen is a public place."""
    by = fields.get("by")
    found = directory.users.get(str(by)) if by else None
    hidden = {"from": None, "to": None} if fields.get("attr") in run.site.sensitive else {}
    return {**fields, **hidden, "kind": kind, "by_name": found.name if found else by}


def _person(
    run: Run, login: str, directory: Directory, registered: Mapping[str, Sequence[Registered]]
) -> Person:
    """Language and zone are the device's where the app told them, else the account's, else the site's."""
    user: f.User | None = directory.users.get(login)
    device = next(iter(registered.get(login, ())), None)
    return Person(
        login=login,
        name=user.name if user else login,
        email=user.email if user else None,
        zone=(device and device.zone) or (user and user.zone) or run.site.zone,
        language=(device and device.language) or (user and user.language) or "en",
    )

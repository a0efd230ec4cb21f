"""From a routed finding to an outbox row: the notice in words, its link, its severity, its key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from vigil.compliance.facts import Value
from vigil.compliance.notices import Notice, NoticeState, Severity
from vigil.compliance.routing import Directory, Routed
from vigil.compliance.rules import Rule, RuleSet, fields_used
from vigil.compliance.sensitive import is_sensitive
from vigil.compliance.tables import Facts
from vigil.compliance.verdicts import DIGESTED, Why
from vigil.delivery.channels import MAIL
from vigil.delivery.email_words import words as words_of_mail
from vigil.delivery.render import Renderer, RenderError, Said
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import Entry, Key, Registered
from vigil.safe_text import BODY, bounded
from vigil.service.reaching import Reach, quiet_of
from vigil.service.site import Site

UNROUTABLE = frozenset({Why.NOBODY})
"""Reasons that say that somebody should have been told and nobody could be found."""

URGENT = frozenset({Severity.HIGH, Severity.CRITICAL})
"""What does not wait for the digest of a person who asked for one. A rule that says `group` has said so itself."""


LONGEST_HTML = 4 * BODY
"""Characters of the body of a mail in HTML, markup included."""


class Speaker(Protocol):
    """What of a run the wording of its notices depends on."""

    as_of: datetime
    rules: RuleSet
    site: Site
    renderer: Renderer
    mail: Renderer | None


def entries(
    run: Speaker,
    routed: Sequence[Routed],
    facts: Facts,
    directory: Directory,
    reach: Reach,
) -> list[Entry]:
    """One outbox row for each routed finding, in order. What cannot be put into words is `failed`, with the template's line."""
    notices = [notice(run, r, facts, directory, reach) if r.person is not None else None for r in routed]
    said = iter(run.renderer.render_many([n for n in notices if n is not None]))
    return [
        _entry(run, r, n, next(said) if n is not None else None, reach)
        for r, n in zip(routed, notices, strict=True)
    ]


def _entry(
    run: Speaker, r: Routed, n: Notice | None, words: Said | RenderError | None, reach: Reach
) -> Entry:
    x, person = r.finding, r.person or ""
    key = (x.rule, x.workspace, x.occurrence, x.step or "", person)
    rule, due_at = run.rules.by_name[x.rule], None
    message = NoticeMessage(
        why=tuple(map(bounded, x.why)),
        lacks=tuple(map(bounded, r.lacks)),
        date_withheld=rule.due is not None and is_sensitive(rule.due, run.site.sensitive),
    )
    state, reason = _state(r, rule, reach, run.mail is not None)
    if isinstance(words, RenderError):
        state, reason = NoticeState.FAILED, str(words)
    elif words is not None and n is not None:
        message = with_words(message, run, key, rule, n, words, reach)
        if reason in DIGESTED:
            message = replace(message, digest=reason)
        if state == NoticeState.QUEUED:
            due_at = said_at(run, n, rule, reach)
    return Entry(*key, fire_at=x.fire_at, state=state, reason=reason, message=message, due_at=due_at)


def with_words(
    message: NoticeMessage, run: Speaker, key: Key, rule: Rule, n: Notice, words: Said, reach: Reach
) -> NoticeMessage:
    """The message with what the worker needs to send it: for every channel that its person may be reached on."""
    said = replace(
        message,
        title=words.title,
        body=words.body,
        link=n.link,
        severity=n.severity,
        ttl=None if rule.ttl is None else int(rule.ttl.timedelta.total_seconds()),
        key=replace_key(key),
        zone=n.person.zone,
        quiet=quiet_of(rule),
    )
    if run.mail is None:
        return said
    order = reach.channels(n.person.login, rule, mail=True)
    mail = _mail(run.mail, n, reach.addresses(n.person.login, order))
    return replace(said, channels=tuple(order), mail=mail)


def said_at(run: Speaker, n: Notice, rule: Rule, reach: Reach) -> datetime | None:
    """When a notice may be said, where that is later than at once: after quiet hours."""
    at = reach.opens(run.as_of, n.person, rule, run.site.zone)
    return at if at > run.as_of else None


def _mail(renderer: Renderer, n: Notice, addresses: Sequence[Registered]) -> dict[str, str]:
    """The notice as HTML where it goes to a mailbox. One that cannot be said so, or would be long, goes as plain text."""
    if not any(d.address_kind == MAIL for d in addresses):
        return {}
    html = renderer.render_many([n])[0]
    if isinstance(html, RenderError) or len(html.body) > LONGEST_HTML:
        return {}
    return words_of_mail(html, renderer.language(n.person.language))


def replace_key(key: Key) -> str:
    """The replace key of a row: the same for every attempt and every device, another for every other row."""
    return hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=15).hexdigest()


def _state(r: Routed, rule: Rule, reach: Reach, mail: bool) -> tuple[NoticeState, str]:
    if r.reason is not None:
        return (NoticeState.UNROUTABLE if r.reason in UNROUTABLE else NoticeState.SUPPRESSED), r.reason.value
    if r.person is not None and not reach.addresses(r.person, reach.channels(r.person, rule, mail)):
        return NoticeState.NO_DEVICE, Why.NO_DEVICE.value
    if r.person is not None and reach.asked(r.person).digest and rule.severity not in URGENT:
        return NoticeState.SUPPRESSED, Why.GROUPED.value
    return NoticeState.QUEUED, ""


def notice(
    run: Speaker,
    r: Routed,
    facts: Facts,
    directory: Directory,
    reach: Reach,
) -> Notice:
    """The notice as a value, with what its rule's templates may show."""
    x, rule = r.finding, run.rules.by_name[r.finding.rule]
    undated = rule.due is not None and is_sensitive(rule.due, run.site.sensitive)
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
        occurrence="" if undated else x.occurrence,
        fire_at=x.fire_at,
        link=run.site.link(x.workspace, x.event),
        person=reach.person(r.person or "", directory, run.site.zone),
        description=rule.description,
        attrs={k: v for k, v in workspace.attrs.items() if k not in run.site.sensitive},
        event={} if x.event is None else _event(run, x.event.kind, x.event.fields, directory),
        due=None if undated else x.due,
        as_of=run.as_of,
        # What decided is told with the values that decided.
        why=() if any(is_sensitive(field, run.site.sensitive) for field in fields_used(rule)) else x.why,
        resolved=x.resolved,
    )


def _family(rule: Rule, step: str | None) -> str:
    own = next((s.template for s in rule.all_steps if s.id == step), None)
    return own or rule.family


def _event(run: Speaker, kind: str, fields: Mapping[str, Value], directory: Directory) -> dict[str, Value]:
    """An event's fields for the templates. Values of a sensitive attribute stay here: a lock screen is a public place."""
    by = fields.get("by")
    found = directory.users.get(str(by)) if by else None
    hidden = {"from": None, "to": None} if fields.get("attr") in run.site.sensitive else {}
    named = {f"{key}_names": _names(fields[key], directory) for key in ("added", "removed") if key in fields}
    return {**fields, **hidden, **named, "kind": kind, "by_name": found.name if found else by}


def _names(members: Value, directory: Directory) -> tuple[str, ...]:
    """The names of people, and of groups, by their logins."""
    some = map(str, members) if isinstance(members, tuple) else ()
    return tuple(directory.users[m].name if m in directory.users else m for m in some)

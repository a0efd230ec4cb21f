"""Makes an outbox row from a routed finding: the rendered notice, its link, its severity, its key."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from vigil.compliance.channels import TextFormat, channel_of
from vigil.compliance.evaluation.results import DIGESTED, Why
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.facts import Value
from vigil.compliance.notices import Notice, NoticeKey, NoticeState, Person, Severity
from vigil.compliance.notify.routing import Directory, Routed
from vigil.compliance.rules.model import Rule, RuleSet, fields_used
from vigil.compliance.sensitive import is_sensitive
from vigil.delivery.channels import stored
from vigil.delivery.email.words import mail_texts
from vigil.delivery.rendering.render import RenderedText, Renderer, RenderError
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import Entry, Registered
from vigil.safe_text import BODY, bounded
from vigil.service.contacts import Contacts, Destination, quiet_of
from vigil.service.site import Site

UNROUTABLE = frozenset({Why.NOBODY, Why.WHO})
"""Reasons for findings that should have a recipient and have none."""

URGENT = frozenset({Severity.HIGH, Severity.CRITICAL})
"""Severities that do not wait for the digest of a person who asked for one. A rule with `group` has decided for itself."""


Rendered = RenderedText | RenderError

LONGEST_HTML = 4 * BODY
"""Characters of the body of a mail in HTML, markup included."""


class ComposeContext(Protocol):
    """The parts of a run on which the text of its notices depends."""

    as_of: datetime
    rules: RuleSet
    site: Site
    renderer: Renderer
    channels: Collection[str]
    formats: Mapping[TextFormat, Renderer]


def compose_entries(
    run: ComposeContext, routed: Sequence[Routed], facts: Facts, directory: Directory, contacts: Contacts
) -> list[Entry]:
    """One outbox row for each routed finding, in order. A notice that cannot be rendered is `failed`, with the template's line."""
    to = {n: d for n, r in enumerate(routed) if (d := _destination(run, r, directory, contacts)) is not None}
    notices = {n: notice(run, routed[n], facts, directory, d.person) for n, d in to.items()}
    rendered = dict(zip(notices, run.renderer.render_many(list(notices.values())), strict=True))
    return [
        _entry(run, r, notices[n], rendered[n], to[n]) if n in to else _unaddressed(run, r)
        for n, r in enumerate(routed)
    ]


def _destination(
    run: ComposeContext, r: Routed, directory: Directory, contacts: Contacts
) -> Destination | None:
    if r.person is None:
        return None
    rule = run.rules.by_name[r.finding.rule]
    return contacts.destination(r.person, rule, directory, run.site.zone, run.channels, run.as_of)


def _unaddressed(run: ComposeContext, r: Routed) -> Entry:
    """The row of a finding without a recipient."""
    reason = r.reason or Why.NOBODY
    return Entry(
        *_key(r), fire_at=r.finding.fire_at, state=_state(reason), reason=reason.value, message=_why(run, r)
    )


def _entry(run: ComposeContext, r: Routed, n: Notice, words: Rendered, to: Destination) -> Entry:
    rule = run.rules.by_name[n.rule]
    made = compose_entry(run, _key(r), rule, n, words, to, _why(run, r))
    reason = r.reason
    if reason is None and to.digest and made.state == NoticeState.QUEUED and rule.severity not in URGENT:
        reason = Why.GROUPED
    if reason is None or made.state == NoticeState.FAILED:
        return made
    message = replace(made.message, digest=reason.value if reason in DIGESTED else "")
    return replace(made, state=_state(reason), reason=reason.value, due_at=None, message=message)


def _state(reason: Why) -> NoticeState:
    """The state of a row that is not sent."""
    return NoticeState.UNROUTABLE if reason in UNROUTABLE else NoticeState.SUPPRESSED


def compose_entry(
    run: ComposeContext,
    key: NoticeKey,
    rule: Rule,
    n: Notice,
    words: Rendered,
    to: Destination,
    message: NoticeMessage,
) -> Entry:
    """The row of a rendered notice, with what the worker needs to send it; `message` has the reason for the notice."""
    if isinstance(words, RenderError):
        return Entry(*key, fire_at=n.fire_at, state=NoticeState.FAILED, reason=str(words), message=message)
    message = replace(
        message,
        title=words.title,
        body=words.body,
        link=n.link,
        severity=n.severity,
        ttl=None if rule.ttl is None else int(rule.ttl.timedelta.total_seconds()),
        key=replace_key(key),
        zone=n.person.zone,
        quiet=quiet_of(rule),
        channels=stored(to.channels),
        mail=_html(run, n, to.addresses),
    )
    if not to.addresses:
        reason = Why.NO_DEVICE.value
        return Entry(*key, fire_at=n.fire_at, state=NoticeState.NO_DEVICE, reason=reason, message=message)
    due_at = to.opens_at if to.opens_at > run.as_of else None
    return Entry(*key, fire_at=n.fire_at, state=NoticeState.QUEUED, message=message, due_at=due_at)


def _html(run: ComposeContext, n: Notice, addresses: Sequence[Registered]) -> dict[str, str]:
    """The notice as HTML if its channel takes HTML. One that cannot be rendered as HTML, or would be too long, goes as plain text."""
    renderer = run.formats.get(TextFormat.HTML)
    if renderer is None or not any(
        channel_of(d.address_kind).text_format is TextFormat.HTML for d in addresses
    ):
        return {}
    html = renderer.render_many([n])[0]
    if isinstance(html, RenderError) or len(html.body) > LONGEST_HTML:
        return {}
    return mail_texts(html, renderer.language(n.person.language))


def replace_key(key: NoticeKey) -> str:
    """The replace key of a row: the same for every attempt and device, and different for every other row."""
    return hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=15).hexdigest()


def _key(r: Routed) -> NoticeKey:
    x = r.finding
    return x.rule, x.workspace, x.occurrence, x.step or "", r.person or ""


def _why(run: ComposeContext, r: Routed) -> NoticeMessage:
    """The part of a message with the reason, without its text."""
    rule = run.rules.by_name[r.finding.rule]
    return NoticeMessage(
        why=tuple(map(bounded, r.finding.why)),
        lacks=tuple(map(bounded, r.lacks)),
        date_withheld=rule.due is not None and is_sensitive(rule.due, run.site.sensitive),
    )


def notice(run: ComposeContext, r: Routed, facts: Facts, directory: Directory, person: Person) -> Notice:
    """The notice as a value, with the fields that its rule's templates may show."""
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
        person=person,
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


def _event(
    run: ComposeContext, kind: str, fields: Mapping[str, Value], directory: Directory
) -> dict[str, Value]:
    """An event's fields for the templates. Values of a sensitive attribute are left out: a lock screen is public."""
    by = fields.get("by")
    found = directory.users.get(str(by)) if by else None
    hidden = {"from": None, "to": None} if fields.get("attr") in run.site.sensitive else {}
    named = {f"{key}_names": _names(fields[key], directory) for key in ("added", "removed") if key in fields}
    return {**fields, **hidden, **named, "kind": kind, "by_name": found.name if found else by}


def _names(members: Value, directory: Directory) -> tuple[str, ...]:
    """The names of people, and of groups, by their logins."""
    some = map(str, members) if isinstance(members, tuple) else ()
    return tuple(directory.users[m].name if m in directory.users else m for m in some)

"""The digest: one notice for each person with grouped findings, late findings, and findings that the person wants in digests.

Those rows are suppressed in the outbox, with a reason that says that they wait. A digest queues its own row and gives each of them its
final reason ("in digest 123", or why it was left out) in one transaction: if it is killed, the next digest continues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vigil.compliance import facts as f
from vigil.compliance.evaluation.results import DIGESTED, Why
from vigil.compliance.evaluation.still_true import CurrentState
from vigil.compliance.notices import Notice, NoticeKey, Person, Severity
from vigil.compliance.notify.digests import DigestItem, left_out, lines, severity_of, window_end
from vigil.compliance.notify.routing import Directory
from vigil.compliance.rules.model import DIGEST_NAME, Recipient, Rule, RuleKind, Subject
from vigil.ledger.engine import chunks
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.observed import inputs, observations
from vigil.ledger.outbox import digests, queue
from vigil.ledger.outbox.digests import Parked
from vigil.ledger.people import devices, preferences
from vigil.ledger.values import Entry
from vigil.service.compose import compose_entry
from vigil.service.contacts import Contacts, Destination
from vigil.service.run import Number, Run

BATCH = 500
"""The number of people whose digests are made in one transaction."""

SEVERAL = 0
"""The workspace of a digest about more than one."""

DIGEST = Rule(
    name=DIGEST_NAME,
    kind=RuleKind.CONDITION,
    subject=Subject(workspace_type="(any)"),
    to=(Recipient(event="by"),),
    template="digest",
)
"""The rule that digests are kept under. It finds nothing itself; whom a digest is for is decided by the rules that wait in it."""


def batches(run: Run) -> list[list[str]]:
    """The people with waiting notices, in batches."""
    with run.ledger.read() as connection:
        return list(chunks(digests.people(connection, DIGESTED, run.as_of), BATCH))


def make_digests(run: Run, people: Sequence[str]) -> None:
    """Make the digests of some people, each complete: its notices, and those left out with the reason."""
    with run.ledger.write() as connection:
        waiting = digests.of_people(connection, people, DIGESTED, run.as_of)
        about = sorted({p.workspace for some in waiting.values() for p in some})
        given = inputs.current(connection, about, run.site.zone)
        now = CurrentState(given, run.as_of)
        directory = Directory.of(observations.directory(connection))
        contacts = Contacts(devices.of_people(connection, people), preferences.of_people(connection, people))
        for person, some in waiting.items():
            kept, left = sorted_out(run, person, some, now, directory)
            for why, ids in left.items():
                run.counters.left_out[why] += digests.explain(connection, ids, why)
            if not kept:
                continue
            to = contacts.destination(person, DIGEST, directory, run.site.zone, run.channels, run.as_of)
            entry = entry_of(run, kept, to, given.facts.workspaces)
            inserted = queue.enqueue(connection, [entry], run.as_of, run.id)
            number = digests.number_of(connection, entry.key)
            digests.put_into(connection, [k.number for k in kept], number)
            run.counters.route(1, already_told=1 - inserted)
            run.counters.numbers[Number.IN_DIGESTS] += len(kept)


def sorted_out(
    run: Run, person: str, some: Sequence[Parked], now: CurrentState, directory: Directory
) -> tuple[list[DigestItem], dict[Why, list[int]]]:
    """The notices of a person's digest, and the numbers of those left out, by reason."""
    user = directory.users.get(person)
    if user is not None and user.deleted:
        return [], {Why.DELETED: [p.id for p in some]}
    every = [_kept(p) for p in some]
    beside = {k.statement for k in every}
    kept: list[DigestItem] = []
    left: dict[Why, list[int]] = {}
    for k in every:
        if k.rule in run.left_out:
            continue  # without its rule nobody knows whether it is still true: it waits until the rule is back
        why = left_out(k, run.rules.by_name.get(k.rule), now, beside, run.as_of)
        if why is None:
            kept.append(k)
        else:
            left.setdefault(why, []).append(k.number)
    return kept, left


def _kept(p: Parked) -> DigestItem:
    return DigestItem(
        number=p.id,
        rule=p.rule,
        workspace=p.workspace,
        occurrence=p.occurrence,
        as_of=p.as_of,
        title=p.message.title or p.rule,
        link=p.message.link,
        severity=Severity(p.message.severity or Severity.NORMAL),
        expires_at=p.expires_at,
    )


def entry_of(
    run: Run, kept: Sequence[DigestItem], to: Destination, workspaces: Mapping[int, f.Workspace]
) -> Entry:
    """The digest as an outbox row."""
    n = notice_of(run, kept, to.person, workspaces)
    key: NoticeKey = (DIGEST.name, n.workspace, n.occurrence, "", to.person.login)
    words = run.renderer.render_many([n])[0]
    return compose_entry(run, key, DIGEST, n, words, to, NoticeMessage(why=n.why))


def notice_of(
    run: Run, kept: Sequence[DigestItem], person: Person, workspaces: Mapping[int, f.Workspace]
) -> Notice:
    """The digest as a value: `why` has one line for each notice in it, in the person's language."""
    at, occurrence = window_end(kept)
    about = {k.workspace for k in kept}
    one = workspaces[kept[0].workspace] if len(about) == 1 else None
    return Notice(
        rule=DIGEST.name,
        kind="digest",
        family=DIGEST.family,
        step=None,
        severity=severity_of(kept),
        workspace=one.id if one else SEVERAL,
        workspace_name=one.name if one else "",
        workspace_type=one.type if one else "",
        occurrence=occurrence,
        fire_at=at,
        link=kept[0].link if len(kept) == 1 else run.site.link(one.id) if one else run.site.home,
        person=person,
        as_of=run.as_of,
        why=lines(kept),
    )

"""Compares received with expected notices, one moment at a time. A difference has the expected and the received notices, and the
reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vigil.compliance.evaluation.results import DIGESTED
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.occurrence import Occurrence
from vigil.ledger.notice_message import NoticeMessage
from vigil.sandbox.fcm.devices import ShownNotice
from vigil.service.reasons import in_words, of_row
from vigil.timeline.expectations import QUIET, REASONS
from vigil.timeline.model import NOBODY, Expected, ExpectedUnsent, Mark, Spot, notice_label
from vigil.timeline.results import Arrived, OutboxRow, Played, Player

LOUD = frozenset({NoticeState.NO_DEVICE, NoticeState.UNROUTABLE, NoticeState.FAILED, NoticeState.QUEUED})
"""States in which a notice did not reach its person: a timeline must expect each of them. Suppressed ones are optional."""

WAITING = frozenset({*(why.value for why in DIGESTED), GuardWhy.HELD.value})
"""The reasons of suppressed notices that wait for the digest or a guard's answer: a timeline must expect each of them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One difference. `why` has the sentences for the parts of the rule that led to the notice, or that prevented it."""

    spot: Spot
    headline: str
    expected: str
    came: str
    why: tuple[str, ...] = ()


def differences(player: Player, played: Played) -> list[Failure]:
    """All differences between a moment and its timeline."""
    return [*_sent(player, played, played.rows, played.arrived), *_unsent(played, played.rows)]


def _sent(player: Player, played: Played, rows: Sequence[OutboxRow], arrived: Arrived) -> Iterator[Failure]:
    by_key = {r["message"].key: r for r in rows}
    left = [(person, key, shown) for person, some in arrived.items() for key, shown in some.items()]
    for e in played.moment.expected:
        same = [x for x in left if _fits(e, x[0], by_key.get(x[1]))]
        found = next((x for x in same if _as_meant(e, x[2], by_key[x[1]])), None)
        if found is not None:
            left.remove(found)
            yield from _on_screen(player, e, found[2], by_key[found[1]])
        elif same:
            left.remove(same[0])
            yield _other_words(e, same[0][2], by_key[same[0][1]])
        else:
            yield _missing(player, played, e, rows, left, by_key)
    for person, key, shown in left:
        row = by_key.get(key)
        label = _label(row) if row else "a message that the ledger does not know"
        why = row["message"].why if row else ()
        yield Failure(
            played.moment.spot,
            "a notice that nobody expected",
            "nothing more",
            f"{person}: {label}, {_words(shown)}",
            why,
        )


def _fits(e: Expected, person: str, row: OutboxRow | None) -> bool:
    """Whether the received notice is the expected one, whatever its text."""
    if row is None or (e.person, e.rule, e.step or "") != (person, row["rule"], row["step"]):
        return False
    return e.mark == _mark(row) and e.workspace in (None, row["workspace"])


def _as_meant(e: Expected, shown: Sequence[ShownNotice], row: OutboxRow) -> bool:
    """Whether the received notice has the expected text, severity and time to live."""
    says = all(any(text in f"{s.title}\n{s.body}" for s in shown) for text in e.says)
    message: NoticeMessage = row["message"]
    loud = e.severity in (None, message.severity)
    return says and loud and (e.ttl is None or message.ttl == int(e.ttl.total_seconds()))


def _other_words(e: Expected, shown: Sequence[ShownNotice], row: OutboxRow) -> Failure:
    said = "".join(f', says "{text}"' for text in e.says)
    said += f", severity {e.severity}" if e.severity else ""
    said += f", worth showing for {e.ttl}" if e.ttl else ""
    message: NoticeMessage = row["message"]
    shows = _words(shown)
    shows += f", severity {message.severity}" if e.severity else ""
    shows += f", worth showing {_for(message.ttl)}" if e.ttl else ""
    return Failure(
        e.spot,
        "a notice says something else",
        f"{e.person}: {e.label}{said}",
        f"{e.person}: {e.label}, {shows}",
        message.why,
    )


def _for(ttl: int | None) -> str:
    return "for ever" if ttl is None else f"for {timedelta(seconds=ttl)}"


def _words(shown: Sequence[ShownNotice]) -> str:
    return f'"{shown[0].title}: {_line(shown[0].body)}"' if shown else "nothing on the screen"


def _on_screen(
    player: Player, e: Expected, shown: Sequence[ShownNotice], row: OutboxRow
) -> Iterator[Failure]:
    """Every device of the person must show the notice once."""
    wanted = len(player.timeline.players[e.person].devices)
    if len(shown) != wanted:
        came = f"{e.person} sees it {len(shown)} times on {wanted} device{'s' if wanted != 1 else ''}"
        yield Failure(
            e.spot,
            "a notice that is not shown once",
            f"{e.person}: {e.label}, once a device",
            came,
            row["message"].why,
        )


def _missing(
    player: Player,
    played: Played,
    e: Expected,
    rows: Sequence[OutboxRow],
    left: Sequence[tuple[str, str, Sequence[ShownNotice]]],
    by_key: Mapping[str, OutboxRow],
) -> Failure:
    said = "".join(f', says "{text}"' for text in e.says)
    came = [
        f'{p}: {_label(by_key[k])}, "{s[0].title}: {_line(s[0].body)}"'
        for p, k, s in left
        if p == e.person and s and k in by_key
    ]
    came += [
        f"{r['person'] or 'nobody'}: {_label(r)} {r['state']}, {of_row(r)}"
        for r in rows
        if r["rule"] == e.rule and r["state"] != NoticeState.SENT
    ]
    return Failure(
        e.spot,
        "a notice did not come",
        f"{e.person}: {e.label}{said}",
        "; ".join(came) or "nothing",
        _why_not(player, played, e, rows),
    )


def _why_not(player: Player, played: Played, e: Expected, rows: Sequence[OutboxRow]) -> tuple[str, ...]:
    """The state of the rule for the workspaces that it could apply to, in sentences."""
    told = [w for r in rows if r["rule"] == e.rule for w in r["message"].why]
    if told:
        return tuple(dict.fromkeys(told))
    return player.why_not(e.rule, e.workspace, played.now)


def _unsent(played: Played, rows: Sequence[OutboxRow]) -> Iterator[Failure]:
    left = [r for r in rows if r["state"] != NoticeState.SENT]
    for u in played.moment.unsent:
        found = next((r for r in left if _held(u, r)), None)
        if found is not None:
            left.remove(found)
            continue
        came = "; ".join(
            f"{r['person'] or 'nobody'}: {_label(r)} {r['state']}, {of_row(r)}"
            for r in rows
            if r["rule"] == u.rule
        )
        who = u.person or "nobody"
        yield Failure(
            u.spot,
            "a notice was not held back as it should",
            f"{who}: {u.label} not sent, {in_words(REASONS[u.reason])}",
            came or "nothing",
            _told(rows, u.rule),
        )
    for r in left:
        if r["state"] in LOUD or r["reason"] in WAITING:
            came = f"{r['person'] or 'nobody'}: {_label(r)} {r['state']}, {of_row(r)}"
            yield Failure(
                played.moment.spot,
                "somebody could not be told at once, and nobody expected that",
                "nothing more",
                came,
                r["message"].why,
            )


def _held(u: ExpectedUnsent, r: OutboxRow) -> bool:
    reason = REASONS[QUIET] if r["state"] == NoticeState.QUEUED else r["reason"]
    mine = (u.person or NOBODY, u.rule, u.step or "", REASONS[u.reason])
    return mine == (r["person"], r["rule"], r["step"], reason) and u.workspace in (None, r["workspace"])


def _told(rows: Sequence[OutboxRow], rule: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(w for r in rows if r["rule"] == rule for w in r["message"].why))


def _mark(row: OutboxRow) -> Mark:
    o = Occurrence.parse(row["occurrence"])
    return "escalated" if o.escalation else "resolved" if o.resolved else ""


def _label(row: OutboxRow) -> str:
    return notice_label(row["rule"], row["step"] or None, _mark(row))


def _line(text: str) -> str:
    return " ".join(text.split())

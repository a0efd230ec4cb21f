"""The words of a run's account: one sentence, one short result, and one page with outcomes first and numbers below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from vigil.compliance.evaluation.results import DIGESTED
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.delivery import causes
from vigil.ledger.outbox.counts import Waiting
from vigil.safe_text import Markdown, markdown, table_row
from vigil.service.accounting import SHOWN, Account
from vigil.service.reasons import in_words, of_row
from vigil.service.unsent import Unsent
from vigil.wording import counted, instant

NOTHING = "nothing new"
NAMED = 2  # reasons for missing recipients in one line
_LATER = frozenset(why.value for why in (*DIGESTED, GuardWhy.HELD, GuardWhy.UNDECIDED))


def sentence(made: Account) -> str:
    """The account in one line, for a log and for the message of a state."""
    return "; ".join(outcomes(made)) or NOTHING


def result(made: Account, said: str = "") -> str:
    """The short result for the run's name: "8 told, 2 wait", after the run's own text `said`."""
    told = made.rows.get(NoticeState.SENT, 0) + made.earlier.get(NoticeState.SENT, 0)
    parts = {
        "told": told,
        "wait" if made.waiting > 1 else "waits": made.waiting,
        "reached nobody": made.rows.get(NoticeState.UNROUTABLE, 0),
        "without a digest": made.unsent.get(Unsent.NO_DIGEST, 0),
        "without an answer": made.unsent.get(Unsent.NOT_ASKED, 0),
        "given up": made.given_up,
        "gap" if len(made.gaps) == 1 else "gaps": len(made.gaps),
    }
    numbers = [f"{n:,} {what}" for what, n in parts.items() if n]
    refused = [_head(said) for said in made.refused_rules[:1]]
    return ", ".join([said] * bool(said) + numbers + refused) or NOTHING


def _head(refused: str) -> str:
    """The beginning of a sentence about refused rules: "rules refused: 1"."""
    what, _, rest = refused.partition(": ")
    return f"{what[:1].lower()}{what[1:]}: {re.split('[:,]', rest)[0]}"


def outcomes(made: Account) -> list[str]:
    """The outcomes of everything that the run found or sent, one line each, the good ones first."""
    return [*_told(made), *_waiting(made), *_to_come(made), *_not_told(made), *_missing(made)]


def _told(made: Account) -> Iterator[str]:
    sent = [n for n in made.notices if n["state"] == NoticeState.SENT]
    people = len({n["person"] for n in sent})
    if sent:
        notices = f" ({counted(len(sent), 'notice')})" if len(sent) != people else ""
        yield f"{counted(people, 'person was', 'people were')} told{notices}"
    for state, done in (
        (NoticeState.SENT, "delivered"),
        (NoticeState.NO_DEVICE, "without a device"),
        (NoticeState.FAILED, "given up"),
        (NoticeState.SUPPRESSED, "no longer true"),
    ):
        if n := made.earlier.get(state, 0):
            yield f"{n:,} {done} from earlier runs"


def _waiting(made: Account) -> Iterator[str]:
    """Due notices that are not sent."""
    if made.waiting:
        yield waiting(made.waits, made.zone)


def _to_come(made: Account) -> Iterator[str]:
    """Pending notices of all runs, with a warning where the expected event does not happen."""
    later = made.later
    if later.quiet:
        yield f"{_wait(later.quiet)} for the end of quiet hours{_first(later.quiet_until, made.zone)}"
    if later.digest:
        late = (
            f", {later.no_digest:,} of them for too long: the digest does not run" if later.no_digest else ""
        )
        yield f"{_wait(later.digest)} for the next digest{late}"
    if later.guard:
        alone = (
            f", and nobody was asked about {later.not_asked:,}: `vigil guard list`" if later.not_asked else ""
        )
        yield f"{_wait(later.guard)} for a guard's answer{_first(later.answer_by, made.zone)}{alone}"
    if later.undecided:
        whose = "its" if later.undecided == 1 else "their"
        yield f"{_wait(later.undecided)} for {whose} guard's decision"
    if later.short:
        many = counted(
            later.short,
            "workspace shows fewer items than it counts",
            "workspaces show fewer items than they count",
        )
        yield f"{many}: notices follow when the other items become visible"


def _wait(notices: int) -> str:
    return counted(notices, "notice waits", "notices wait")


def _first(until: datetime | None, zone: str) -> str:
    return "" if until is None else f", the first until {instant(until, zone)}"


def waiting(waits: Waiting, zone: str) -> str:
    """Due notices that are not sent, with the causes and the next retry."""
    what = "for another try" if waits.causes else "to be sent"
    again = waits.next_try()
    when = f", next try {instant(again, zone)}" if again else ""
    return f"{_wait(waits.total)} {what}: {', '.join(why_waiting(waits))}{when}"


def why_waiting(waits: Waiting) -> list[str]:
    """Why notices wait: the answers of FCM, the mail server or the token endpoint to the last tries, the commonest first."""
    others = {
        Unsent.BEHIND: waits.behind,
        Unsent.HELD: waits.held,
        Unsent.UNTAKEN: waits.untaken,
    }
    return [*causes.sentences(waits.causes), *(f"{n:,} {what}" for what, n in others.items() if n)]


def _not_told(made: Account) -> Iterator[str]:
    nobody = unroutable(made)
    if nobody:
        more = f" and {len(nobody) - NAMED:,} more" if len(nobody) > NAMED else ""
        said = f"{', '.join(list(nobody)[:NAMED])}{more}"
        yield f"{counted(sum(nobody.values()), 'finding')} without a recipient: {said}"
    without = [n for n in made.notices if n["state"] == NoticeState.NO_DEVICE]
    if without:
        people = counted(len({n["person"] for n in without}), "person has", "people have")
        yield f"{people} neither a device nor a mailbox ({counted(len(without), 'notice')})"
    for state, what in ((NoticeState.FAILED, "given up"), (NoticeState.SUPPRESSED, "not sent")):
        some = Counter(of_row(n) for n in made.notices if n["state"] == state and n["reason"] not in _LATER)
        for reason, n in some.most_common():
            yield f"{n:,} {what}: {reason}"
    if again := made.already_told:
        yield f"{again:,} queued by earlier runs"


def unroutable(made: Account) -> dict[str, int]:
    """Findings without a recipient: what is missing, as a sentence -> how many."""
    some = [n for n in made.notices if n["state"] == NoticeState.UNROUTABLE]
    said = (", ".join(n["message"].lacks) or f"{made.place(n['workspace'])} ({n['rule']})" for n in some)
    return dict(Counter(said))


def _missing(made: Account) -> Iterator[str]:
    heads = {causes.head_of(cause) for cause in made.waits.causes}
    yield from (why for why in made.refused if causes.head_of(why) not in heads)
    if made.later.behind and not made.behind:
        yield f"{counted(made.later.behind, 'workspace waits', 'workspaces wait')} for the next watch"
    if made.behind:
        some = [made.place(w) for w in sorted(made.behind)[:NAMED]]
        more = f" and {len(made.behind) - NAMED:,} more" if len(made.behind) > NAMED else ""
        many = counted(len(made.behind), "workspace waits", "workspaces wait")
        yield f"{many} for the next run: {', '.join(some)}{more}"
    if made.gaps:
        yield f"{counted(len(made.gaps), 'gap')}: could not read {made.gaps[0]}" + (
            " and more" if len(made.gaps) > 1 else ""
        )


def page(made: Account) -> Markdown:
    """The account as a page of Markdown. Every instant in it is in the site's zone, which its title names."""
    title = Markdown("## {} of {}, {}").format(made.flow, made.site, instant(made.as_of, made.zone))
    lines = [title, "", *map(_item, outcomes(made) or [NOTHING])]
    lines += _section(
        "Findings without a recipient",
        [f"{said} ({counted(n, 'finding')})" for said, n in unroutable(made).items()],
    )
    lines += _section(
        "Due and not sent", [f"{counted(n, 'notice')}: {kind}" for kind, n in made.unsent.items()]
    )
    lines += _section("Credentials to correct", made.refused)
    lines += _section("Rules and templates to correct", made.refused_rules)
    lines += _section("What could not be read", made.gaps)
    lines += _section(
        "Workspaces that wait for the next run",
        [f"{made.place(w)}: {why}" for w, why in sorted(made.behind.items())],
    )
    lines += _section(
        "Changes that came and went between two runs",
        [f"{made.place(w)}: {counted(n, 'change')} by its audit trail" for w, n in made.unseen.items()],
    )
    lines += _section(
        "Found for the first time, and too old to count as new",
        [f"{made.place(w)}: {counted(n, 'event')}" for w, n in made.old.items()],
    )
    return Markdown("\n").join([*lines, "", *_numbers(made)])


def _item(said: str) -> Markdown:
    return Markdown("- {}").format(said)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [_item(f"and {len(lines) - SHOWN:,} more")] if len(lines) > SHOWN else []
    return ["", Markdown("### {}").format(title), "", *map(_item, lines[:SHOWN]), *more]


def _numbers(made: Account) -> list[Markdown]:
    """All counters, as a proof: every routed finding was queued before, or is one of the rows."""
    counted_one, row = Markdown("{}"), Markdown("**{}**")
    lines = [(counted_one.format(name), n) for name, n in sorted(made.numbers.items())]
    lines += [(row.format(_named(name)), n) for name, n in sorted(made.rows.items())]
    lines += [(row.format("difference"), made.difference)]
    head = Markdown("## Numbers of the run\n\n| what | number |\n|---|---|")
    return [head, *(table_row([name, markdown(f"{n:,}")]) for name, n in lines)]


def _named(row: str) -> str:
    state, _, reason = row.partition(": ")
    return f"{state}: {in_words(reason)}" if reason else state

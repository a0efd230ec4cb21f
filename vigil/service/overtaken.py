"""Notices that quiet hours held back are asked once more when these end, and are not sent where they are not true any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vigil.compliance.routing import Directory
from vigil.compliance.rules import RuleSet
from vigil.compliance.still_true import RESOLVED, CurrentState, NoLonger
from vigil.compliance.verdicts import Why
from vigil.ledger import inputs, observations, postponed
from vigil.ledger.postponed import Postponed
from vigil.service.run import Run


def explain(run: Run) -> int:
    """Take out of the outbox what is due, was held back and is not true any more, each with its reason. Returns how many notices.

    What a rule has found that is left out until its file is corrected is sent: nothing says that it ended.
    """
    with run.ledger.write() as connection:
        held = postponed.due(connection, run.clock())
        if not held:
            return 0
        about = sorted({p.workspace for p in held})
        now = CurrentState(inputs.current(connection, about, run.site.zone), run.as_of)
        users = Directory.of(observations.directory(connection)).users
        deleted = {login for login, user in users.items() if user.deleted}
        why = dict(untrue(held, run.rules, now, deleted))
        count = postponed.explain(connection, why)
    run.tally.earlier["suppressed"] += count
    return count


def untrue(
    held: Sequence[Postponed], rules: RuleSet, now: CurrentState, deleted: set[str]
) -> Iterator[tuple[int, Why]]:
    """The notices that are not sent, by id. `deleted` are people whose accounts are gone.

    Of what was not held back only ends are asked: that of a beginning which its person never heard of is no news.
    """
    unheard = {
        person: {p.statement for p in held if p.person == person} for person in {p.person for p in held}
    }
    for p in held:
        if p.person in deleted:
            yield p.id, Why.DELETED
        elif p.held or p.statement[2].endswith(RESOLVED):
            why = now.no_longer(rules.by_name.get(p.rule), p.statement, unheard[p.person])
            if why is not None:
                yield p.id, reason(why)


def reason(why: NoLonger) -> Why:
    """What the ledger keeps of a notice that is not sent for it."""
    if why is NoLonger.GONE:
        return Why.GONE_SINCE
    return Why.ALREADY_DONE if why is NoLonger.COMPLETED else Why.NO_LONGER

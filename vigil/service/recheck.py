"""Checks notices again at the end of quiet hours, and does not send those that are no longer true."""

from __future__ import annotations

from vigil.compliance.evaluation.still_true import CurrentState, untrue
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.routing import Directory
from vigil.ledger.observed import inputs, observations
from vigil.ledger.outbox import postponed
from vigil.service.run import Run


def explain(run: Run) -> int:
    """Take due rows that quiet hours deferred and that are no longer true out of the outbox, each with its reason. Returns how many.

    Findings of a rule that is left out until its file is corrected are sent: nothing shows that they ended.
    """
    with run.ledger.read() as connection:
        held = postponed.due(connection, run.clock())
        if not held:
            return 0
        about = sorted({p.workspace for p in held})
        now = CurrentState(inputs.current(connection, about, run.site.zone), run.as_of)
        users = Directory.of(observations.directory(connection)).users
        deleted = {login for login, user in users.items() if user.deleted}
    why = dict(untrue(held, run.rules, now, deleted))
    if not why:
        return 0
    with run.ledger.write() as connection:
        count = postponed.explain(connection, why, run.clock())
    if count:
        run.counters.earlier[NoticeState.SUPPRESSED] += count
    return count

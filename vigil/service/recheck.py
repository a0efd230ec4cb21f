"""Checks notices again at the end of quiet hours, and does not send those that are no longer true."""

from __future__ import annotations

from datetime import datetime

from vigil.compliance.evaluation.still_true import CurrentState, untrue
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.routing import Directory
from vigil.ledger.observed import inputs, observations
from vigil.ledger.outbox import postponed
from vigil.service.run import Run


def explain(run: Run, now: datetime | None = None) -> int:
    """Take rows out of the outbox that quiet hours deferred until `now`, by default the run's clock, and that are no longer true.

    Each gets its reason. Returns how many there were.

    Findings of a rule that is left out until its file is corrected are sent: nothing shows that they ended.
    """
    now = now or run.clock()
    with run.ledger.read() as connection:
        held = postponed.due(connection, now)
        if not held:
            return 0
        about = sorted({p.workspace for p in held})
        state = CurrentState(inputs.current(connection, about, run.site.zone), run.as_of)
        users = Directory.of(observations.directory(connection)).users
        deleted = {login for login, user in users.items() if user.deleted}
    why = dict(untrue(held, run.rules, state, deleted))
    if not why:
        return 0
    with run.ledger.write() as connection:
        count = postponed.explain(connection, why, now)
    if count:
        run.counters.earlier[NoticeState.SUPPRESSED] += count
    return count

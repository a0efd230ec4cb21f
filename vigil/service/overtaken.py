"""Notices that quiet hours held back are asked once more when these end, and are not sent where they are not true any more."""

from __future__ import annotations

from vigil.compliance.notices import NoticeState
from vigil.compliance.routing import Directory
from vigil.compliance.still_true import CurrentState, untrue
from vigil.ledger import inputs, observations, postponed
from vigil.service.run import Run


def explain(run: Run) -> int:
    """Take out of the outbox what is due, was held back and is not true any more, each with its reason. Returns how many notices.

    What a rule has found that is left out until its file is corrected is sent: nothing says that it ended.
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
        run.tally.earlier[NoticeState.SUPPRESSED] += count
    return count

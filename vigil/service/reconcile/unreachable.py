"""People with notices who have had no device for a week."""

from __future__ import annotations

from datetime import timedelta

from vigil.ledger.outbox import audits
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.run import Run
from vigil.wording import counted

PATIENCE = timedelta(days=7)
_DO = "ask the person to open the app and log in, or import the device; a mail server in the site's block reaches them by mail"


async def check(run: Run, fix: bool) -> Checked:
    with run.ledger.read() as connection:
        found = audits.unreachable(connection, run.clock() - PATIENCE)
    return Checked(
        len(found),
        tuple(
            Discrepancy(
                f"{counted(u.notices, 'notice')} found no device since {u.since:%Y-%m-%d}",
                _DO,
                person=u.person,
            )
            for u in found
        ),
    )

"""Notices that are marked as sent without an accepted attempt. Anything found here is a fault in Vigil."""

from __future__ import annotations

from vigil.ledger import watermarks
from vigil.ledger.outbox import audits
from vigil.ledger.watermarks import WatermarkName
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.run import Run

_DO = "do not trust that the person knows: tell them by hand, keep a copy of the ledger, and report this as a fault of Vigil"


async def check(run: Run, fix: bool) -> Checked:
    """Check all notices whose attempts upkeep has not deleted. Corrects nothing: nobody can know what happened."""
    with run.ledger.read() as connection:
        since = watermarks.watermark(connection, WatermarkName.FORGOTTEN_ATTEMPTS).at
        found, looked_at = audits.unproven(connection, since)
    return Checked(
        looked_at,
        tuple(
            Discrepancy(
                f"notice {u.id} of {u.rule} is marked as sent, and no attempt was accepted",
                _DO,
                u.workspace,
                u.person,
            )
            for u in found
        ),
    )

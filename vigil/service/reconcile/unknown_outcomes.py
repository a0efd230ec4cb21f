"""Notices that are still queued although their time for retries is over: no run delivers, or a worker died on them repeatedly."""

from __future__ import annotations

from vigil.delivery.retry import GIVE_UP
from vigil.ledger.outbox import audits, leases
from vigil.ledger.values import LEASE
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.run import Run

REASON = "expired: {last}"
_DO = "look why no run delivers; with `fix` it becomes failed, and a backfill can say it again"


async def check(run: Run, fix: bool) -> Checked:
    """A message is given up an hour after its first try (docs/contracts/fcm.md#retry); a worker may hold it for one more lease."""
    now = run.clock()
    with run.ledger.write() if fix else run.ledger.read() as connection:
        real = leases.real_time(connection)
        found = audits.given_up_by_now(connection, now - GIVE_UP - LEASE, real)
        if fix:
            reasons = {o.id: REASON.format(last=o.last) for o in found}
            audits.give_up(connection, reasons, real)
    return Checked(
        len(found),
        tuple(
            Discrepancy(
                f"notice {o.id} of {o.rule} is queued, first tried {o.first_tried_at:%Y-%m-%d %H:%M} UTC, last {o.last}",
                _DO,
                o.workspace,
                o.person,
                "failed: " + REASON.format(last=o.last) if fix else "",
            )
            for o in found
        ),
    )

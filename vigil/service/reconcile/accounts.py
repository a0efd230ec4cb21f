"""Reads every account of Extended ECM, to know that each address belongs to one person, and which accounts are deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from vigil.compliance import facts as f
from vigil.ledger import watermarks
from vigil.ledger.observed import observations
from vigil.ledger.people import accounts
from vigil.ledger.watermarks import Watermark, WatermarkName
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.run import Run

_DO = "give each a mailbox of their own, or their Firebase accounts the claim that names the login (docs/gateway.md)"


async def check(run: Run, fix: bool) -> Checked:
    """Record every account, and list those that share an address, which the gateway then does not accept."""
    users = await run.extractor.accounts()
    with run.ledger.write() as connection:
        observations.record(connection, users, run.as_of, run.id)
        watermarks.set_watermark(connection, WatermarkName.ACCOUNTS, Watermark(at=run.as_of))
    return Checked(len(users), tuple(Discrepancy(_said(logins), _DO) for logins in shared(users)))


def shared(users: Iterable[f.User]) -> list[list[str]]:
    """The logins that share one address, a list for each address. Deleted accounts have none."""
    by_address: dict[str, list[str]] = defaultdict(list)
    for user in users:
        if user.email and not user.deleted:
            by_address[accounts.folded(user.email)].append(user.login)
    return sorted(sorted(logins) for logins in by_address.values() if len(logins) > 1)


def _said(logins: list[str]) -> str:
    return f"{', '.join(logins)} share a mailbox: none of them can sign in to the gateway by it"

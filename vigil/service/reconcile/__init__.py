"""Reconciliation: compares the ledger with reality. Each check is a module; `CHECKS` is their order.

A check reports. It corrects something only if asked to, and says what it changed. Each is ``async look(run, mend) -> Checked`` and
raises EcmError if Extended ECM does not answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from vigil.service.reconcile import (
    accounts,
    dead_devices,
    follow_ups,
    missing_documents,
    subscriptions,
    unknown_outcomes,
    unproven,
    unreachable,
    unreadable,
)
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.run import Run

CHECKS: Mapping[str, Callable[[Run, bool], Awaitable[Checked]]] = {
    "outcomes that stayed unknown": unknown_outcomes.look,
    "sent without proof": unproven.look,
    "devices": dead_devices.look,
    "accounts": accounts.look,
    "topics": subscriptions.look,
    "people without a device": unreachable.look,
    "workspaces that cannot be read": unreadable.look,
    "missing documents": missing_documents.look,
    "follow-ups": follow_ups.look,
}

__all__ = ["CHECKS", "Checked", "Discrepancy"]

"""Reconciliation: compares the ledger with reality. Each check is a module; `CHECKS` is their order.

A check reports. It corrects something only if asked to, and says what it changed. Each is ``async check(run, fix) -> Checked`` and
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
    "outcomes that stayed unknown": unknown_outcomes.check,
    "sent without proof": unproven.check,
    "devices": dead_devices.check,
    "accounts": accounts.check,
    "topics": subscriptions.check,
    "people without a device": unreachable.check,
    "workspaces that cannot be read": unreadable.check,
    "missing documents": missing_documents.check,
    "follow-ups": follow_ups.check,
}

__all__ = ["CHECKS", "Checked", "Discrepancy"]

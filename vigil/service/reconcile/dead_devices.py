"""Devices that no longer receive messages, or that FCM will soon refuse. Contract: docs/contracts/fcm.md#devices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from vigil.ledger.outbox import audits
from vigil.ledger.people import device_stats, devices
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.run import Run
from vigil.wording import counted

RECENT = timedelta(days=7)
NAMED = 20  # the most devices that one line names
BY_HAND = "unregistered by the person"


async def check(run: Run, fix: bool) -> Checked:
    """The devices retired in the last week (except by their own person), and those that no app refreshes. Only `upkeep` retires
    devices.
    """
    now = run.clock()
    with run.ledger.read() as connection:
        taken = device_stats.take(connection, now)
        retired = audits.retired_since(connection, now - RECENT)
        groups: list[tuple[str, str, Sequence[int]]] = [
            (f"retired in the last week: {reason}", "nothing, if their people have other devices", ids)
            for reason, ids in sorted(retired.items())
            if reason != BY_HAND
        ]
        groups.append(
            ("not refreshed for 270 days, so that FCM refuses them", "`upkeep` retires them", taken.refused)
        )
        do = "the app refreshes its registration when it is opened: ask why these do not"
        groups.append(("not refreshed for a month", do, taken.stale))
        found = [
            Discrepancy(
                f"{counted(len(ids), 'device')} {what} ({_named(devices.labels(connection, ids))})", do
            )
            for what, do, ids in groups
            if ids
        ]
    return Checked(sum(taken.in_use.values()), tuple(found))


def _named(labels: dict[int, str]) -> str:
    names: Sequence[str] = sorted(labels.values())
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

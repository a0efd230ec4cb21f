"""Devices that can no longer be told anything, or will soon be refused. Contract: docs/contracts/fcm.md#devices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from vigil.ledger import census, devices, reconciling
from vigil.service.reconcile.found import Checked, Found
from vigil.service.run import Run
from vigil.wording import counted

RECENT = timedelta(days=7)
NAMED = 20  # devices that one line names at most
BY_HAND = "unregistered by the person"


async def look(run: Run, mend: bool) -> Checked:
    """What was retired in the last week (but by its own person), and what nobody refreshes. `upkeep` retires, this does not."""
    now = run.clock()
    with run.ledger.read() as connection:
        taken = census.take(connection, now)
        retired = reconciling.retired_since(connection, now - RECENT)
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
            Found(f"{counted(len(ids), 'device')} {what} ({_named(devices.labels(connection, ids))})", do)
            for what, do, ids in groups
            if ids
        ]
    return Checked(sum(taken.in_use.values()), tuple(found))


def _named(labels: dict[int, str]) -> str:
    names: Sequence[str] = sorted(labels.values())
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

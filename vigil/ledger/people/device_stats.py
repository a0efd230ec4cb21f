"""Statistics of the registry: the addresses in use, and those that no app refreshed for a long time. Contract:
docs/contracts/fcm.md#devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from vigil.ledger.tables import DeviceRow, table
from vigil.ledger.values import APP_KINDS

_device = table(DeviceRow)

STALE = timedelta(days=30)
"""The age of a token without a refresh from which it may be dead."""

REFUSED = timedelta(days=270)
"""The age of a token without a refresh from which FCM refuses it."""


@dataclass(frozen=True, slots=True)
class DeviceStats:
    """Addresses in use by platform, the number of people with one, and the numbers of old devices. Only addresses of apps age."""

    in_use: Mapping[str, int] = field(default_factory=dict)
    people: int = 0
    stale: tuple[int, ...] = ()  # not refreshed for STALE, but for less than REFUSED
    refused: tuple[int, ...] = ()  # not refreshed for REFUSED


def take(connection: Connection, now: datetime) -> DeviceStats:
    """The statistics of the registry at `now`."""
    alive = _device.c.retired_at.is_(None)
    by_platform = select(_device.c.platform, func.count()).where(alive).group_by(_device.c.platform)
    counted = {r[0]: r[1] for r in connection.execute(by_platform)}
    people = connection.execute(select(func.count(_device.c.person.distinct())).where(alive)).scalar_one()
    old = select(_device.c.id, _device.c.refreshed_at).where(
        alive, _device.c.address_kind.in_(APP_KINDS), _device.c.refreshed_at <= now - STALE
    )
    stale: list[int] = []
    refused: list[int] = []
    for id, refreshed_at in connection.execute(old.order_by(_device.c.id)):
        (refused if refreshed_at <= now - REFUSED else stale).append(id)
    return DeviceStats(dict(sorted(counted.items())), int(people), tuple(stale), tuple(refused))

"""The registry of devices. An address is a secret: only the transport receives it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, true, update

from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import DeviceRow, table
from vigil.ledger.values import Registered

_device = table(DeviceRow)
_REFRESHED = (
    "person",
    "platform",
    "app",
    "language",
    "zone",
    "refreshed_at",
    "retired_at",
    "retired_reason",
)
_KEY = ("address_kind", "address")


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A registration from an app or an import."""

    person: str
    address: str = field(repr=False)
    platform: str
    address_kind: str = "token"
    app: str = ""
    language: str | None = None
    zone: str | None = None


def register(connection: Connection, devices: Iterable[NewDevice], now: datetime) -> int:
    """Add devices, or refresh those with a known address. A registered address that belongs to another person moves to the new one."""
    rows = [_row(d, now) for d in devices]
    upsert(connection, _device, rows, _REFRESHED, _KEY)
    return len(rows)


def _row(d: NewDevice, now: datetime) -> dict[str, Any]:
    return {
        "person": d.person,
        "address": d.address,
        "address_kind": d.address_kind,
        "platform": d.platform,
        "app": d.app,
        "language": d.language,
        "zone": d.zone,
        "registered_at": now,
        "refreshed_at": now,
        "retired_at": None,
        "retired_reason": None,
    }


def of_people(connection: Connection, people: Collection[str]) -> dict[str, list[Registered]]:
    """The devices in use, by person."""
    out: dict[str, list[Registered]] = defaultdict(list)
    columns = [_device.c[name] for name in Registered.__slots__]
    for some in chunks(sorted(people)):
        where = _device.c.person.in_(some) & _device.c.retired_at.is_(None)
        for r in connection.execute(select(*columns).where(where).order_by(_device.c.id)):
            out[r.person].append(Registered(*r))
    return out


def every(connection: Connection, person: str | None = None) -> list[dict[str, Any]]:
    """The registry, or one person's part of it, including retired devices: by person, then in order of registration. Without
    addresses.
    """
    columns = [c for c in _device.c if c.name not in ("address", "address_kind")]
    query = select(*columns).order_by(_device.c.person, _device.c.id)
    if person is not None:
        query = query.where(_device.c.person == person)
    return [dict(r._mapping) for r in connection.execute(query)]


def label(person: str, platform: str) -> str:
    """The name of a device for people: never its address."""
    return f"{person}'s {platform}"


def retire(
    connection: Connection,
    ids: Collection[int],
    reason: str,
    now: datetime,
    unless_refreshed_after: datetime | None = None,
) -> None:
    """Retire devices. They stay in the table, for `vigil why`.

    A device that its app registered again after `unless_refreshed_after` stays in use: the reason is older than the registration.
    """
    where: ColumnElement[bool] = _device.c.retired_at.is_(None)
    if unless_refreshed_after is not None:
        where &= _device.c.refreshed_at <= unless_refreshed_after
    _change(connection, ids, where, retired_at=now, retired_reason=reason)


def accepted(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Record that FCM accepted a message for these devices."""
    _change(connection, ids, true(), last_accepted_at=now)


def _change(connection: Connection, ids: Collection[int], where: ColumnElement[bool], **values: Any) -> None:
    # Locked in the order of ids: two workers that update the same devices cannot deadlock.
    for some in chunks(sorted(ids)):
        mine = select(_device.c.id).where(_device.c.id.in_(some), where).order_by(_device.c.id)
        locked = mine.with_for_update()
        connection.execute(update(_device).where(_device.c.id.in_(locked)).values(**values))


def labels(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """The names of devices for people."""
    out: dict[int, str] = {}
    for some in chunks(sorted(ids)):
        for r in connection.execute(
            select(_device.c.id, _device.c.person, _device.c.platform).where(_device.c.id.in_(some))
        ):
            out[r.id] = label(r.person, r.platform)
    return out

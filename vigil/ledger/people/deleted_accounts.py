"""Deleted accounts: the people whose accounts Extended ECM reports as deleted, and the data that the ledger still has about them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    cast,
    delete,
    literal,
    not_,
    select,
    union,
    update,
)

from vigil.compliance import facts as f
from vigil.ledger.codec import decode
from vigil.ledger.engine import chunks
from vigil.ledger.tables import DeviceRow, NewestRow, ObservationRow, PreferenceRow, TopicMemberRow, table

_device = table(DeviceRow)
_member = table(TopicMemberRow)
_newest = table(NewestRow)
_observation = table(ObservationRow)
_preference = table(PreferenceRow)

FORGOTTEN = "forgotten:"
"""The beginning of a forgotten device's address; its number follows. The row stays, for `vigil why`."""


def deleted(connection: Connection, logins: Collection[str], before: datetime | None = None) -> set[str]:
    """Those of some logins whose account is deleted; with `before`, only those that were found deleted at or before that instant."""
    out = set()
    for some in chunks(sorted(logins)):
        query = (
            select(_newest.c.subject, _observation.c.body)
            .join(_observation, _observation.c.seq == _newest.c.seq)
            .where(_newest.c.kind == "user", _newest.c.subject.in_(some), _newest.c.hash.is_not(None))
        )
        if before is not None:
            query = query.where(_observation.c.seen_at <= before)
        for login, body in connection.execute(query):
            user = decode("user", body)
            if isinstance(user, f.User) and user.deleted:
                out.add(login)
    return out


def devices_in_use(connection: Connection) -> list[int]:
    """The numbers of devices and mailboxes in use whose person's account is deleted."""
    found = connection.execute(
        select(_device.c.id, _device.c.person).where(_device.c.retired_at.is_(None))
    ).all()
    gone = deleted(connection, {r.person for r in found})
    return sorted(r.id for r in found if r.person in gone)


def remembered(connection: Connection, before: datetime) -> list[str]:
    """The people whose accounts were deleted before an instant, and who still have preferences, topics or addresses."""
    known = union(
        select(_preference.c.person),
        select(_member.c.person),
        select(_device.c.person).where(_device.c.retired_at.is_not(None), _has_address()),
    )
    return sorted(deleted(connection, set(connection.execute(known).scalars()), before))


def forget(connection: Connection, people: Collection[str]) -> int:
    """Delete the preferences, topics, and addresses of retired devices of people. Returns for how many people there were any."""
    touched: set[str] = set()
    blank = literal(FORGOTTEN) + cast(_device.c.id, String)
    for some in chunks(sorted(people)):
        retired = and_(_device.c.person.in_(some), _device.c.retired_at.is_not(None), _has_address())
        for statement in (
            delete(_preference).where(_preference.c.person.in_(some)).returning(_preference.c.person),
            delete(_member).where(_member.c.person.in_(some)).returning(_member.c.person),
            update(_device).where(retired).values(address=blank).returning(_device.c.person),
        ):
            touched |= set(connection.execute(statement).scalars())
    return len(touched)


def _has_address() -> ColumnElement[bool]:
    return not_(_device.c.address.startswith(FORGOTTEN))

"""People's mailboxes, as addresses in the registry beside their devices. They come from Extended ECM, never from an app.

An address there is ``"login" <ada@example.org>``: two people can share a mailbox, and each has a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import formataddr

from sqlalchemy import Connection, select

from vigil.compliance.channels import MAIL
from vigil.ledger.engine import chunks
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.tables import DeviceRow, table

_device = table(DeviceRow)


def keep(connection: Connection, wanted: Mapping[str, str | None], now: datetime) -> None:
    """Give each of these people exactly the given mailbox; None for no mailbox. Writes only changes."""
    addresses = {login: formataddr((login, email)) for login, email in wanted.items() if email}
    known: set[tuple[str, str]] = set()
    for some in chunks(sorted(wanted)):
        where = _device.c.person.in_(some) & (_device.c.address_kind == MAIL) & _device.c.retired_at.is_(None)
        for r in connection.execute(select(_device.c.id, _device.c.person, _device.c.address).where(where)):
            if addresses.get(r.person) == r.address:
                known.add((r.person, r.address))
            else:
                devices.retire(connection, [r.id], "another mailbox, or none, in Extended ECM", now)
    new = [
        NewDevice(login, address, platform=MAIL, address_kind=MAIL)
        for login, address in addresses.items()
        if (login, address) not in known
    ]
    if new:
        devices.register(connection, new, now)

"""Whose ledger this is. Two sites in one would take each other's workspaces for their own: ids are numbers, each site has a 4711."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from vigil.ledger.engine import OWNERSHIP, in_turn
from vigil.ledger.errors import LedgerOfAnother, named
from vigil.ledger.tables import Site, table

_site = table(Site)


class Owner(NamedTuple):
    """The site that a ledger belongs to, and since when."""

    name: str
    since: datetime


def owner(connection: Connection) -> Owner | None:
    """The site that this ledger belongs to; None while no site has opened it."""
    found = connection.execute(select(_site.c.name, _site.c.since)).one_or_none()
    return None if found is None else Owner(found.name, found.since)


def refuse_another(connection: Connection, site: str) -> None:
    """Raises LedgerOfAnother when this ledger belongs to another site than `site`. One that belongs to nobody is well."""
    found = owner(connection)
    if found is not None and found.name != site:
        raise LedgerOfAnother(
            f'the ledger {named(connection.engine.url)} belongs to the site "{found.name}" (since {found.since:%Y-%m-%d}), not to '
            f'"{site}": give "{site}" a ledger of its own (`vigil connect --site {site} --ledger URL --yes`). If "{found.name}" is '
            f'called "{site}" now, `vigil connect --site {site} --yes` with this ledger makes it its own'
        )


def claim(connection: Connection, site: str, now: datetime) -> None:
    """Make this ledger the site's when it is nobody's yet. Raises LedgerOfAnother."""
    in_turn(connection, OWNERSHIP)
    refuse_another(connection, site)
    if owner(connection) is None:
        connection.execute(insert(_site).values(name=site, since=now))


def hand_over(connection: Connection, site: str, now: datetime) -> None:
    """Make this ledger the site's, whosever it was."""
    in_turn(connection, OWNERSHIP)
    connection.execute(delete(_site).where(_site.c.name != site))
    if owner(connection) is None:
        connection.execute(insert(_site).values(name=site, since=now))

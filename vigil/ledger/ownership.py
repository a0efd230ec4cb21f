"""The owner of a ledger. Two sites in one ledger would confuse their workspaces: ids are numbers, and each site has a 4711."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, create_engine, delete, insert, inspect, select

from vigil.ledger.engine import OWNERSHIP, file_of, in_turn, open_engine, parse_url, reader, refuse_newer
from vigil.ledger.errors import LedgerOfAnother, explained, named
from vigil.ledger.tables import SiteRow, table

_site = table(SiteRow)


class Owner(NamedTuple):
    """The site that a ledger belongs to, and since when."""

    name: str
    since: datetime


def owner(connection: Connection) -> Owner | None:
    """The site that this ledger belongs to; None until a site opens it."""
    found = connection.execute(select(_site.c.name, _site.c.since)).one_or_none()
    return None if found is None else Owner(found.name, found.since)


def seen(url: str) -> Owner | None:
    """The owner of the ledger at `url`, without creating or migrating it. None if there is no ledger.

    Raises LedgerError if it cannot be read.
    """
    parsed = parse_url(url)
    file = file_of(parsed)
    if parsed.get_backend_name() == "sqlite" and (file is None or not file.is_file()):
        return None
    # Vigil's own SQLite settings would write to a file that is not a ledger yet.
    engine = create_engine(parsed) if parsed.get_backend_name() == "sqlite" else reader(open_engine(url))
    try:
        with explained(parsed), engine.connect() as connection:
            refuse_newer(connection)
            return owner(connection) if inspect(connection).has_table(_site.name) else None
    finally:
        engine.dispose()


def refuse_another(connection: Connection, site: str) -> None:
    """Raise LedgerOfAnother if this ledger belongs to another site than `site`. A ledger without an owner is accepted."""
    found = owner(connection)
    if found is not None and found.name != site:
        raise LedgerOfAnother(
            f'the ledger {named(connection.engine.url)} belongs to the site "{found.name}" (since {found.since:%Y-%m-%d}), not to '
            f'"{site}": give "{site}" a ledger of its own (`vigil connect --site {site} --ledger URL --yes`). If "{found.name}" is '
            f'now called "{site}", run `vigil connect --site {site} --yes` with this ledger'
        )


def claim(connection: Connection, site: str, now: datetime) -> None:
    """Make `site` the owner of a ledger without one. Raises LedgerOfAnother."""
    in_turn(connection, OWNERSHIP)
    refuse_another(connection, site)
    if owner(connection) is None:
        connection.execute(insert(_site).values(name=site, since=now))


def hand_over(connection: Connection, site: str, now: datetime) -> None:
    """Make `site` the owner of this ledger, whatever its owner was."""
    in_turn(connection, OWNERSHIP)
    connection.execute(delete(_site).where(_site.c.name != site))
    if owner(connection) is None:
        connection.execute(insert(_site).values(name=site, since=now))

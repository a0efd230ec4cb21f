"""Acknowledgements of notices. One row for each notice: the first acknowledgement counts, later ones change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from vigil.ledger.engine import chunks
from vigil.ledger.tables import AcknowledgementRow, NoticeRow, table

_acknowledgement = table(AcknowledgementRow)
_notice = table(NoticeRow)

How = Literal["app", "link"]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """`person` has acknowledged `notice`: in the app, or by the link of a mail."""

    notice: int
    person: str
    at: datetime
    how: How


def acknowledge(connection: Connection, notice: int, person: str, now: datetime, how: How) -> bool:
    """Record that `person` acknowledged `notice`. Returns False if it was acknowledged before: the existing row stays.

    Of two simultaneous calls the database accepts one. The caller checks first that the notice belongs to the person.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"notice": notice, "person": person, "at": now, "how": how}
    statement = insert(_acknowledgement).values(**row).on_conflict_do_nothing(index_elements=("notice",))
    # Uses RETURNING: PostgreSQL's driver does not report the number of rows after an INSERT.
    return connection.execute(statement.returning(_acknowledgement.c.notice)).first() is not None


def of_notices(connection: Connection, notices: Sequence[int]) -> dict[int, Acknowledged]:
    """The acknowledgements of some notices, by notice; a notice without one has no key."""
    out: dict[int, Acknowledged] = {}
    for some in chunks(notices):
        for r in connection.execute(select(_acknowledgement).where(_acknowledgement.c.notice.in_(some))):
            out[r.notice] = Acknowledged(r.notice, r.person, r.at, r.how)
    return out


def person_of(connection: Connection, notice: int) -> str | None:
    """The person of a notice; None if the notice does not exist or has no person."""
    found: str | None = connection.execute(select(_notice.c.person).where(_notice.c.id == notice)).scalar()
    return found or None


__all__ = ["Acknowledged", "How", "acknowledge", "of_notices", "person_of"]

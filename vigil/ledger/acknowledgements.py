"""Who has seen which notice. One row a notice: the first acknowledgement counts, every later one finds it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vigil.ledger.engine import chunks
from vigil.ledger.tables import Acknowledgement, Notice, table

_acknowledgement = table(Acknowledgement)
_notice = table(Notice)

How = Literal["app", "link"]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """`person` has seen `notice`: in the app, or by the link of a mail."""

    notice: int
    person: str
    at: datetime
    how: How


def acknowledge(connection: Connection, notice: int, person: str, now: datetime, how: How) -> bool:
    """Note that `person` has seen `notice`. False when it was noted before: that row stays as it is.

    Of two at the same time the database lets one in. Ask first whether the notice is the person's.
    """
    insert = sqlite_insert if connection.dialect.name == "sqlite" else pg_insert
    row = {"notice": notice, "person": person, "at": now, "how": how}
    statement = insert(_acknowledgement).values(**row).on_conflict_do_nothing(index_elements=("notice",))
    # By what comes back: after an INSERT PostgreSQL's driver is not asked for the number of rows.
    return connection.execute(statement.returning(_acknowledgement.c.notice)).first() is not None


def of_notices(connection: Connection, notices: Sequence[int]) -> dict[int, Acknowledged]:
    """The acknowledgements of some notices; what has none is not in it."""
    out: dict[int, Acknowledged] = {}
    for some in chunks(notices):
        for r in connection.execute(select(_acknowledgement).where(_acknowledgement.c.notice.in_(some))):
            out[r.notice] = Acknowledged(r.notice, r.person, r.at, r.how)
    return out


def person_of(connection: Connection, notice: int) -> str | None:
    """Whose notice it is; None when there is no such notice, or it is nobody's."""
    found: str | None = connection.execute(select(_notice.c.person).where(_notice.c.id == notice)).scalar()
    return found or None


__all__ = ["Acknowledged", "How", "acknowledge", "of_notices", "person_of"]

"""People's preferences: quiet hours, digest, language, zone, and the order of channels."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import PreferenceRow, table
from vigil.ledger.values import NONE, Preferences

_preference = table(PreferenceRow)
_SET = ("quiet_from", "quiet_to", "digest", "language", "zone", "channels", "updated_at")


def of_people(connection: Connection, people: Collection[str]) -> dict[str, Preferences]:
    """The preferences of those among `people` who have any."""
    out: dict[str, Preferences] = {}
    for some in chunks(sorted(people)):
        for r in connection.execute(select(_preference).where(_preference.c.person.in_(some))):
            out[r.person] = Preferences(
                r.quiet_from, r.quiet_to, r.digest, r.language, r.zone, tuple(r.channels.split())
            )
    return out


def keep(connection: Connection, person: str, wanted: Preferences, now: datetime) -> None:
    """Replace the preferences of a person."""
    row = {
        "person": person,
        "quiet_from": wanted.quiet_from,
        "quiet_to": wanted.quiet_to,
        "digest": wanted.digest,
        "language": wanted.language,
        "zone": wanted.zone,
        "channels": " ".join(wanted.channels),
        "updated_at": now,
    }
    upsert(connection, _preference, [row], _SET)


__all__ = ["NONE", "Preferences", "keep", "of_people"]

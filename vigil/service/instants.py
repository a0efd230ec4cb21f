"""Checks of a run's instants: a ledger only goes forward, and a backfill's window must be over."""

from __future__ import annotations

from datetime import datetime

from vigil.errors import BadRequest
from vigil.ledger import Ledger, watermarks
from vigil.wording import instant


class Earlier(BadRequest):
    """The `as_of` of a run is before an instant that the ledger already knows."""


class BadWindow(BadRequest):
    """The window or the manifest of a backfill does not exist."""


def refuse_without_zone(**given: datetime | None) -> None:
    """Raise BadRequest for an instant without a zone, under the name of its parameter."""
    for name, at in given.items():
        if at is not None and at.utcoffset() is None:
            raise BadRequest(
                f"`{name}` is {at.isoformat()}, without a zone: write {at.isoformat()}+00:00, or the offset of its zone"
            )


def refuse_window(
    after: datetime | None, upto: datetime | None, as_of: datetime, zone: str
) -> tuple[datetime, datetime]:
    """The ends of a window that begins before it ends, and is over at `as_of`. Raises BadWindow for any other, in the site's `zone`.

    Future notices cannot have been missed: a backfill would send them too early, and then they would not be sent when they are due.
    """
    if after is None or upto is None:
        raise BadWindow(
            "a window needs both its ends: `after` and `upto` (--from and --to), or `approve` with the id of a manifest"
        )
    refuse_without_zone(after=after, upto=upto)
    said = f"this window is from {instant(after, zone)} to {instant(upto, zone)}"
    if after >= upto:
        raise BadWindow(f"{said}: it needs its begin before its end")
    if upto > as_of:
        raise BadWindow(f"{said}, which is still to come: end it at {instant(as_of, zone)} or before")
    return after, upto


def known_after(ledger: Ledger, as_of: datetime) -> datetime | None:
    """The latest instant that the ledger knows, if it is after `as_of`; None otherwise."""
    with ledger.read() as connection:
        known = watermarks.known_until(connection)
    return known if known is not None and known > as_of else None


def refuse_earlier(ledger: Ledger, flow: str, as_of: datetime) -> None:
    """Raise Earlier if the ledger has data later than `as_of`: data read now would be recorded before it, and everything in between
    would be evaluated twice, or never.
    """
    known = known_after(ledger, as_of)
    if known is not None:
        at = known.astimezone(as_of.tzinfo)
        raise Earlier(
            f"{flow} cannot speak of {as_of:%Y-%m-%d %H:%M %Z}: this ledger already knows {at:%Y-%m-%d %H:%M %Z}, and what is read "
            f"now cannot be filed before that. Leave as_of empty to speak of now. Start backfill for what should have been said in "
            f"the past, or a dry run of sweep to look without telling anybody"
        )

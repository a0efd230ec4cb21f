"""The instant that a run speaks of: a ledger goes forward only."""

from __future__ import annotations

from datetime import datetime

from vigil.errors import BadRequest
from vigil.ledger import Ledger, evaluations


class Earlier(BadRequest):
    """A run was to speak of an instant before one that the ledger already knows."""


def known_after(ledger: Ledger, as_of: datetime) -> datetime | None:
    """The latest instant that the ledger knows, where that is after `as_of`; None otherwise."""
    with ledger.read() as connection:
        known = evaluations.known_until(connection)
    return known if known is not None and known > as_of else None


def refuse_earlier(ledger: Ledger, flow: str, as_of: datetime) -> None:
    """Raises Earlier when the ledger knows what is later than `as_of`: what a run reads now would be filed before it, and
    whatever came between would be judged twice, or never.
    """
    known = known_after(ledger, as_of)
    if known is not None:
        at = known.astimezone(as_of.tzinfo)
        raise Earlier(
            f"{flow} cannot speak of {as_of:%Y-%m-%d %H:%M %Z}: this ledger already knows {at:%Y-%m-%d %H:%M %Z}, and what is read "
            f"now cannot be filed before that. Leave as_of empty to speak of now. Start backfill for what should have been said in "
            f"the past, or a dry run of sweep to look without telling anybody"
        )

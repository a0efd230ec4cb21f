"""Rounds over what is known: each run looks at the next few, so that a run costs the same however much is known.

A round's position is kept when what the run looked at is in, so that a killed run's part is looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from vigil.ledger.evaluations import Mark, position, set_position
from vigil.ledger.watermarks import WatermarkName

_SHOWS = {"document": WatermarkName.NODES, "step": WatermarkName.WORKFLOWS}
"""The round by which a kind of fact is found that no list shows."""


def come_to(connection: Connection, name: WatermarkName, key: str, as_of: datetime) -> dict[str, str]:
    """Where a round has come to: `key` holds the last one looked at, and "" when a new round begins with this run.

    `began` is when this round began, `before` when the last one did: whatever is looked at now was looked at since then.
    """
    data = dict(position(connection, name).data)
    if not data.get(key):
        now = as_of.isoformat()
        # Before the first round everything was read.
        data |= {key: "", "before": data.get("began", now), "began": now}
    return data


def keep(connection: Connection, rounds: Mapping[WatermarkName, Mapping[str, str]], as_of: datetime) -> None:
    """The next run goes on from here."""
    for name, data in rounds.items():
        set_position(connection, name, Mark(at=as_of, data=data))


def looked_through(connection: Connection) -> dict[str, datetime]:
    """By kind of fact an instant since which every known workspace was looked through for it, where there is one.

    See `vigil.compliance.events.derive`.
    """
    befores = {kind: position(connection, name).data.get("before") for kind, name in _SHOWS.items()}
    return {kind: datetime.fromisoformat(before) for kind, before in befores.items() if before}

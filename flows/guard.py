"""Answer a guard that stopped a rule's notices, where no suspended run asks for it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from prefect import flow

from flows import guarding
from flows.endings import Ending
from flows.telling import told


@flow(name="guard", persist_result=False)
@told
async def guard(
    trip: int,
    answer: Literal["send", "drop"],
    by: str = "",
    site: str = "default",
    as_of: datetime | None = None,
) -> Ending:
    """Send exactly the notices that a guard holds, once, or drop them. A second answer does nothing.

    Args:
        trip: Number of the guard's trip, as `vigil guard list` and the run that was stopped show it.
        answer: send or drop.
        by: Your name, for the ledger.
        site: Name of the "Vigil site" block.
        as_of: The instant that the run speaks of. Leave it empty for now.
    """
    return await guarding.answer(site, trip, answer == "send", by, as_of)

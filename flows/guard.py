"""Answer a guard that holds a rule's notices, if no suspended run asks for the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from prefect import flow

from flows.support import ask_guard
from flows.support.finish import with_state
from flows.support.states import Ending


@flow(name="guard", persist_result=False)
@with_state
async def guard(
    hold: int,
    answer: Literal["send", "drop"],
    by: str = "",
    site: str = "default",
    as_of: datetime | None = None,
) -> Ending:
    """Send exactly the notices that a guard holds, once, or drop them. A second answer does nothing.

    Args:
        hold: Number of the guard hold, as `vigil guard list` and the account of the run show it.
        answer: send or drop.
        by: Your name, for the ledger.
        site: Name of the "Vigil site" block.
        as_of: The instant for which the run evaluates. Empty for now.
    """
    return await ask_guard.answer(site, hold, answer == "send", by, as_of)

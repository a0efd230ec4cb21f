"""How a run that got to its end is shown: never plainly green when something is missing."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas import State
from prefect.states import Completed

from vigil.service.accounting import Account

GAPS = "Gaps"  # something could not be read; the next run reads it
UNDELIVERED = "Undelivered"  # notices wait, and not one could be delivered in this run
HELD = "Held"  # a rule's guard stopped notices, and nobody answered yet
FINDINGS = "Findings"  # a check found something that a person must look at
LEFT = "Left"  # a person did not approve a manifest; it can be approved later
DROPPED = "Dropped"  # a person decided that they are not sent


def ended(made: Account, said: str = "", data: Any = None, held: int = 0, holes: int = 0) -> State[Any]:
    """The state of a run with its account in the message; its name tells the worst that is true of it.

    `held` rules wait for an answer; `holes` is what could not be read before the run was suspended.
    """
    name = GAPS if made.gaps or holes else UNDELIVERED if made.undelivered else HELD if held else "Completed"
    parts = [said, made.sentence(), f"{held} rules held by their guards" if held else ""]
    parts += [f"{holes} gaps before it was suspended"] if holes else []
    return Completed(name=name, message="; ".join(p for p in parts if p), data=data)

"""How a run that got to its end is shown: never green when something is missing. docs/decisions/0012."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas import State
from prefect.states import Completed, Failed

from vigil.errors import VigilError
from vigil.service.accounting import Account

GAPS = "Gaps"  # failed: something could not be read; the next run reads it
UNDELIVERED = "Undelivered"  # failed: notices wait and could not be delivered in this run
REFUSED = "Refused"  # failed: rules or templates are wrong; those that are not were used
HELD = "Held"  # a rule's guard stopped notices, and nobody answered yet
FINDINGS = "Findings"  # a check found something that a person must look at
LEFT = "Left"  # a person did not approve a manifest; it can be approved later
DROPPED = "Dropped"  # a person decided that they are not sent


class Incomplete(VigilError):
    """A run got to its end with holes: its state is Failed under their name. `data` is what it has to show all the same."""

    def __init__(self, said: str, data: Any = None) -> None:
        self.data = data
        super().__init__(said)


def ended(made: Account, said: str = "", data: Any = None, held: int = 0, holes: int = 0) -> State[Any]:
    """The state of a run with its account in the message; its name tells the worst that is true of it.

    `held` rules wait for an answer; `holes` is what could not be read before the run was suspended. Refused rules name the run only
    where nothing else is missing: they stay until somebody mends them, and must not hide what comes and goes meanwhile.
    """
    parts = [*made.refused_rules, said, made.sentence(), f"{held} rules held by their guards" if held else ""]
    parts += [f"{holes} gaps before it was suspended"] if holes else []
    message = "; ".join(p for p in parts if p)
    holed = {GAPS: made.gaps or holes, UNDELIVERED: made.undelivered, REFUSED: made.refused_rules}
    for name, missing in holed.items():
        if missing:
            return failed(name, message, data)
    return Completed(name=HELD if held else "Completed", message=message, data=data)


def failed(name: str, message: str, data: Any = None) -> State[Any]:
    """A run that got to its end and must not look as if all were well."""
    return Failed(name=name, message=message, data=Incomplete(message, data))

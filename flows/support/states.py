"""The final states of runs that reached their end: never green when something is missing. docs/decisions/0012."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prefect.client.schemas import State
from prefect.states import Completed, Failed

from vigil.errors import VigilError
from vigil.safe_text import state_message
from vigil.service import account_text
from vigil.service.accounting import Account
from vigil.wording import counted


class Named(StrEnum):
    """The names of final states of runs that reached their end. docs/states.md has a row for each."""

    COMPLETED = "Completed"
    HELD = "Held"
    FINDINGS = "Findings"
    LEFT = "Left"
    DROPPED = "Dropped"
    ANSWERED = "Answered"
    GAPS = "Gaps"
    UNDELIVERED = "Undelivered"
    REFUSED = "Refused"


class IncompleteRun(VigilError):
    """A run reached its end, but could not read or deliver everything: its state is Failed under that name. `data` is its result."""

    def __init__(self, said: str, data: Any = None) -> None:
        self.data = data
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run: the name and message of its state, and a short result for the run's own name.

    `whole` is True when nothing is missing; `data` is what the flow returns to its caller.
    """

    message: str
    result: str
    name: Named = Named.COMPLETED
    data: Any = None
    whole: bool = True

    def state(self) -> State[Any]:
        """The ending as a Prefect state."""
        message = state_message(self.message)
        if self.whole:
            return Completed(name=self.name.value, message=message, data=self.data)
        return Failed(name=self.name.value, message=message, data=IncompleteRun(message, self.data))


def ended(
    made: Account, said: str = "", data: Any = None, held: int = 0, holes: int = 0, result: str = ""
) -> Ending:
    """The ending of a run, with its account in the message; its name is the most severe state that applies.

    `held` rules wait for an answer; `holes` is the number of gaps before the run was suspended. Refused rules name the run only if
    nothing else is missing: they stay until a person corrects them, and must not hide temporary problems. `result` precedes the
    account's own result in the run's name.
    """
    account = "" if said and made.quiet else account_text.sentence(made)
    parts = [*made.refused_rules, said, account, f"{counted(held, 'rule')} held by a guard" if held else ""]
    parts += [f"{counted(holes, 'gap')} before it was suspended"] if holes else []
    message, short = "; ".join(p for p in parts if p), account_text.result(made, result)
    holed = {
        Named.GAPS: made.gaps or holes,
        Named.UNDELIVERED: made.undelivered,
        Named.REFUSED: made.refused_rules,
    }
    for name, missing in holed.items():
        if missing:
            return Ending(message, short, name, data, whole=False)
    return Ending(message, short, Named.HELD if held else Named.COMPLETED, data)

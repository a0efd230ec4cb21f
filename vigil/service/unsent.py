"""The causes of due notices that are not handed over, by which a run that delivers is judged. docs/states.md."""

from __future__ import annotations

from enum import StrEnum

from vigil.delivery import causes
from vigil.ledger.outbox.counts import ToCome, Waiting


class Unsent(StrEnum):
    """Why a due notice is not handed over at the end of a run. docs/states.md has a row for each; they are keys of an event's
    payload.
    """

    RETRY = "waits for another try"
    CREDENTIAL = "no credential"
    SLOWED = "slowed down"
    BEHIND = "behind an earlier notice"
    HELD = "in another worker's hands"
    UNTAKEN = "not taken up"
    NO_DIGEST = "the digest does not run"
    NOT_ASKED = "nobody was asked"
    GIVEN_UP = "given up"


def unsent(waits: Waiting, later: ToCome, given_up: int) -> dict[Unsent, int]:
    """The number of due notices that are not handed over, by cause, including pending ones (`later`) whose event does not happen.

    `given_up` counts those that this run ended without sending.
    """
    numbers = dict.fromkeys(Unsent, 0)
    for cause, n in waits.causes.items():
        numbers[_kind(cause)] += n
    numbers[Unsent.BEHIND] = waits.behind
    numbers[Unsent.HELD] = waits.held
    numbers[Unsent.UNTAKEN] = waits.untaken
    numbers[Unsent.NO_DIGEST] = later.no_digest
    numbers[Unsent.NOT_ASKED] = later.not_asked
    numbers[Unsent.GIVEN_UP] = given_up
    return {kind: n for kind, n in numbers.items() if n}


def _kind(cause: str) -> Unsent:
    if causes.slowed(cause):
        return Unsent.SLOWED
    return Unsent.CREDENTIAL if causes.without_credential(cause) else Unsent.RETRY

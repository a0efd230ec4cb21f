"""Why a notice was not sent, in words for stewards. The ledger stores codes; only this module maps them to words.

docs/reasons.md has the same words, with what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vigil.compliance.evaluation.results import Why
from vigil.compliance.evaluation.still_true import NoLonger
from vigil.compliance.notify.guards import GuardWhy
from vigil.delivery import causes
from vigil.delivery.codes import EXPIRED, REFUSED, WORDLESS
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import in_digest
from vigil.wording import listed

WORDS: Mapping[str, str] = {
    Why.NOBODY: "the finding has no recipient",
    Why.WHO: "the person to be told is not known",
    Why.NO_NEXT: "the process has no open next step",
    Why.NO_DEVICE: "the person has neither a device nor a mailbox",
    Why.ALREADY_DONE: "the step was completed before a notice could be sent",
    Why.TOO_LATE: "its date had passed before Vigil knew it",
    Why.LATE_DROP: "it was later than the rule allows",
    Why.LATE_DIGEST: "it was late and waits for the next digest",
    Why.GROUPED: "it waits for the next digest",
    Why.LAPSED: "its time to live was over when the digest was built",
    Why.CLEARED: "it was resolved before the digest was built",
    Why.GONE: "its workspace was deleted, or could not be read, when the digest was built",
    Why.NO_LONGER: "it was resolved before quiet hours ended",
    Why.GONE_SINCE: "its workspace was deleted, or could not be read, when quiet hours ended",
    Why.SUPERSEDED: "the person got a notice for an earlier date, and the rule ignores moved dates",
    Why.ACTOR: "the person did it",
    Why.INHIBITED: "another rule already reports on the workspace",
    Why.UNREAD: "a field that decides could not be read",
    Why.SHADOW: "the rule is in shadow: it sends nothing yet",
    Why.DELETED: "the person's account is deleted",
    GuardWhy.UNDECIDED: "its rule's guard has not decided yet",
    GuardWhy.HELD: "its rule's guard holds it until a person answers",
    GuardWhy.DROPPED: "a person decided not to send it",
    GuardWhy.EXPIRED: "its rule's guard held it, and no person answered in time",
    GuardWhy.TAKEN_OUT: "its rule was removed before its guard decided",
    EXPIRED: "its time to live was over before it could be sent",
    REFUSED: "every device of the person refused it",
    WORDLESS: "it was queued without a text",
}
"""The words for the ledger's codes. Other reasons are words already: a template's error, a response of FCM."""

_GAVE_UP = f"{EXPIRED}: "
_CODES = re.compile(r"[A-Z0-9_.]+(; [A-Z0-9_.]+)*")


def why_untrue(why: NoLonger, due: str, message: NoticeMessage) -> str:
    """Why a notice is no longer true, in words. `due` is the date of the notice, shown unless its `message` withholds it."""
    if why is NoLonger.MOVED:
        return "its date is another one" if message.date_withheld else f"its date is no longer {due}"
    return why.value


def in_words(reason: str, lacks: tuple[str, ...] = ()) -> str:
    """The words for a reason of the ledger; `lacks` has the reasons for missing recipients."""
    if reason.startswith(_GAVE_UP):
        return f"no try succeeded in time; the last one: {causes.of_code(reason.removeprefix(_GAVE_UP))}"
    if _CODES.fullmatch(reason):
        return f"every device of the person refused it: {reason}"
    if in_digest(reason):
        return f"sent {reason}"
    said = WORDS.get(reason, reason)
    return f"{said}: {listed(lacks)}" if lacks else said


def of_row(row: Mapping[str, Any]) -> str:
    """The reason of an outbox row in words; empty if it has none."""
    return in_words(str(row["reason"]), row["message"].lacks)

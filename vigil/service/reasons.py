"""What became of a notice, in words that a steward knows. The ledger keeps codes: here they are mapped, and nowhere else.

docs/reasons.md has the same words, with what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vigil.compliance.guards import GuardWhy
from vigil.compliance.still_true import NoLonger
from vigil.compliance.verdicts import Why
from vigil.delivery import causes
from vigil.delivery.codes import EXPIRED, REFUSED, WORDLESS
from vigil.ledger.notice_message import NoticeMessage
from vigil.wording import listed

WORDS: Mapping[str, str] = {
    Why.NOBODY: "nobody could be told",
    Why.NO_NEXT: "the process has no next step that is open",
    Why.NO_DEVICE: "the person has neither a device nor a mailbox",
    Why.ALREADY_DONE: "the step was completed before anyone could be told",
    Why.TOO_LATE: "its day had passed before it was known",
    Why.LATE_DROP: "it came later than the rule lets it be told",
    Why.LATE_DIGEST: "it came late and waits for the next digest",
    Why.GROUPED: "it waits for the next digest",
    Why.LAPSED: "it was no longer worth telling when the digest was made",
    Why.CLEARED: "it was settled before the digest was made",
    Why.GONE: "its workspace was gone, or could not be read, when the digest was made",
    Why.NO_LONGER: "it was settled before quiet hours were over",
    Why.GONE_SINCE: "its workspace was gone, or could not be read, when quiet hours were over",
    Why.SUPERSEDED: "the person was told of an earlier date, and the rule does not tell again when a date moves",
    Why.ACTOR: "the person did it",
    Why.INHIBITED: "another rule reports on the workspace already",
    Why.UNREAD: "what decides could not be read",
    Why.SHADOW: "the rule is being tried out: it tells nobody yet",
    Why.DELETED: "the person's account is deleted",
    GuardWhy.UNDECIDED: "its rule's guard was not asked yet",
    GuardWhy.HELD: "its rule's guard holds it until a person answers",
    GuardWhy.DROPPED: "a person decided that it is not sent",
    GuardWhy.EXPIRED: "its rule's guard held it, and nobody answered in time",
    GuardWhy.TAKEN_OUT: "its rule was taken out before its guard was asked",
    EXPIRED: "it was not worth showing any more when it could have been sent",
    REFUSED: "every device of the person refused it",
    WORDLESS: "it was queued without its words",
}
"""The reasons of the ledger. What is not here is in words already: a template's error, an answer of FCM."""

_GAVE_UP = f"{EXPIRED}: "
_CODES = re.compile(r"[A-Z0-9_.]+(; [A-Z0-9_.]+)*")


def why_untrue(why: NoLonger, due: str, message: NoticeMessage) -> str:
    """Why a notice is not true any more, in words. `due` is the date that it was made for, told unless its `message` withholds it."""
    if why is NoLonger.MOVED:
        return "its date is another one" if message.date_withheld else f"its date is no longer {due}"
    return why.value


def in_words(reason: str, lacks: tuple[str, ...] = ()) -> str:
    """A reason of the ledger in words; `lacks` says why its recipients name nobody."""
    if reason.startswith(_GAVE_UP):
        return f"no try went through in time; the last one: {causes.of_code(reason.removeprefix(_GAVE_UP))}"
    if _CODES.fullmatch(reason):
        return f"every device of the person refused it: {reason}"
    if reason.startswith("in digest "):
        return f"told {reason}"
    said = WORDS.get(reason, reason)
    return f"{said}: {listed(lacks)}" if lacks else said


def of_row(row: Mapping[str, Any]) -> str:
    """The reason of an outbox row in words; empty where it has none."""
    return in_words(str(row["reason"]), row["message"].lacks)

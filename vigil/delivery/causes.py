"""Why an attempt failed, in words: the text about waiting notices in states, logs and the ledger.

A cause is ``HEAD`` or ``HEAD: DETAIL``. The head names the system and its answer and is the same for all attempts that failed alike;
the detail is the answer's own sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vigil.compliance.channels import CHANNELS, channel_of
from vigil.delivery.codes import HELD_CREDENTIAL, HELD_DEVICE, HELD_HOST, HELD_PROJECT, NOT_FCM, UNFORESEEN
from vigil.delivery.errors import NO_TOKEN, WAS_REFUSED

if TYPE_CHECKING:
    from vigil.delivery.transport import Sent

NO_ANSWER: Mapping[str, str] = {
    "CONNECT": "no connection to {who}",
    "CERTIFICATE": "the certificate of {who} is not trusted",
    "PROXY": "the proxy lets nothing through to {who}",
    "TIMEOUT": "no answer from {who} in time",
    "RESET": "the connection to {who} was cut",
    "UNREADABLE": "the answer of {who} could not be read",
    "BATCH_LOST": "no answer from {who} for a whole batch",
    UNFORESEEN: "sending to {who} ended in an unforeseen way",
    HELD_DEVICE: "a device has had as many notices as {who} allows it",
    HELD_PROJECT: "{who} takes no more at this moment",
    HELD_CREDENTIAL: "no credential for {who}",
    HELD_HOST: "{who} did not answer a moment ago, and was not asked again",
}
"""Codes of attempts without an answer that tells, or without a request."""


_TAKERS = tuple(c.taker for c in CHANNELS)


def _heads(*codes: str) -> tuple[str, ...]:
    return tuple(NO_ANSWER[code].format(who=who) for code in codes for who in _TAKERS)


_SLOWED = (*_heads(HELD_DEVICE, HELD_PROJECT), *(f"{who} answered 429" for who in _TAKERS))
_NO_CREDENTIAL = _heads(HELD_CREDENTIAL)
_NOT_LET_IN = tuple(f"{who} answered {status}" for who in _TAKERS for status in (401, 403))

BETWEEN = "a proxy or firewall in between"
"""The name of the sender of an answer that is not in FCM's format."""

UNKNOWN = "their last try was made before causes were kept"


def cause(sent: Sent, address_kind: str) -> str:
    """Why an attempt to an address of this kind failed that ended as retry or unknown."""
    channel = channel_of(address_kind)
    who = channel.taker
    if sent.code == HELD_CREDENTIAL and sent.detail:
        return sent.detail  # it names the credential
    if sent.code in NO_ANSWER:
        head = NO_ANSWER[sent.code].format(who=who)
    elif sent.code.startswith(NOT_FCM):
        head = f"{BETWEEN} answered {_code(sent, NOT_FCM)}"
    else:
        head = f"{who} answered {_code(sent, channel.code_prefix)}"
    return f"{head}: {sent.detail.rstrip('.')}" if sent.detail else head


def of_code(code: str) -> str:
    """The words of a stored code, if nothing else is known about the attempt."""
    if code.startswith(NOT_FCM):
        return f"{BETWEEN} answered {code.removeprefix(NOT_FCM)}"
    return NO_ANSWER[code].format(who="the server") if code in NO_ANSWER else code


def _code(sent: Sent, prefix: str) -> str:
    """The status, with the code after `prefix` if that adds something: "503 UNAVAILABLE", "502", "451 4.7.1"."""
    own = sent.code
    if prefix and own.startswith(prefix):
        own = own.removeprefix(prefix).replace("_", " ")
    status = "" if sent.status is None or own.startswith(str(sent.status)) else f"{sent.status} "
    return f"{status}{own}".strip()


def slowed(cause: str) -> bool:
    """Whether a notice waits because a quota is used up, by Vigil's own count or by FCM's answer (429)."""
    return head_of(cause).startswith(_SLOWED)


def without_credential(cause: str) -> bool:
    """Whether a notice waits because no token could be obtained, or a credential was refused."""
    return head_of(cause).startswith((NO_TOKEN, *_NO_CREDENTIAL)) or for_a_person(cause)


def for_a_person(cause: str) -> bool:
    """Whether a notice waits until a person corrects a credential: a retry within a minute is useless."""
    return head_of(cause).endswith(WAS_REFUSED) or cause.startswith(_NOT_LET_IN)


def head_of(cause: str) -> str:
    """The part of a cause that attempts have in common if they failed alike."""
    return cause.partition(": ")[0]


def sentences(causes: Mapping[str, int]) -> list[str]:
    """Causes with their numbers, the commonest first: "FCM answered 503 UNAVAILABLE (32 of 40)", "connection refused (8)".

    Causes with the same head are combined; of several details the commonest is shown.
    """
    total = sum(causes.values())
    heads: dict[str, Counter[str]] = {}
    for said, n in causes.items():
        heads.setdefault(head_of(said), Counter())[said or UNKNOWN] += n
    ordered = sorted(heads.values(), key=lambda alike: (-alike.total(), min(alike)))
    if len(ordered) == 1:
        return [ordered[0].most_common(1)[0][0]]
    numbers = (
        [f"{ordered[0].total():,} of {total:,}", *(f"{alike.total():,}" for alike in ordered[1:])]
        if ordered
        else []
    )
    return [f"{alike.most_common(1)[0][0]} ({n})" for alike, n in zip(ordered, numbers, strict=True)]

"""What an answer of FCM means. The table of shared/contracts/fcm.md, "Errors", as data and one function.

Two rows are finer than the contract's, on the safe side: a 404 or a 403 without FCM's own code is not about
the device (a wrong project, an API switched off) and never prunes one; a 5xx that FCM itself did not write (a
proxy's 502 or 504) says nothing about whether the message was accepted, so it is unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson

from vigil.delivery.transport import Outcome, Sent
from vigil.redaction import redacted

Action = Literal["none", "refresh", "stop"]

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
_QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
_SECONDS = re.compile(r"\d{1,9}(\.\d+)?")
DETAIL = 200  # characters of FCM's sentence that are kept


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what to do with the message (`outcome`) and with the sender (`action`)."""

    outcome: Outcome
    action: Action = "none"


TABLE: dict[tuple[int, str], Rule] = {
    (400, "INVALID_ARGUMENT"): Rule("rejected"),
    (400, "APNS_410"): Rule("rejected"),
    (401, "THIRD_PARTY_AUTH_ERROR"): Rule("retry", "refresh"),
    (401, "UNAUTHENTICATED"): Rule("retry", "refresh"),
    (403, "SENDER_ID_MISMATCH"): Rule("rejected"),
    (403, "PERMISSION_DENIED"): Rule("retry", "stop"),
    (404, "UNREGISTERED"): Rule("rejected"),
    (404, "NOT_FOUND"): Rule("retry", "stop"),
    (429, "QUOTA_EXCEEDED"): Rule("retry"),
    (500, "INTERNAL"): Rule("retry"),
    (503, "UNAVAILABLE"): Rule("retry"),
}

_BY_STATUS: dict[int, tuple[str, Rule]] = {
    401: ("UNAUTHENTICATED", Rule("retry", "refresh")),
    403: ("PERMISSION_DENIED", Rule("retry", "stop")),
    404: ("NOT_FOUND", Rule("retry", "stop")),
    429: ("QUOTA_EXCEEDED", Rule("retry")),
    500: ("INTERNAL", Rule("retry")),
    503: ("UNAVAILABLE", Rule("retry")),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer, read; `status` is None when there was none.

    `quota` is whose quota a 429 is about (``device:...``, ``project:...``), empty when not said.
    """

    outcome: Outcome
    code: str = ""
    status: int | None = None
    name: str = ""
    retry_after: float | None = None
    action: Action = "none"
    quota: str = ""
    detail: str = ""


def sent_of(reading: Reading, started: datetime, ended: datetime) -> Sent:
    """The attempt that ended in `reading`."""
    return Sent(
        reading.outcome,
        reading.status,
        reading.code,
        reading.name,
        reading.retry_after,
        started,
        ended,
        reading.detail,
    )


def read_answer(status: int, body: bytes, retry_after: str | None = None, address: str = "") -> Reading:
    """The meaning of an answer whose body was read whole. `retry_after` is the header of that name.

    `address` is the device's, which the answer may quote: it is a secret of the person's.
    """
    if status == 200:
        name = message_name(body)
        if name:
            return Reading("accepted", status=200, name=name)
        return Reading("unknown", "UNREADABLE", 200, detail="200 without a readable message name")
    error = _error(body)
    details = [d for d in error.get("details", ()) if isinstance(d, dict)]
    code = _code(error, details)
    rule = TABLE.get((status, code))
    if rule is None:
        code, rule = _fallback(status, redacted(code, address)[:DETAIL])
    return Reading(
        rule.outcome,
        code,
        status,
        retry_after=wait_of(retry_after),
        action=rule.action,
        quota=_quota(details),
        detail=redacted(str(error.get("message", "")), address)[:DETAIL],
    )


def message_name(body: bytes) -> str:
    """The name in the body of a 200, empty when it cannot be read."""
    try:
        name = orjson.loads(body)["name"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return name if isinstance(name, str) else ""


def _error(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _code(error: dict[str, Any], details: list[dict[str, Any]]) -> str:
    if any(d.get("@type") == _APNS_ERROR and d.get("statusCode") == 410 for d in details):
        return "APNS_410"
    for detail in details:
        if detail.get("@type") == _FCM_ERROR and isinstance(detail.get("errorCode"), str):
            return str(detail["errorCode"])
    return str(error.get("status", ""))


def _quota(details: list[dict[str, Any]]) -> str:
    for detail in details:
        if detail.get("@type") == _QUOTA_FAILURE:
            for violation in detail.get("violations", ()):
                return str(violation.get("subject", ""))
    return ""


def _fallback(status: int, code: str) -> tuple[str, Rule]:
    known = _BY_STATUS.get(status)
    if known is not None and (code or status in (401, 429)):
        return known
    if status >= 500 or status < 200 or 200 < status < 300 or status == 408:
        # Not in FCM's form: something between may have answered for a message that went through.
        return f"HTTP_{status}", Rule("unknown")
    if known is not None or 300 <= status < 400 or status == 407:
        return f"HTTP_{status}", Rule("retry", "stop")
    return code or f"HTTP_{status}", Rule("rejected")


def wait_of(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or an HTTP date. None when absent or unreadable."""
    if not header:
        return None
    if _SECONDS.fullmatch(header.strip()):
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())

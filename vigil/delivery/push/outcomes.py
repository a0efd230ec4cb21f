"""The meaning of FCM's responses: the table of docs/contracts/fcm.md#errors as data, and one function.

Only a response in FCM's own format says anything about a device, a message or a credential: a JSON object `error` whose `status` is
one of Google's codes, or whose details contain an `FcmError`. Any other response was written by an intermediary, such as a proxy or a
firewall: the message waits for a retry, with the code `HTTP_` and the status. After a 4xx of that kind nothing was accepted (`retry`);
after any other the outcome is `unknown`. A 200 in FCM's format has a message's name (`projects/*/messages/*`); any other counts as
unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from vigil.delivery.codes import NOT_FCM
from vigil.delivery.responses import DETAIL, Action, ParsedResponse, wait_of
from vigil.delivery.transport import SendOutcome
from vigil.redaction import redacted

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
_QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
_NAME = re.compile(r"projects/[!-.0-~]+/messages/[!-.0-~]+")  # [!-.0-~]: what ASCII prints, without the slash


NAMELESS = "200 without a message name: a proxy or firewall in between may have written it"

_STATUSES = frozenset(
    {
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    }
)
"""The codes of google.rpc, which `error.status` has in every answer of a Google API."""


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """One row: what to do with the message (`outcome`) and with the sender (`action`)."""

    outcome: SendOutcome
    action: Action = "none"


TABLE: dict[tuple[int, str], OutcomeRule] = {
    (400, "INVALID_ARGUMENT"): OutcomeRule("rejected"),
    (400, "APNS_410"): OutcomeRule("rejected"),
    (401, "THIRD_PARTY_AUTH_ERROR"): OutcomeRule("retry", "refresh"),
    (401, "UNAUTHENTICATED"): OutcomeRule("retry", "refresh"),
    (403, "SENDER_ID_MISMATCH"): OutcomeRule("rejected"),
    (403, "PERMISSION_DENIED"): OutcomeRule("retry", "stop"),
    (404, "UNREGISTERED"): OutcomeRule("rejected"),
    (404, "NOT_FOUND"): OutcomeRule("retry", "stop"),
    (429, "QUOTA_EXCEEDED"): OutcomeRule("retry"),
    (500, "INTERNAL"): OutcomeRule("retry"),
    (503, "UNAVAILABLE"): OutcomeRule("retry"),
}

_BY_STATUS: dict[int, tuple[str, OutcomeRule]] = {
    401: ("UNAUTHENTICATED", OutcomeRule("retry", "refresh")),
    403: ("PERMISSION_DENIED", OutcomeRule("retry", "stop")),
    404: ("NOT_FOUND", OutcomeRule("retry", "stop")),
    429: ("QUOTA_EXCEEDED", OutcomeRule("retry")),
    500: ("INTERNAL", OutcomeRule("retry")),
    503: ("UNAVAILABLE", OutcomeRule("retry")),
}


def read_answer(
    status: int, body: bytes, retry_after: str | None = None, address: str = ""
) -> ParsedResponse:
    """The meaning of a response with a complete body. `retry_after` is the header of that name.

    `address` is the device's, which the response may quote: it is a secret of the person's.
    """
    if status == 200:
        name = message_name(body)
        return ParsedResponse("accepted", status=200, name=name) if name else _nameless(body)
    error = _error(body)
    details = _objects(error.get("details"))
    code = _code(error, details)
    if not code:
        return _between(status, retry_after)
    rule = TABLE.get((status, code))
    if rule is None:
        code, rule = _fallback(status, redacted(code, address)[:DETAIL])
    return ParsedResponse(
        rule.outcome,
        code,
        status,
        retry_after=wait_of(retry_after),
        action=rule.action,
        quota=_quota(details),
        detail=redacted(_text(error.get("message")), address)[:DETAIL],
    )


def _nameless(body: bytes) -> ParsedResponse:
    """The meaning of a 200 without a message name: FCM may have accepted the message, whoever wrote the body."""
    if body.strip() and not body.lstrip().startswith(b"{"):
        return _between(200, None)
    return ParsedResponse("unknown", "UNREADABLE", 200, detail=NAMELESS)


def _between(status: int, retry_after: str | None) -> ParsedResponse:
    """A response that FCM did not write. Its body may be anything, so that no part of it is shown."""
    refused = 300 <= status < 500 and status != 408
    outcome: SendOutcome = "retry" if refused else "unknown"
    return ParsedResponse(outcome, f"{NOT_FCM}{status}", status, retry_after=wait_of(retry_after))


def message_name(body: bytes) -> str:
    """The name of a message in the body of a 200, empty if it has none: a `name` alone may come from another server."""
    try:
        name = orjson.loads(body)["name"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _text(value: object) -> str:
    """A value that should be text. Other values are left out: formatting one could exceed Python's recursion limit."""
    return value if isinstance(value, str) else ""


def _error(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _code(error: dict[str, Any], details: list[dict[str, Any]]) -> str:
    """FCM's own code of an error, else Google's; empty if the response is in neither format."""
    if any(d.get("@type") == _APNS_ERROR and d.get("statusCode") == 410 for d in details):
        return "APNS_410"
    for detail in details:
        code = detail.get("errorCode")
        if detail.get("@type") == _FCM_ERROR and isinstance(code, str) and code:
            return code
    status = error.get("status")
    return status if isinstance(status, str) and status in _STATUSES else ""


def _quota(details: list[dict[str, Any]]) -> str:
    for detail in details:
        if detail.get("@type") == _QUOTA_FAILURE:
            for violation in _objects(detail.get("violations")):
                return _text(violation.get("subject"))
    return ""


def _fallback(status: int, code: str) -> tuple[str, OutcomeRule]:
    """What to do for a pair of status and code that the table does not contain."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    # A 4xx from FCM is a definite answer about the message; after anything else the outcome is unknown.
    return code, OutcomeRule("rejected" if 400 <= status < 500 and status != 408 else "unknown")

"""Error answers of the FCM simulator, in the form of the HTTP v1 API (docs/contracts/fcm.md#errors)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"


@dataclass(frozen=True, slots=True)
class FcmAnswer:
    """A response: HTTP status, headers in ASGI form, body."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def json_answer(status: int, value: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> FcmAnswer:
    return FcmAnswer(
        status, orjson.dumps(value), ((b"content-type", b"application/json; charset=UTF-8"), *headers)
    )


def error(
    http: int,
    status: str,
    message: str,
    *,
    code: str | None = None,
    details: tuple[dict[str, Any], ...] = (),
    retry_after: float | str | None = None,
) -> FcmAnswer:
    """``{"error": {"code", "message", "status", "details"}}``. `code` is FCM's own, put into the details.

    `retry_after`: seconds for the header of that name, or its text as it is; left out when None.
    """
    found: list[dict[str, Any]] = [{"@type": _FCM_ERROR, "errorCode": code}] if code else []
    body = {"error": {"code": http, "message": message, "status": status, "details": [*found, *details]}}
    text = f"{retry_after:g}" if isinstance(retry_after, float) else str(retry_after)
    headers = () if retry_after is None else ((b"retry-after", text.encode("latin-1", "replace")),)
    return json_answer(http, body, headers)


def invalid(field: str, description: str) -> FcmAnswer:
    """400 INVALID_ARGUMENT that names the field."""
    violation = {"@type": _BAD_REQUEST, "fieldViolations": [{"field": field, "description": description}]}
    return error(400, "INVALID_ARGUMENT", description, code="INVALID_ARGUMENT", details=(violation,))


def apns_410() -> FcmAnswer:
    """What FCM answers for a token that Apple says is gone: 400 with the APNs status in the details."""
    apns = {"@type": _APNS_ERROR, "statusCode": 410, "reason": "Unregistered"}
    return error(
        400,
        "INVALID_ARGUMENT",
        "Request contains an invalid argument.",
        code="INVALID_ARGUMENT",
        details=(apns,),
    )


def unregistered() -> FcmAnswer:
    return error(404, "NOT_FOUND", "Requested entity was not found.", code="UNREGISTERED")


def sender_mismatch() -> FcmAnswer:
    return error(403, "PERMISSION_DENIED", "SenderId mismatch", code="SENDER_ID_MISMATCH")


def quota(subject: str, retry_after: float | str | None) -> FcmAnswer:
    """429. `subject` says whose quota, such as ``project:demo`` or ``device:TOKEN``; empty when FCM does not
    say.
    """
    details: tuple[dict[str, Any], ...] = ()
    if subject:
        failure = {"subject": subject, "description": "Message rate exceeded."}
        details = ({"@type": _QUOTA_FAILURE, "violations": [failure]},)
    return error(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Messages sent'.",
        code="QUOTA_EXCEEDED",
        details=details,
        retry_after=retry_after,
    )


def internal() -> FcmAnswer:
    return error(500, "INTERNAL", "Internal error encountered.", code="INTERNAL")


def unavailable(retry_after: float | str | None) -> FcmAnswer:
    return error(
        503,
        "UNAVAILABLE",
        "The service is currently unavailable.",
        code="UNAVAILABLE",
        retry_after=retry_after,
    )


def third_party_auth() -> FcmAnswer:
    return error(
        401,
        "UNAUTHENTICATED",
        "Auth error from APNS or Web Push Service",
        code="THIRD_PARTY_AUTH_ERROR",
    )


def unauthenticated() -> FcmAnswer:
    return error(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
        "other valid authentication credential.",
    )


def permission_denied(message: str) -> FcmAnswer:
    return error(403, "PERMISSION_DENIED", message)


def echo(http: int, quoted: str, at: str) -> FcmAnswer:
    """An error whose sentence quotes the request. The token endpoint's is in the form of OAuth."""
    said = f"The request could not be processed: {quoted}"
    if at == "token":
        return json_answer(http, {"error": "invalid_grant", "error_description": said})
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
    return error(http, names.get(http, "INTERNAL"), said)


def not_found(path: str) -> FcmAnswer:
    return error(404, "NOT_FOUND", f"The requested URL {path} was not found on this server.")

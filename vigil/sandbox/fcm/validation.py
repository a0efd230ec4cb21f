"""What FCM refuses in a message before it looks for the device. Contract: docs/contracts/fcm.md#send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from vigil.sandbox.fcm.answers import FcmAnswer, error, invalid
from vigil.sandbox.fcm.platform_rules import LONGEST_TTL, seconds

TARGETS = ("token", "fid", "topic", "condition")
PAYLOAD = 4_096  # bytes
TOPIC_PAYLOAD = 2_048
LONGEST_TOPIC = 32  # characters of the web push header
LONGEST_COLLAPSE_ID = 64  # bytes of the APNs header

_MESSAGE = frozenset((*TARGETS, "name", "data", "notification", "android", "webpush", "apns", "fcm_options"))
_NOTIFICATION = frozenset(("title", "body", "image"))
_ANDROID = frozenset(
    (
        "collapse_key", "priority", "ttl", "restricted_package_name", "data", "notification", "fcm_options",
        "direct_boot_ok", "bandwidth_constrained_ok", "restricted_satellite_ok",
    )
)  # fmt: skip
_WEBPUSH = frozenset(("headers", "data", "notification", "fcm_options"))
_APNS = frozenset(("headers", "payload", "fcm_options", "live_activity_token"))
_RESERVED = ("google.", "gcm.")
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9\-_.~%]+")
_TOPIC_HEADER = re.compile(r"[A-Za-z0-9_\-]+")
_URGENCIES = frozenset(("very-low", "low", "normal", "high"))
_LEVELS = frozenset(("passive", "active", "time-sensitive", "critical"))


def refusal(message: object, body_size: int) -> FcmAnswer | None:
    """The error answer for a `message`, None when well formed. `body_size`: bytes of the whole request."""
    if not isinstance(message, dict):
        return invalid("message", "Invalid value at 'message': an object is required.")
    if not _MESSAGE.issuperset(message):
        return _unknown("message", message, _MESSAGE)
    targets = [t for t in TARGETS if message.get(t)]
    if len(targets) != 1:
        return invalid("message", "Exactly one of token, fid, topic or condition must be specified.")
    if targets[0] == "topic" and not _TOPIC_NAME.fullmatch(message["topic"]):
        return invalid(
            "message.topic", "Topic name must match [a-zA-Z0-9-_.~%]+ and have no /topics/ prefix."
        )
    found = (
        _data("message.data", message.get("data"))
        or _notification(message.get("notification"))
        or _android(message.get("android"))
        or _apns(message.get("apns"))
        or _webpush(message.get("webpush"))
    )
    if found:
        return found
    limit = PAYLOAD if targets[0] in ("token", "fid") else TOPIC_PAYLOAD
    if body_size > TOPIC_PAYLOAD and (size := payload_size(message)) > limit:
        return _too_big(size, limit)
    return None


def payload_size(message: Mapping[str, Any]) -> int:
    """Bytes of the largest payload that any platform would get: the common parts and the platform's own."""
    common = {k: message[k] for k in ("data", "notification") if k in message}
    sizes = [len(orjson.dumps(common))]
    for platform, parts in (("android", ("notification", "data")), ("webpush", ("notification", "data"))):
        own = message.get(platform) or {}
        sizes.append(len(orjson.dumps([common, {k: own[k] for k in parts if k in own}])))
    sizes.append(len(orjson.dumps([common, (message.get("apns") or {}).get("payload")])))
    return max(sizes)


def _too_big(size: int, limit: int) -> FcmAnswer:
    text = f"Message is too big: the payload has {size} bytes, at most {limit} are allowed."
    return error(400, "INVALID_ARGUMENT", text, code="INVALID_ARGUMENT")


def _data(field: str, data: object) -> FcmAnswer | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        return invalid(field, f"Invalid value at '{field}': a map of strings is required.")
    for key, value in data.items():
        if not isinstance(value, str):
            return invalid(f"{field}[{key}]", f"Invalid value at '{field}[{key}]' (TYPE_STRING).")
        if key in ("from", "message_type") or key.startswith(_RESERVED):
            return invalid(f"{field}[{key}]", f"Invalid data payload key: {key}")
    return None


def _notification(value: object) -> FcmAnswer | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not _NOTIFICATION.issuperset(value):
        return _unknown("message.notification", value, _NOTIFICATION)
    return _strings("message.notification", value)


def _android(value: object) -> FcmAnswer | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not _ANDROID.issuperset(value):
        return _unknown("message.android", value, _ANDROID)
    if str(value.get("priority", "normal")).lower() not in ("normal", "high"):
        return invalid("message.android.priority", "priority must be NORMAL or HIGH.")
    if "ttl" in value:
        try:
            lifetime = seconds(str(value["ttl"]))
        except ValueError as wrong:
            return invalid("message.android.ttl", str(wrong))
        if not 0 <= lifetime <= LONGEST_TTL.total_seconds():
            return invalid("message.android.ttl", "ttl must be between 0s and 2419200s (four weeks).")
    return _data("message.android.data", value.get("data"))


def _apns(value: object) -> FcmAnswer | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not _APNS.issuperset(value):
        return _unknown("message.apns", value, _APNS)
    headers = value.get("headers") or {}
    wrong = _strings("message.apns.headers", headers)
    if wrong:
        return wrong
    if len(headers.get("apns-collapse-id", "").encode()) > LONGEST_COLLAPSE_ID:
        return invalid("message.apns.headers[apns-collapse-id]", "apns-collapse-id must not exceed 64 bytes.")
    if not headers.get("apns-expiration", "0").isdigit():
        return invalid("message.apns.headers[apns-expiration]", "apns-expiration must be seconds since 1970.")
    if headers.get("apns-priority", "10") not in ("1", "5", "10"):
        return invalid("message.apns.headers[apns-priority]", "apns-priority must be 1, 5 or 10.")
    aps = (value.get("payload") or {}).get("aps", {})
    if not isinstance(aps, dict) or aps.get("interruption-level", "active") not in _LEVELS:
        return invalid(
            "message.apns.payload.aps", f"interruption-level must be one of {', '.join(sorted(_LEVELS))}."
        )
    return None


def _webpush(value: object) -> FcmAnswer | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not _WEBPUSH.issuperset(value):
        return _unknown("message.webpush", value, _WEBPUSH)
    headers = {k.lower(): v for k, v in (value.get("headers") or {}).items()}
    wrong = _strings("message.webpush.headers", headers)
    if wrong:
        return wrong
    topic = headers.get("topic")
    if topic is not None and (len(topic) > LONGEST_TOPIC or not _TOPIC_HEADER.fullmatch(topic)):
        return invalid(
            "message.webpush.headers[Topic]", "Topic: at most 32 characters of the URL-safe base64 alphabet."
        )
    if headers.get("urgency", "normal") not in _URGENCIES:
        return invalid(
            "message.webpush.headers[Urgency]", f"Urgency must be one of {', '.join(sorted(_URGENCIES))}."
        )
    ttl = headers.get("ttl", "0")
    if not ttl.isdigit() or int(ttl) > LONGEST_TTL.total_seconds():
        return invalid("message.webpush.headers[TTL]", "TTL must be whole seconds up to 2419200.")
    link = (value.get("fcm_options") or {}).get("link", "https://")
    if not link.startswith("https://"):
        return invalid("message.webpush.fcm_options.link", "link must be an HTTPS URL.")
    return _data("message.webpush.data", value.get("data"))


def _strings(field: str, value: Mapping[str, object]) -> FcmAnswer | None:
    for key, item in value.items():
        if not isinstance(item, str):
            return invalid(f"{field}.{key}", f"Invalid value at '{field}.{key}' (TYPE_STRING).")
    return None


def _unknown(field: str, value: object, allowed: frozenset[str]) -> FcmAnswer:
    if not isinstance(value, dict):
        return invalid(field, f"Invalid value at '{field}': an object is required.")
    name = next(k for k in value if k not in allowed)
    return invalid(
        field, f"Invalid JSON payload received. Unknown name \"{name}\" at '{field}': Cannot find field."
    )

"""Converts a message for FCM: `Outgoing` -> firebase-admin's Message -> bytes.

`build` makes the message with firebase-admin's own classes; the second transport sends it. `encode` gives the same message as bytes,
an order of magnitude faster: firebase-admin encodes each *shape* (platform, severity, kind of address) once, with marks in place of
the texts, and `encode` inserts the texts of each message. A property test checks that both are equal.

Contract: docs/contracts/fcm.md#send and docs/contracts/fcm.md#replace-keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from firebase_admin import messaging

from vigil.compliance.notices import Severity
from vigil.delivery.errors import InvalidMessage
from vigil.delivery.links import refuse_link
from vigil.delivery.push.platforms import ADDRESS_KINDS, PLATFORMS, Parts, compose
from vigil.delivery.replace_keys import android_tag, collapse_id, web_topic
from vigil.delivery.transport import LONGEST_TTL, Outgoing
from vigil.safe_text import json_size, to_bytes

PAYLOAD = 4_096  # bytes; the whole message is kept within it, which is stricter than FCM's own count
TOPIC_PAYLOAD = 2_048
_TOPIC = re.compile(r"[a-zA-Z0-9\-_.~%]+")
RESERVED = ("google.", "gcm.")


def build(out: Outgoing, now: datetime) -> messaging.Message:
    """The message as firebase-admin's own object, shortened if necessary. `now` dates the APNs expiration.

    Raises InvalidMessage if it cannot be sent at all (see `encode`).
    """
    data, fitted, _ = _fitted(out, now)
    parts = Parts(**{name: text(fitted, data, now) for name, text in _TEXTS.items()})
    return compose(parts, fitted.platform, Severity(fitted.severity), fitted.address_kind)


def encode(out: Outgoing, now: datetime) -> bytes:
    """The body of the send request, ``{"message": {...}}`` in UTF-8.

    A message above the payload limit loses the end of its body, then of its title: whole graphemes, with an ellipsis at the cut; never
    the link. Raises InvalidMessage with code INVALID_ADDRESS, INVALID_DATA, INVALID_TEXT, INVALID_LINK, INVALID_SEVERITY,
    INVALID_PLATFORM or PAYLOAD_TOO_LARGE.
    """
    return _fitted(out, now)[2]


def _fitted(out: Outgoing, now: datetime) -> tuple[dict[str, str], Outgoing, bytes]:
    try:
        return _fit(out, now)
    except UnicodeEncodeError as wrong:
        raise InvalidMessage("INVALID_TEXT", "the key is not text that UTF-8 can hold") from wrong
    except (TypeError, ValueError, AttributeError, OverflowError) as wrong:
        # A field of the wrong type: also an invalid message that must not affect its batch.
        raise InvalidMessage("INVALID_MESSAGE", f"{type(wrong).__name__}: {wrong}") from wrong


def _fit(out: Outgoing, now: datetime) -> tuple[dict[str, str], Outgoing, bytes]:
    data = _data(out)
    shape = _shape_of(out)
    limit = PAYLOAD if out.address_kind in ("token", "fid") else TOPIC_PAYLOAD
    body = _fill(shape, out, data, now)
    if len(body) - shape.envelope <= limit:
        return data, out, body
    for shorter in (_shorter_body, _shorter_title):
        out = shorter(out, len(body) - shape.envelope - limit)
        body = _fill(shape, out, data, now)
        if len(body) - shape.envelope <= limit:
            return data, out, body
    raise InvalidMessage(
        "PAYLOAD_TOO_LARGE", f"link and data alone take more than {limit} bytes: give the message less data"
    )


def _shorter_body(out: Outgoing, excess: int) -> Outgoing:
    return replace(out, body=to_bytes(out.body, max(0, json_size(out.body) - excess)))


def _shorter_title(out: Outgoing, excess: int) -> Outgoing:
    return replace(out, title=to_bytes(out.title, max(0, json_size(out.title) - excess)))


def _data(out: Outgoing) -> dict[str, str]:
    refuse_link(out.link)
    if not out.token:
        raise InvalidMessage("INVALID_ADDRESS", "the message has no address")
    if out.address_kind == "topic" and not _TOPIC.fullmatch(out.token):
        raise InvalidMessage(
            "INVALID_ADDRESS", "a topic is named without /topics/, in letters, digits and -_.~%"
        )
    data = dict(out.data)
    for key, value in data.items():
        if key in ("from", "message_type") or key.startswith(RESERVED):
            raise InvalidMessage("INVALID_DATA", f"data key {key!r} is reserved by FCM: choose another")
        if type(value) is not str:
            raise InvalidMessage(
                "INVALID_DATA", f"data value of {key!r} is {type(value).__name__}, not a string"
            )
    data["event_id"] = out.key
    data["link"] = out.link
    return data


def _seconds(out: Outgoing) -> int:
    ttl = out.ttl
    if ttl > LONGEST_TTL:
        ttl = LONGEST_TTL
    return max(0, ttl.days * 86_400 + ttl.seconds)


def _expires(out: Outgoing, now: datetime) -> str:
    seconds = _seconds(out)
    return str(int(now.timestamp()) + seconds) if seconds else "0"  # 0: now or never


Text = Callable[[Outgoing, dict[str, str], datetime], Any]

_TEXTS: Mapping[str, Text] = {
    "address": lambda out, data, now: out.token,
    "title": lambda out, data, now: out.title,
    "body": lambda out, data, now: out.body,
    "link": lambda out, data, now: out.link,
    "web_link": lambda out, data, now: out.link if out.link.startswith("https://") else None,
    "tag": lambda out, data, now: android_tag(out.key),
    "collapse_id": lambda out, data, now: collapse_id(out.key),
    "topic": lambda out, data, now: web_topic(out.key),
    "ttl": lambda out, data, now: _seconds(out),
    "expires": lambda out, data, now: _expires(out, now),
    "data": lambda out, data, now: data,
}
"""The texts of `Parts`, each from the message: all for `build`, and for `encode` those that its shape has."""

# The fast way

# Marks are legal wherever firebase-admin checks a text (a topic's name is the strictest).
_TTL_MARK = 1_234_567
_MARK = re.compile(rb'\{"~data~":""\}|"(?:https://)?~(\w+)~"|"1234567s?"')
_MARKED = Parts(
    address="~address~",
    title="~title~",
    body="~body~",
    link="~link~",
    web_link="https://~web_link~",
    tag="~tag~",
    collapse_id="~collapse_id~",
    topic="~topic~",
    ttl=_TTL_MARK,
    expires="~expires~",
    data={"~data~": ""},
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """An encoded message without its texts: bytes to copy, each after the text in front of it."""

    start: bytes
    rest: tuple[tuple[str, Text, bytes], ...]
    envelope: int = len(b'{"message":}')


def _shape_of(out: Outgoing) -> _Shape:
    return _shape(out.platform, out.severity, out.address_kind, out.link.startswith("https://"))


@lru_cache(maxsize=256)
def _shape(platform: str, severity: str, address_kind: str, web_link: bool) -> _Shape:
    if severity not in Severity.__members__.values():
        raise InvalidMessage("INVALID_SEVERITY", f"severity {severity!r}: allowed are {', '.join(Severity)}")
    if platform not in PLATFORMS:
        raise InvalidMessage("INVALID_PLATFORM", f"platform {platform!r}: allowed are {', '.join(PLATFORMS)}")
    if address_kind not in ADDRESS_KINDS:
        raise InvalidMessage(
            "INVALID_ADDRESS", f"kind {address_kind!r}: allowed are {', '.join(ADDRESS_KINDS)}"
        )
    marked = _MARKED if web_link else replace(_MARKED, web_link=None)
    encoded = orjson.dumps({"message": as_json(compose(marked, platform, Severity(severity), address_kind))})
    marks = list(_MARK.finditer(encoded))
    ends = [*(mark.start() for mark in marks[1:]), len(encoded)]
    rest = ((*_named(mark), encoded[mark.end() : end]) for mark, end in zip(marks, ends, strict=True))
    return _Shape(encoded[: marks[0].start()], tuple(rest))


def _named(mark: re.Match[bytes]) -> tuple[str, Text]:
    if mark[1]:
        name = mark[1].decode()
        return name, _TEXTS[name]
    if mark[0].startswith(b"{"):
        return "data", _TEXTS["data"]
    unit = "s" if mark[0].endswith(b's"') else ""  # Android counts in "3600s", web push in "3600"
    return "ttl", lambda out, data, now: f"{_seconds(out)}{unit}"


def as_json(message: messaging.Message) -> dict[str, Any]:
    """The JSON that firebase-admin would send for `message`. Raises InvalidMessage if it refuses."""
    try:
        value: dict[str, Any] = orjson.loads(str(message))
    except (ValueError, TypeError) as wrong:
        raise InvalidMessage("INVALID_MESSAGE", str(wrong)) from wrong
    return value


def _fill(shape: _Shape, out: Outgoing, data: dict[str, str], now: datetime) -> bytes:
    filled = [shape.start]
    for name, text, piece in shape.rest:
        value = text(out, data, now)
        try:
            filled.append(orjson.dumps(value))
        except orjson.JSONEncodeError as wrong:
            raise InvalidMessage("INVALID_TEXT", f"{name} is not text that UTF-8 can hold") from wrong
        filled.append(piece)
    return b"".join(filled)

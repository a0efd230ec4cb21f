"""One post: its address, its body and its signature, as docs/delivery.md describes them to receivers.

The headers and the signature are those of the Standard Webhooks specification (standardwebhooks.com, version 1.0.0): a receiver may
use one of its libraries.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence

import orjson
from yarl import URL

from vigil.compliance.channels import WEBHOOK, channel
from vigil.delivery.errors import InvalidMessage
from vigil.delivery.links import refuse_link
from vigil.delivery.replace_keys import web_topic
from vigil.delivery.transport import Outgoing

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TYPE = "vigil.notice"


def address(out: Outgoing) -> URL:
    """Where a message is posted. Raises InvalidMessage with code INVALID_ADDRESS, without the address."""
    if fault := channel(WEBHOOK).fault(out.token):
        raise InvalidMessage("INVALID_ADDRESS", f"the webhook's address: {fault}")
    try:
        url = URL(out.token)
        url.origin()  # what aiohttp asks of an address
        _ = url.host
    except ValueError:  # its text quotes the address
        raise InvalidMessage("INVALID_ADDRESS", "the webhook's address: a URL that can be read") from None
    return url


def idempotency_key(out: Outgoing) -> str:
    """The replace key as `webhook-id`: the same on every attempt, at most 32 characters of A-Za-z0-9_-."""
    return web_topic(out.key)


def body(out: Outgoing) -> bytes:
    """The JSON of a message, the same on every attempt. Raises InvalidMessage with code INVALID_LINK, INVALID_DATA or INVALID_TEXT."""
    refuse_link(out.link)
    try:
        return orjson.dumps(
            {
                "type": TYPE,
                "id": idempotency_key(out),
                "recipient": out.person,
                "title": out.title,
                "body": out.body,
                "link": out.link,
                "severity": out.severity,
                "rule": out.data.get("rule", ""),
                "workspace": _number(out, "workspace"),
                "notice": _number(out, "notice"),
            }
        )
    except orjson.JSONEncodeError:
        raise InvalidMessage("INVALID_TEXT", "the message is not text that UTF-8 can hold") from None


def _number(out: Outgoing, name: str) -> int:
    try:
        return int(out.data.get(name, "0"))
    except ValueError:
        raise InvalidMessage("INVALID_DATA", f"data value of {name!r} is no number") from None


def headers(keys: Sequence[bytes], id: str, timestamp: int, content: bytes) -> Mapping[str, str]:
    """What proves that `content` is Vigil's and new. `timestamp` in seconds since 1970; one signature for each of the secrets."""
    signed = b".".join((id.encode(), str(timestamp).encode(), content))
    signatures = (b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return {
        ID: id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: " ".join(f"v1,{signature}" for signature in signatures),
    }

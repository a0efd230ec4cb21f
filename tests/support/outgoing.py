"""Messages to send: each field can be given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from vigil.delivery.transport import Outgoing


def message(token: str = "tok-android", **changes: Any) -> Outgoing:
    """A push to a device. A token `tok-PLATFORM` says of which platform it is."""
    platform = token.split("-")[1] if token.startswith("tok-") and token.count("-") == 1 else "android"
    fields: dict[str, Any] = {
        "key": "contract-renewal:4711:2026-03-31:last:ada",
        "token": token,
        "address_kind": "token",
        "platform": platform if platform in ("android", "ios", "web") else "android",
        "title": "Contract ends on 31 March",
        "body": "Supply of paper, owner Ada",
        "link": "https://ecm.example.org/cs/cs/app/nodes/4711",
        "severity": "high",
        "ttl": timedelta(hours=8),
    }
    return Outgoing(**fields | changes)


def mail_to(login: str = "ada", **changes: Any) -> Outgoing:
    """A mail to a person."""
    fields: dict[str, Any] = {
        "key": f"5f0c{login.encode().hex()}",
        "token": f"{login} <{login}@example.org>",
        "address_kind": "email",
        "platform": "email",
        "title": "Contract ends on 31 March",
        "body": "Supply of paper, owner Ada\nOpen it to renew it.",
        "link": "https://ecm.example.org/cs/cs/app/nodes/4711?a=1&b=2",
        "severity": "high",
        "ttl": timedelta(hours=8),
        "data": {"rule": "contract-renewal", "workspace": "4711", "notice": "12"},
    }
    return Outgoing(**fields | changes)

"""Secrets of webhooks, and messages and devices whose address is one."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

from vigil.delivery.transport import Outgoing
from vigil.delivery.webhook.settings import WebhookSettings
from vigil.ledger.people.devices import NewDevice


def secret(letter: str) -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


OLD, NEW = secret("o"), secret("n")


def settings(*secrets: str, **changes: Any) -> WebhookSettings:
    return WebhookSettings(secrets or (OLD,), **changes)


def post_to(url: str, **changes: Any) -> Outgoing:
    """A message to a webhook."""
    fields: dict[str, Any] = {
        "key": "contract-renewal:4711:2026-03-31:last:group:legal",
        "token": url,
        "address_kind": "webhook",
        "platform": "webhook",
        "title": "Contract ends on 31 March",
        "body": "Supply of paper, owner Ada",
        "link": "https://ecm.example.org/cs/cs/app/nodes/4711",
        "severity": "high",
        "ttl": timedelta(hours=8),
        "data": {"rule": "contract-renewal", "workspace": "4711", "notice": "12"},
        "person": "group:legal",
    }
    return Outgoing(**fields | changes)


def hook(person: str, url: str) -> NewDevice:
    """The webhook of a person or of a group, as the registry has it."""
    return NewDevice(person, url, "webhook", "webhook")

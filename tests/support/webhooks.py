"""Secrets of webhooks, and messages and devices whose address is one."""

from __future__ import annotations

import base64
from typing import Any

from tests.delivery.conftest import message
from vigil.delivery.transport import Outgoing
from vigil.delivery.webhook.settings import WebhookSettings
from vigil.ledger.devices import NewDevice


def secret(letter: str) -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


OLD, NEW = secret("o"), secret("n")


def settings(*secrets: str, **changes: Any) -> WebhookSettings:
    return WebhookSettings(secrets or (OLD,), **changes)


def post_to(url: str, **changes: Any) -> Outgoing:
    """A message to a webhook."""
    fields = {"address_kind": "webhook", "platform": "webhook", "person": "group:legal"}
    data = {"rule": "contract-renewal", "workspace": "4711", "notice": "12"}
    return message(url, **fields | {"data": data} | changes)


def hook(person: str, url: str) -> NewDevice:
    """The webhook of a person or of a group, as the registry has it."""
    return NewDevice(person, url, "webhook", "webhook")

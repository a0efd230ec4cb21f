"""The sender of webhooks as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from prefect.blocks.core import Block

from blocks.schema import SchemaOnce
from blocks.sender import Sender
from vigil.compliance.channels import WEBHOOK
from vigil.delivery.webhook.transport import Webhooks
from vigil.service.connecting.forms import WebhookForm
from vigil.service.doctor import webhook
from vigil.service.doctor.health import Check


class WebhookSender(WebhookForm, Sender, SchemaOnce, Block):
    """The secrets that sign notices to webhooks, and the proxy and certificate authority with which Vigil reaches the receivers."""

    _block_type_name = "Webhook sender"
    _block_type_slug = "webhook-sender"
    channel: ClassVar[str] = WEBHOOK
    check: ClassVar[str] = webhook.NAME
    absent: ClassVar[str] = "no webhook sender is set: addresses of webhooks get no notices"

    def transport(self, now: Callable[[], datetime]) -> Webhooks:
        """A closed transport: enter it with `async with`, in the event loop that sends."""
        return Webhooks(self.settings(), now)

    async def examine(self, now: Callable[[], datetime]) -> Check:
        """See `Sender.examine`."""
        return await webhook.examine(self.transport(now), len(self.settings().secrets))

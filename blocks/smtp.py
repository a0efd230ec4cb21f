"""The mail server as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from prefect.blocks.core import Block

from blocks.schema import SchemaOnce
from blocks.sender import Sender
from vigil.compliance.channels import MAIL
from vigil.delivery.email.smtp import Smtp
from vigil.service.connecting.forms import MailForm
from vigil.service.doctor import mail
from vigil.service.doctor.health import Check


class SmtpServer(MailForm, Sender, SchemaOnce, Block):
    """The mail server for people without a device, and its login."""

    _block_type_name = "SMTP server"
    _block_type_slug = "smtp-server"
    channel: ClassVar[str] = MAIL
    check: ClassVar[str] = mail.NAME
    absent: ClassVar[str] = "no mail server is set: people without a device get no notices"

    def transport(self, now: Callable[[], datetime]) -> Smtp:
        """A closed transport for mail: enter it with `async with`, in the event loop that sends."""
        return Smtp(self.settings(now), now)

    async def examine(self, now: Callable[[], datetime]) -> Check:
        """See `Sender.examine`."""
        return await mail.examine(self.transport(now), f"{self.host} as {self.username or 'nobody'}")

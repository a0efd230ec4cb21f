"""The mail server as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prefect.blocks.core import Block

from vigil.delivery.email_smtp import Smtp
from vigil.service.connecting.forms import MailForm


class SmtpServer(MailForm, Block):
    """The mail server for people without a device, and its login."""

    _block_type_name = "SMTP server"
    _block_type_slug = "smtp-server"

    def transport(self, now: Callable[[], datetime]) -> Smtp:
        """A closed transport for mail: enter it with `async with`, in the event loop that sends."""
        return Smtp(self.settings(now), now)

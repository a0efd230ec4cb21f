"""The mail server as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vigil.delivery.email_settings import Security, SmtpSettings
from vigil.delivery.email_smtp import Smtp
from vigil.delivery.links import Links


class SmtpServer(Block):
    """Where mail goes out for people without a device, and as whom."""

    _block_type_name = "SMTP server"
    _block_type_slug = "smtp-server"

    host: str = Field(description="Name of the server, such as smtp.example.org")
    sender: str = Field(
        description="From whom, such as Vigil <vigil@example.org>; what cannot be delivered comes back there"
    )
    security: Security = Field(
        default="starttls", description="starttls (port 587), tls (465), or none for a relay inside (25)"
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="Another port than the usual one")
    username: str | None = Field(default=None, description="Login, where the server wants one")
    password: SecretStr | None = Field(default=None, description="Its password")
    gateway: str | None = Field(
        default=None,
        description="Address of `vigil gateway` in people's browsers, for links to acknowledge by",
    )
    link_secrets: SecretStr | None = Field(
        default=None, description="The same secrets as the gateway's VIGIL_LINK_SECRETS"
    )
    ca: str | None = Field(default=None, description="File of a certificate authority of your own")

    def transport(self, now: Callable[[], datetime]) -> Smtp:
        """A transport for mail that is not yet open: enter it with `async with`, in the event loop that sends."""
        links = None
        if self.gateway and self.link_secrets is not None:
            links = Links(self.gateway, self.link_secrets.get_secret_value().split(), clock=now)
        settings = SmtpSettings(
            host=self.host,
            sender=self.sender,
            port=self.port,
            security=self.security,
            username=self.username,
            password=self.password,
            links=links,
            ca_file=self.ca,
        )
        return Smtp(settings, now)

"""Where and how mail is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.headerregistry import Address

from vigil.delivery.email_message import mailbox
from vigil.delivery.errors import DeliveryError
from vigil.delivery.links import Links
from vigil.delivery.settings import Secret, Security
from vigil.redaction import learn

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORTS: dict[Security, int] = {"tls": 465, "starttls": 587, "none": 25}


class BadSmtpSettings(DeliveryError):
    """A setting of the SMTP server cannot be used. The text says which, never a password."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Settings of `Smtp`. Times are in seconds.

    `sender` is the From and the envelope's sender, to which bounces go: ``Vigil <vigil@example.org>``. `security` none is for a
    relay inside that takes no login. `links` signs the links by which a mail is acknowledged; without it a mail has none.
    `connections` are open at once, and each carries at most `per_connection` mails.
    """

    host: str
    sender: str
    port: int | None = None  # the usual one of `security` when None
    security: Security = "starttls"
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)
    links: Links | None = None
    timeout: float = 30.0
    connections: int = 2
    per_connection: int = 100
    ca_file: str | None = None  # a private certificate authority, PEM

    def __post_init__(self) -> None:
        if self.password is not None:
            learn(self.password.get_secret_value())
        if not self.host:
            raise BadSmtpSettings("host: the name of the SMTP server")
        if self.security not in PORTS:
            raise BadSmtpSettings(f"security {self.security!r}: one of {', '.join(PORTS)}")
        if self.username and self.password is None:
            raise BadSmtpSettings("password: a login has one")
        if self.username and self.security == "none" and self.host not in _LOOPBACK:
            raise BadSmtpSettings("security none: a password goes over TLS only, choose starttls or tls")
        if self.connections < 1 or self.per_connection < 1:
            raise BadSmtpSettings("connections and per_connection: at least 1")
        _ = self.address  # raises where the sender is none

    @property
    def number(self) -> int:
        """The port."""
        return self.port or PORTS[self.security]

    @property
    def address(self) -> Address:
        """The sender, parsed."""
        try:
            return mailbox(self.sender)
        except ValueError:
            raise BadSmtpSettings("sender: an address such as Vigil <vigil@example.org>") from None

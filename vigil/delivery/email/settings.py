"""The settings of the mail transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.headerregistry import Address

from vigil.delivery.email.message import mailbox
from vigil.delivery.errors import DeliveryError
from vigil.delivery.links import Links
from vigil.delivery.settings import Secret, Security
from vigil.redaction import learn

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORTS: dict[Security, int] = {"tls": 465, "starttls": 587, "none": 25}


class BadSmtpSettings(DeliveryError):
    """An invalid setting of the SMTP server. The text names it, without a password."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Settings of `Smtp`. Times are in seconds.

    `sender` is the From and the envelope's sender, to which bounces go: ``Vigil <vigil@example.org>``. `security` none is for an
    internal relay without a login. `links` signs the links by which a mail is acknowledged; without it mails have no links.
    `connections` are open at the same time, and each carries at most `per_connection` mails.
    """

    host: str
    sender: str
    port: int | None = None  # None for the usual port of `security`
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
        _ = self.address  # raises if the sender is not a valid address

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

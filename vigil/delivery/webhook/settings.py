"""How webhooks are signed and sent."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field

from vigil.delivery.errors import DeliveryError
from vigil.redaction import learn, learn_url

PREFIX = "whsec_"
SHORTEST = 24  # bytes of a secret, as the Standard Webhooks specification asks
MOST = 2  # secrets at one time: the old one and the new one


class BadWebhookSettings(DeliveryError):
    """A setting of webhooks cannot be used. The text says which, never a secret."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Settings of `Webhooks`. Times are in seconds.

    `secrets` sign each post: one, or while receivers change from an old one to a new one, both. `concurrency` posts are under way at
    once, `per_host` of them to one host. Raises BadWebhookSettings.
    """

    secrets: Sequence[str] = field(repr=False)
    concurrency: int = 50
    per_host: int = 4
    timeout: float = 15.0
    ca_file: str | None = None  # a private certificate authority, PEM
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        learn_url(self.proxy)
        for secret in self.secrets:
            learn(secret)
            learn(secret.removeprefix(PREFIX))
        if not 0 < len(self.secrets) <= MOST:
            raise BadWebhookSettings("secrets: one, or two with a space between them while receivers change")
        _ = self.keys  # raises if a secret is invalid
        if self.concurrency < 1 or self.per_host < 1:
            raise BadWebhookSettings("concurrency and per_host: at least 1")

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The bytes of the secrets."""
        return tuple(_key(secret) for secret in self.secrets)


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST:
        raise BadWebhookSettings(f"secrets: each is {PREFIX} and at least {SHORTEST} random bytes in base64")
    return key

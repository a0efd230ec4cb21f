"""Signed links by which a person says "I have seen it" from a mail, without logging in.

A link holds the notice's number, when it was made and an HMAC over both; it expires, and it works once because a notice is
acknowledged once (`vigil.ledger.acknowledgements`). Whoever has the link can acknowledge that one notice and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from vigil.delivery.errors import DeliveryError
from vigil.errors import BadRequest
from vigil.redaction import learn
from vigil.safe_text import is_web_address

LIFE = timedelta(days=14)
SHORTEST_SECRET = 32  # bytes: as many as the HMAC's digest has
SALT = "vigil.acknowledge"


class BadLink(DeliveryError):
    """The link is not one of ours, or not whole."""


class ExpiredLink(BadLink):
    """The link is ours, and too old."""


class BadBase(BadRequest):
    """The address that links begin with is none of the web."""


class WeakSecret(DeliveryError):
    """The secret is so short that a link could be forged."""


class Links:
    """Makes and reads acknowledgement links below `base`, such as ``https://vigil.example.org``.

    `secrets` are tried from the last, which signs: add a new one at the end, and drop the old one when its links have expired.
    """

    def __init__(
        self,
        base: str,
        secrets: Sequence[str],
        life: timedelta = LIFE,
        clock: Callable[[], datetime] = partial(datetime.now, UTC),
    ) -> None:
        for secret in secrets:
            learn(secret)
        if not secrets or any(len(s.encode()) < SHORTEST_SECRET for s in secrets):
            raise WeakSecret(
                f"the secret of the links must have at least {SHORTEST_SECRET} bytes: make one with `openssl rand -hex 32`"
            )
        if not is_web_address(base):
            raise BadBase(
                "the address of the gateway in people's browsers begins with https:// or http:// and a host"
            )
        self._base = base.rstrip("/")
        self._life = life

        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock().timestamp())

        self._signer = URLSafeTimedSerializer(
            list(secrets), salt=SALT, signer=Signer, signer_kwargs={"digest_method": hashlib.sha256}
        )

    def link(self, notice: int) -> str:
        """The link that acknowledges `notice`."""
        return f"{self._base}/a/{self.token(notice)}"

    def token(self, notice: int) -> str:
        """The signed part of the link."""
        return str(self._signer.dumps(notice))

    def read(self, token: str) -> int:
        """The notice that a token is for. Raises BadLink or ExpiredLink."""
        try:
            notice = self._signer.loads(token, max_age=int(self._life.total_seconds()))
        except SignatureExpired:
            raise ExpiredLink("the link has expired") from None
        except BadData:
            raise BadLink("the link is not whole") from None
        if type(notice) is not int:
            raise BadLink("the link is not whole")
        return notice


__all__ = ["BadBase", "BadLink", "ExpiredLink", "Links", "WeakSecret"]

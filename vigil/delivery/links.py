"""The links of notices: a check of the link back, and signed links by which a person acknowledges from a mail, without logging in.

A signed link contains the number of the notice, the time of its creation and an HMAC over both. It expires, and it works once,
because a notice is acknowledged once (`vigil.ledger.outbox.acknowledgements`). A person with the link can acknowledge that one notice
and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from itsdangerous import BadData, SignatureExpired

from vigil.delivery.errors import DeliveryError, InvalidMessage
from vigil.delivery.signing import WeakSecret, serializer
from vigil.errors import BadRequest
from vigil.ledger.values import LARGEST_ID
from vigil.safe_text import is_web_address

LIFE = timedelta(days=14)
SALT = "vigil.acknowledge"


def refuse_link(link: str) -> None:
    """Raise InvalidMessage for a link that is not a web address; a notice without a link has ""."""
    if link and not is_web_address(link):
        raise InvalidMessage(
            "INVALID_LINK", "the link is no address of the web: correct the public address of the site"
        )


class BadLink(DeliveryError):
    """The link was not made by Vigil, or is incomplete."""


class ExpiredLink(BadLink):
    """The link was made by Vigil, and has expired."""


class BadBase(BadRequest):
    """The base address of links is not a web address."""


class Links:
    """Makes and reads acknowledgement links below `base`, such as ``https://vigil.example.org``.

    `secrets` are tried from the last, which signs: add a new one at the end, and remove the old one when its links have expired.
    """

    def __init__(
        self,
        base: str,
        secrets: Sequence[str],
        life: timedelta = LIFE,
        clock: Callable[[], datetime] = partial(datetime.now, UTC),
    ) -> None:
        if not is_web_address(base):
            raise BadBase(
                "the address of the gateway in people's browsers begins with https:// or http:// and a host"
            )
        self._base = base.rstrip("/")
        self._life = life
        self._signer = serializer(secrets, SALT, clock)

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
        if type(notice) is not int or not 0 < notice <= LARGEST_ID:
            raise BadLink("the link is not whole")
        return notice


__all__ = ["BadBase", "BadLink", "ExpiredLink", "Links", "WeakSecret"]

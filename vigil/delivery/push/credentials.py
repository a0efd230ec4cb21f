"""Access tokens for FCM from a service account: fetched in a thread, ahead of expiry, one at a time.

Contract: docs/contracts/fcm.md#oauth. Nothing here logs a token or a key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import firebase_admin.credentials
import orjson
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from requests.exceptions import ProxyError

from vigil.connections import address, chain, of_connection
from vigil.delivery.errors import NO_TOKEN, BadServiceAccount, CredentialRefused, CredentialUnavailable
from vigil.delivery.push.settings import FcmSettings
from vigil.redaction import learn, redacted

log = logging.getLogger("vigil.delivery.push.credentials")

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
AHEAD = timedelta(minutes=5)  # a new token is fetched this long before the old one ends
ENDED = timedelta(seconds=10)  # a token with less than this left may be refused on arrival
FAILURE_HOLDS = timedelta(seconds=10)
TIMEOUT = 15  # seconds for one request to the token endpoint
NEEDED = ("type", "project_id", "private_key", "client_email", "token_uri")


def account_info(settings: FcmSettings) -> dict[str, Any]:
    """The service account's JSON, from any wrapper. Raises BadServiceAccount."""
    value: Any = settings.service_account_info
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(value, str | bytes):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise BadServiceAccount(
                "the service account is not JSON: paste the whole file that the Firebase console gave"
            ) from None
    if not isinstance(value, Mapping):
        raise BadServiceAccount("the service account is not a JSON object: paste the whole file")
    missing = [name for name in NEEDED if not value.get(name)]
    if missing:
        raise BadServiceAccount(f"the service account lacks {', '.join(missing)}: paste the whole file")
    learn(str(value["private_key"]))
    learn(str(value.get("private_key_id") or ""))
    return dict(value)


def _certificate(settings: FcmSettings) -> firebase_admin.credentials.Certificate:
    """firebase-admin's credential for the account. Raises BadServiceAccount."""
    info = account_info(settings)
    return _parsed(orjson.dumps(info, option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=8)
def _parsed(account: bytes) -> firebase_admin.credentials.Certificate:
    """Parse the credential, once in each process: reading a private key takes 70 ms. It holds no connection or token, so event
    loops may share it.
    """
    info = orjson.loads(account)
    try:
        return firebase_admin.credentials.Certificate(info)
    except (ValueError, OSError):
        # The original text may quote the key.
        raise BadServiceAccount(
            f"the private key of {info['client_email']} cannot be read: make a new key in the Firebase console"
        ) from None


class Credential:
    """The bearer token of one service account. Use it in one event loop.

    `google` is the google-auth credential behind it, `name` its name for people, `refreshes` a counter.
    """

    def __init__(self, settings: FcmSettings) -> None:
        self._token_uri = str(account_info(settings)["token_uri"])
        self.google = _certificate(settings).get_credential().with_scopes([SCOPE])
        self.name = f"service account {self.google.service_account_email}"
        self._request = Request()
        # The environment's proxies and authorities would override the settings, and only for tokens.
        self._request.session.trust_env = False
        if settings.ca_file:
            self._request.session.verify = settings.ca_file
        if settings.proxy:
            self._request.session.proxies = {"http": settings.proxy, "https": settings.proxy}
        self._lock = asyncio.Lock()
        self._ahead: asyncio.Task[None] | None = None
        self._bearer = ""
        self._until = datetime.min.replace(tzinfo=UTC)
        self._failed: tuple[datetime, CredentialRefused | CredentialUnavailable] | None = None
        self.refreshes = 0

    def at_hand(self) -> str:
        """The value of the Authorization header without waiting; empty if the caller must await `bearer`.

        A token that expires soon is renewed in the background while it is still used.
        """
        left = self._until - datetime.now(UTC)
        if left <= ENDED:
            return ""
        if left <= AHEAD and (self._ahead is None or self._ahead.done()):
            self._ahead = asyncio.create_task(self._renew_ahead())
        return self._bearer

    async def bearer(self) -> str:
        """The value of the Authorization header. Waits only if there is no valid token.

        Raises CredentialRefused or CredentialUnavailable.
        """
        return self.at_hand() or await self.renew(self._bearer)

    async def renew(self, refused: str) -> str:
        """A bearer other than `refused`. Simultaneous calls fetch one token."""
        async with self._lock:
            if self._bearer == refused:
                self._fail_again()
                await asyncio.to_thread(self._fetch)
            return self._bearer

    def _fail_again(self) -> None:
        """Raise the last failure again for a while: a batch of hundreds of messages must not call a dead endpoint for each."""
        if self._failed is not None and datetime.now(UTC) - self._failed[0] < FAILURE_HOLDS:
            raise self._failed[1]

    async def _renew_ahead(self) -> None:
        try:
            await self.renew(self._bearer)
        except (CredentialRefused, CredentialUnavailable) as error:
            # The old token is still valid; when it expires, the same error reaches the sender.
            log.warning("no new access token yet: %s", error)

    def _fetch(self) -> None:
        asked = _Asked(self._request)
        try:
            self.google.refresh(asked)
            token = _token(self.google.token)
        except Exception as error:  # noqa: BLE001  where an answer is no JSON object, google-auth fails in ways of its own
            failure = self._failure(error, asked.status)
            self._failed = (datetime.now(UTC), failure)
            raise failure from None  # google-auth's own text may quote the answer
        self._failed = None
        self.refreshes += 1
        learn(token, passing=True)
        self._bearer = f"Bearer {token}"
        expiry = self.google.expiry  # naive, UTC
        self._until = expiry.replace(tzinfo=UTC) if expiry else datetime.now(UTC) + timedelta(minutes=30)

    def _failure(self, error: Exception, status: int | None) -> CredentialRefused | CredentialUnavailable:
        """The error for a failed fetch: refused only if the endpoint answers with an OAuth error."""
        refusal = _refusal(error)
        if refusal and status is not None and 400 <= status < 500:
            return CredentialRefused(self.name, refusal)
        return CredentialUnavailable(f"{NO_TOKEN} {self.name}: {self._why(error, status)}")

    def _why(self, error: Exception, status: int | None) -> str:
        endpoint = f"the token endpoint {address(self._token_uri)}"
        proxy = next(iter(self._request.session.proxies.values()), None)
        if status == 407 and proxy:
            return f"the proxy {address(proxy)} turned the request away (407)"
        if status == 200:
            return f"{endpoint} answered with something that is no token; is there a proxy or a login page in between?"
        if status is not None:
            return f"{endpoint} answered {status}"
        if proxy and any(isinstance(one, ProxyError) for one in chain(error)):
            return f"the proxy {address(proxy)}: {of_connection(error)}"
        return f"{endpoint}: {of_connection(error)}"

    async def close(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        self._request.session.close()


class _Asked:
    """google-auth's own request with a time-out. `status` is that of the last response, None if there was none."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.status: int | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", TIMEOUT)
        self.status = None
        response = self._request(*args, **kwargs)
        self.status = response.status
        return response


def _token(value: object) -> str:
    """An access token, which google-auth accepts unchecked. Raises ValueError for a text that no header can hold."""
    if isinstance(value, str) and value and value.isascii() and value.isprintable():
        return value
    raise ValueError("no access token")


def _refusal(error: Exception) -> str:
    """The endpoint's own words if it refused the account; empty if it did not, or if the refusal is temporary."""
    answer = error.args[1] if isinstance(error, RefreshError) and len(error.args) > 1 else None
    if not isinstance(answer, Mapping) or getattr(error, "retryable", False):
        return ""
    if not answer.get("error") or not isinstance(answer["error"], str):
        return ""  # another server's JSON: an OAuth error is a word
    return redacted(f"{answer['error']}: {answer.get('error_description', '')}")[:200]

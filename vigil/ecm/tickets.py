"""The ticket: obtained once, replaced when the server rotates it, and renewed once for all calls that find it expired.

Contract: docs/contracts/ecm.md#login.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Protocol
from urllib.parse import urlsplit

from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed, Refused
from vigil.ecm.settings import ClientCredentials, Settings
from vigil.redaction import learn

HEADER = "OTCSTicket"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket and the number of its login: a rotated ticket keeps the number."""

    value: str
    login: int

    def __post_init__(self) -> None:
        learn(self.value, passing=True)

    def __repr__(self) -> str:
        return f"Ticket(login={self.login})"


class Send(Protocol):
    """Sends one request of a login with the client's own retries, its values as a form or `as_json`. No values mean GET.

    Returns the JSON and the headers of the answer. Raises Refused for credentials that are not accepted.
    """

    def __call__(
        self, url: str, values: Mapping[str, str], headers: Mapping[str, str], *, as_json: bool = False
    ) -> Awaitable[tuple[Json, Mapping[str, str]]]: ...


class Tickets:
    """Holds the current ticket of one client."""

    def __init__(self, settings: Settings, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._lock = asyncio.Lock()
        self._current: Ticket | None = None
        self._refused: Refused | None = None
        self._proven = 0  # the last login whose ticket was accepted by a call
        self._trying = asyncio.Lock()
        self._dead = ""  # the last ticket that was found to be refused for every call
        self._alive = (
            "",
            0.0,
        )  # the last that was found to work, and since when that was tried, by `time.monotonic`
        self.logins = 0

    async def current(self) -> Ticket:
        """The ticket to use now; logs in if there is none."""
        return self._current or await self.renew(None)

    async def renew(self, stale: Ticket | None) -> Ticket:
        """A ticket other than `stale`. Of many callers one logs in, the others wait for its result.

        Raises Refused, and from then on at once: a wrong password repeated by every call would lock the account.
        """
        async with self._lock:
            if self._refused is not None:
                raise self._refused
            if self._current is None or (stale is not None and self._current.value == stale.value):
                self._current = None
                try:
                    value = await self._login()
                except Refused as refused:
                    self._refused = refused
                    raise
                self.logins += 1
                self._current = Ticket(value, self.logins)
                self._dead = ""
            return self._current

    async def works(
        self, ticket: Ticket, since: float, accepts: Callable[[Ticket], Awaitable[bool | None]]
    ) -> bool | None:
        """Whether the server still takes a ticket with which a call was refused; None if that cannot be told.

        `since` is when the call was refused, by `time.monotonic`. Of many callers one asks by `accepts`, the others use its result.
        """
        async with self._trying:
            if self._current is None or self._current.value != ticket.value or self._dead == ticket.value:
                return False
            value, began = self._alive
            if value == ticket.value and began >= since:
                return True
            began = monotonic()
            found = await accepts(ticket)
            if found:
                self._alive = (ticket.value, began)
            elif found is False:
                self._dead = ticket.value
            return found

    def give_up(self, refused: Refused) -> Refused:
        """Note that the tickets of new logins are refused as well: no further call logs in."""
        self._refused = self._refused or refused
        self._current = None
        return self._refused

    def is_proven(self, ticket: Ticket) -> bool:
        """Whether a call with a ticket of this login was answered."""
        return ticket.login <= self._proven

    def prove(self, ticket: Ticket) -> None:
        """Note that a call with this ticket was answered."""
        self._proven = max(self._proven, ticket.login)

    def adopt(self, used: Ticket, offered: str | None) -> None:
        """Use the ticket that a response carried, unless a newer login has happened since that call was sent."""
        if not offered or self._current is None or self._current.login != used.login:
            return
        if offered != self._current.value:
            self._current = Ticket(offered, used.login)

    async def _login(self) -> str:
        settings = self._settings
        if settings.otds is not None:
            return await self._by_client(settings.otds)
        if settings.otds_login:
            return await self._by_user_of_otds(settings.otds_login)
        form = {"username": settings.username, "password": settings.password}
        if settings.domain:
            form["domain"] = settings.domain
        answer, _ = await self._send(f"{settings.api}/v1/auth", form, {})
        return _text(answer, "ticket", f"{settings.api}/v1/auth", "ticket")

    async def _by_client(self, otds: ClientCredentials) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": otds.client_id,
            "client_secret": otds.secret,
        }
        answer, _ = await self._send(otds.token_url, form, {})
        token = _text(answer, "access_token", otds.token_url, "access token")
        return await self._exchanged("access token", token, {"Authorization": f"Bearer {token}"})

    async def _by_user_of_otds(self, url: str) -> str:
        user = {"userName": self._settings.username, "password": self._settings.password}
        answer, _ = await self._send(url, user, {}, as_json=True)
        ticket = _text(answer, "ticket", url, "ticket")
        return await self._exchanged("ticket of OTDS", ticket, {"OTDSTicket": ticket})

    async def _exchanged(self, what: str, secret: str, headers: Mapping[str, str]) -> str:
        """The ticket of Extended ECM for what OTDS gave."""
        learn(secret, passing=True)
        _, answered = await self._send(f"{self._settings.api}/v1/auth", {}, headers)
        ticket = answered.get(HEADER)
        if not ticket:
            raise Malformed("/v1/auth", f"the {what} was accepted and no OTCSTicket header given")
        return ticket


def _text(answer: Json, key: str, url: str, what: str) -> str:
    """What a login gave. Raises Malformed if it gave none."""
    found = answer.get(key)
    if not isinstance(found, str) or not found:
        raise Malformed(urlsplit(url).path, f"the login was accepted and no {what} given")
    return found

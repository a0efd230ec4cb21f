"""Login: tickets by password, by OTDS token, their rotation and their expiry (quirks 3, 4, 5).

The service user is ``vigil`` with the password ``vigil``; each user of the estate has the login as password.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from vigil.sandbox.ecm.protocol import Caller, EcmRefusal
from vigil.sandbox.quirks import Quirks
from vigil.sandbox.world.world import World

SERVICE = "vigil"


@dataclass(slots=True)
class _Ticket:
    caller: Caller
    uses: int = 0
    rotated: bool = False
    refused: bool = False


@dataclass(slots=True)
class IssuedTickets:
    world: World
    quirks: Quirks
    seed: int = 0
    _live: dict[str, _Ticket] = field(default_factory=dict)
    _tokens: dict[str, Caller] = field(default_factory=dict)
    _issued: int = 0
    _requests: int = 0

    def login(self, name: str, password: str) -> str:
        """A new ticket. Raises Refused (401) for a wrong password, an unknown or a deleted user."""
        return self._issue(self._known(name, password))

    def token(self, client: str, secret: str) -> str:
        """An OTDS access token, or an OTDS ticket; the same names and passwords as `login`."""
        caller = self._known(client, secret)
        token = self._secret("otds")
        self._tokens[token] = caller
        return token

    def exchange(self, token: str) -> str:
        """A ticket for an OTDS token or ticket. Raises EcmRefusal (401) for one that OTDS did not give."""
        return self._issue(self.holder(token))

    def holder(self, token: str) -> Caller:
        """Whose an OTDS token or ticket is. Raises EcmRefusal (401)."""
        caller = self._tokens.get(token)
        if caller is None:
            raise EcmRefusal(401, "Authentication Required")
        return caller

    def use(self, ticket: str | None) -> tuple[Caller, str | None]:
        """Who holds the ticket, and the ticket that follows it when it rotates now. Raises Refused (401)."""
        self._requests += 1
        if self.quirks.tickets_revoked and self._requests % self.quirks.tickets_revoked == 0:
            self._live.clear()
        held = self._live.get(ticket or "")
        if held is None:
            raise EcmRefusal(401, "Authentication Required")
        if self.quirks.ticket_refused_once and not held.refused:
            held.refused = True  # quirk 41: the node that answers has not heard of it yet
            raise EcmRefusal(401, "Authentication Required")
        held.uses += 1
        if self.quirks.ticket_expires and held.uses > self.quirks.ticket_expires:
            del self._live[ticket or ""]
            raise EcmRefusal(401, "Authentication Required")
        # The old ticket goes on working until it expires: clients that miss the new one notice only then.
        if self.quirks.ticket_rotates and held.uses >= self.quirks.ticket_rotates and not held.rotated:
            held.rotated = True
            return held.caller, self._issue(held.caller)
        return held.caller, None

    def revoke(self) -> None:
        """End every ticket at once."""
        self._live.clear()

    def _known(self, name: str, password: str) -> Caller:
        if name == SERVICE and password == SERVICE:
            return Caller(None, self.world.user_id(None))
        user = self.world.estate.users.get(name)
        if user is None or password != name or name in self.world.state.deleted:
            raise EcmRefusal(401, "Invalid username/password specified.")
        return Caller(name, self.world.user_id(name))

    def _issue(self, caller: Caller) -> str:
        ticket = self._secret("ticket")
        self._live[ticket] = _Ticket(caller)
        return ticket

    def _secret(self, kind: str) -> str:
        self._issued += 1
        return hashlib.sha256(f"{kind} {self.seed} {self._issued}".encode()).hexdigest()

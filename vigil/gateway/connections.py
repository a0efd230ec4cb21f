"""Limits connections and their idle times, before there is a request.

uvicorn limits the number of connections and the time between two requests, but waits for ever for a request that does not come. Here
every step of a connection has a deadline, every address has its share, and when all places are taken, the connection that has waited
longest for its own client is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from vigil.errors import BadRequest
from vigil.gateway.limits import network_of


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits of connections, and the seconds for each of their steps."""

    connections: int = 500  # in all
    of_address: int = 100  # connections of one address, and requests under way: an office shares one
    head: float = (
        10.0  # for a request's line and headers to have come, from the connection or their first byte on
    )
    exchange: float = (
        60.0  # for the whole request and its answer: who does not read the answer holds no place
    )
    idle: int = 5  # between two requests of one connection


class TrustedProxies:
    """The addresses and networks, separated by commas, whose X-Forwarded-For is trusted; ``*`` is every address.

    Their connections are not counted by address, because they carry the requests of many. Raises BadRequest for an invalid address.
    """

    def __init__(self, text: str = "") -> None:
        named = [part for part in (part.strip() for part in text.split(",")) if part]
        self._everybody = "*" in named
        self._networks = [_network(part) for part in named if part != "*"]

    def __contains__(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return self._everybody
        return self._everybody or any(parsed in network for network in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise BadRequest(
            f"trusted proxy {text!r}: an IP address, or a network without bits behind its mask, such as 10.0.0.5 or 10.1.0.0/16"
        ) from None


# uvicorn warns of each malformed request: any stranger could fill a disk with such lines. Errors are still logged.
log = logging.getLogger("vigil.gateway.connections")
log.setLevel(logging.ERROR)


class Room:
    """The places of one server. Used by its event loop only."""

    def __init__(self, patience: Patience, trusted: TrustedProxies) -> None:
        self.patience = patience
        self._trusted = trusted
        self._by_network: Counter[str] = Counter()
        self._networks: dict[Connection, str | None] = {}
        self._waiting: dict[Connection, None] = {}  # for their client; who has waited longest is first

    def admit(self, connection: Connection) -> bool:
        """Give the connection a place, in which it waits for its first request; False if there is none."""
        network = self._network(connection)
        if network is not None and self._by_network[network] >= self.patience.of_address:
            return False
        if len(self._networks) >= self.patience.connections:
            longest = next(iter(self._waiting), None)
            if longest is None:
                return False
            longest.give_up()
        self._networks[connection] = network
        self._waiting[connection] = None
        if network is not None:
            self._by_network[network] += 1
        return True

    def waits(self, connection: Connection, now: bool) -> None:
        """Record whether the connection waits for its client, or is busy and keeps its place."""
        if not now:
            self._waiting.pop(connection, None)
        elif connection in self._networks:
            self._waiting.setdefault(connection, None)

    def leave(self, connection: Connection) -> None:
        """Free the place; repeated calls do nothing."""
        self._waiting.pop(connection, None)
        network = self._networks.pop(connection, None)
        if network is not None:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def _network(self, connection: Connection) -> str | None:
        address = connection.client[0] if connection.client else ""
        return None if address in self._trusted else network_of(address)


class Connection(H11Protocol):
    """uvicorn's connection with a place in a `Room` and a deadline for each of its steps."""

    room: ClassVar[Room]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.logger = log
        self._timer: asyncio.TimerHandle | None = None
        self._timed: RequestResponseCycle | None = (
            None  # the request that the timer is for; None: the next one's head
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.room.admit(self):
            self._within(self.room.patience.head)
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._step(came=True)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._step(came=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self.room.leave(self)
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close the connection at once, whatever it is doing."""
        self._stop()
        self.room.leave(self)
        self.transport.abort()

    def _step(self, came: bool) -> None:
        """Start the deadline of the next step if the last one is done. `came`: the client has sent something."""
        cycle = self.cycle if self.cycle is not None and not self.cycle.response_complete else None
        self.room.waits(self, cycle is None or cycle.more_body)
        if cycle is not self._timed:
            self._stop()
            self._timed = cycle
            if cycle is not None:
                self._within(self.room.patience.exchange)
        # Data after a response is the head of the next request, or the rest of a refused body.
        if cycle is None and came and self._timer is None:
            self._within(self.room.patience.head)

    def _within(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self.give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol(room: Room) -> type[Connection]:
    """The connection class for uvicorn, which takes a class and passes no arguments of ours."""
    return type("ConnectionOfRoom", (Connection,), {"room": room})

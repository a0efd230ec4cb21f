"""The resources of a gateway, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vigil.delivery.identity import Verifier
from vigil.delivery.links import Links
from vigil.delivery.rendering.language import Languages
from vigil.gateway.connections import Patience
from vigil.gateway.limits import Buckets, Limit
from vigil.gateway.logins import Logins
from vigil.gateway.proving import Prover
from vigil.ledger import Ledger

PER_ADDRESS = Limit(per_minute=1200, burst=300)  # an office shares one
PER_PERSON = Limit(per_minute=60, burst=60)
LARGEST_HEAD = 16 * 1024  # bytes of a request's line and headers; a token takes two thousand
LARGEST_BODY = 16 * 1024  # bytes
SLOWEST_BODY = 10.0  # seconds in which a body must have come
PATIENCE = Patience()
PROOFS = Limit(per_minute=0.5, burst=5)  # messages to other people's devices
MOST_DEVICES = 20  # in use, of one person


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(eq=False)
class Gateway:
    """The resources of every request. `links` None: mails have no acknowledgement links, and their page does not exist.

    `prover` None: an address of another person's device stays that person's.
    """

    ledger: Ledger
    verifier: Verifier
    links: Links | None = None
    prover: Prover | None = None
    clock: Callable[[], datetime] = utc_now
    per_address: Limit = PER_ADDRESS
    per_person: Limit = PER_PERSON
    patience: Patience = PATIENCE
    origins: tuple[str, ...] = ()  # of web apps that may call from a browser
    templates: Path = Path("templates")  # whose locale/ has the page's languages

    def __post_init__(self) -> None:
        self.logins = Logins(self.ledger)
        self.people = Buckets(self.per_person)
        self.proofs = Buckets(PROOFS)
        self.addresses = Buckets(self.per_address)
        self.languages = Languages(self.templates / "locale")

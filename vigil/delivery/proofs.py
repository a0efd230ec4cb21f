"""Proofs that a caller has a device whose address belongs to another person: signed, sent to the address, and returned by its app.

A proof is for one person and for the state of the device when that person asked: it becomes invalid when the device changes hands, or
its previous person's app refreshes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hmac import compare_digest

from itsdangerous import BadData

from vigil.delivery.signing import serializer
from vigil.ledger.people.registrations import Held

LIFE = timedelta(minutes=10)
SALT = "vigil.device"


class Proofs:
    """Makes and reads proofs. `secrets` are those of the links (`vigil.delivery.links`). Raises WeakSecret."""

    def __init__(
        self, secrets: Sequence[str], clock: Callable[[], datetime] = partial(datetime.now, UTC)
    ) -> None:
        self._signer = serializer(secrets, SALT, clock)

    def proof(self, person: str, held: Held) -> str:
        """The proof that the device must return to become the person's."""
        return str(self._signer.dumps(_digest(person, held)))

    def proves(self, proof: str, person: str, held: Held) -> bool:
        """Whether this proof was recently sent to this device for this person."""
        try:
            said = self._signer.loads(proof, max_age=int(LIFE.total_seconds()))
        except BadData:
            return False
        return isinstance(said, str) and compare_digest(said.encode(), _digest(person, held).encode())


def _digest(person: str, held: Held) -> str:
    # The message reveals no name to its reader.
    what = repr((person, held.id, held.person, held.refreshed_at.astimezone(UTC).isoformat()))
    return hashlib.sha256(what.encode()).hexdigest()

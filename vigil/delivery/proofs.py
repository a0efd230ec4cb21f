"""Proofs that somebody holds a device whose address is another person's: signed, sent to the address, and brought back by its app.

A proof is for one person and for the device as it was when that person asked: once it has changed hands, or its old person's app has
refreshed it, the proof is worth nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hmac import compare_digest

from itsdangerous import BadData

from vigil.delivery.signing import serializer
from vigil.ledger.registrations import Held

LIFE = timedelta(minutes=10)
SALT = "vigil.device"


class Proofs:
    """Makes and reads proofs. `secrets` are those of the links (`vigil.delivery.links`). Raises WeakSecret."""

    def __init__(
        self, secrets: Sequence[str], clock: Callable[[], datetime] = partial(datetime.now, UTC)
    ) -> None:
        self._signer = serializer(secrets, SALT, clock)

    def proof(self, person: str, held: Held) -> str:
        """What the device has to bring back to become the person's."""
        return str(self._signer.dumps(_digest(person, held)))

    def proves(self, proof: str, person: str, held: Held) -> bool:
        """Whether that was sent to this device for this person, not long ago."""
        try:
            said = self._signer.loads(proof, max_age=int(LIFE.total_seconds()))
        except BadData:
            return False
        return isinstance(said, str) and compare_digest(said.encode(), _digest(person, held).encode())


def _digest(person: str, held: Held) -> str:
    # Whoever reads the message learns nobody's name from it.
    what = repr((person, held.id, held.person, held.refreshed_at.astimezone(UTC).isoformat()))
    return hashlib.sha256(what.encode()).hexdigest()

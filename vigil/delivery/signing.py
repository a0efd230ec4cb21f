"""Signs small values with a time and an HMAC, for links and proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from vigil.delivery.errors import DeliveryError
from vigil.redaction import learn

SHORTEST_SECRET = 32  # bytes: as many as the HMAC's digest has


class WeakSecret(DeliveryError):
    """The secret is so short that signatures could be forged."""


def serializer(secrets: Sequence[str], salt: str, clock: Callable[[], datetime]) -> URLSafeTimedSerializer:
    """Signs and reads values of one purpose, named by `salt`. `secrets` are tried from the last, which signs. Raises WeakSecret."""
    for secret in secrets:
        learn(secret)
    if not secrets or any(len(s.encode()) < SHORTEST_SECRET for s in secrets):
        raise WeakSecret(
            f"the secret of the links must have at least {SHORTEST_SECRET} bytes: make one with `openssl rand -hex 32`"
        )

    class Signer(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(clock().timestamp())

    return URLSafeTimedSerializer(
        list(secrets), salt=salt, signer=Signer, signer_kwargs={"digest_method": hashlib.sha256}
    )

"""The OAuth part of the simulator: a test service account, and the token endpoint that accepts it.

Contract: docs/contracts/fcm.md#oauth. Tokens use the real clock, not the sandbox's: google-auth signs with the machine's time whatever
year the sandbox is in.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from vigil.sandbox.fcm.answers import FcmAnswer, json_answer

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MESSAGING_SCOPES = frozenset(
    {
        "https://www.googleapis.com/auth/firebase.messaging",
        "https://www.googleapis.com/auth/cloud-platform",
    }
)
GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"  # google-auth signs for it whatever token_uri
LONGEST_ASSERTION = 3600 + 300  # seconds; google-auth signs for an hour
SKEW = 60


def account_email(project: str) -> str:
    return f"vigil@{project}.iam.gserviceaccount.com"


@cache
def account_key() -> rsa.RSAPrivateKey:
    """The key of the accounts that this process writes. Making one takes longer than most tests of delivery."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def write_service_account(path: str | Path, token_uri: str, project: str) -> str:
    """Write a service-account file with the RSA key of this process, readable by its owner only; return the public key as PEM."""
    key = account_key()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    account = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": secrets.token_hex(20),
        "private_key": private.decode(),
        "client_email": account_email(project),
        "client_id": "100000000000000000001",
        "auth_uri": token_uri,
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
    target = Path(path)
    target.touch(mode=0o600, exist_ok=True)
    target.chmod(0o600)
    target.write_bytes(orjson.dumps(account, option=orjson.OPT_INDENT_2))
    return public.decode()


class TokenService:
    """Issues bearer tokens for assertions signed by the test account, and checks tokens.

    `lifetime` is in seconds. `now` is the machine's clock in seconds since the epoch.
    """

    def __init__(
        self,
        public_key: str,
        project: str,
        lifetime: float = 3600,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._public_key = public_key
        self._email = account_email(project)
        self._lifetime = lifetime
        self._now = now
        self._issued: dict[bytes, tuple[float, bool]] = {}  # header value -> (until, may send)
        self.count = 0

    def grant(self, body: bytes, audience: str) -> FcmAnswer:
        """POST to the token endpoint. `audience` is its own URL; the assertion names that or Google's."""
        form = parse_qs(body.decode("utf-8", "replace"))
        if form.get("grant_type") != [GRANT]:
            return _refuse("unsupported_grant_type", f"Invalid grant_type: expected {GRANT}")
        try:
            claims = jwt.decode(
                form.get("assertion", [""])[0],
                self._public_key,
                algorithms=["RS256"],
                audience=(audience, GOOGLE_AUDIENCE),
                issuer=self._email,
                leeway=SKEW,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            return _refuse("invalid_grant", f"Invalid JWT: {error}")
        if claims["exp"] - claims["iat"] > LONGEST_ASSERTION:
            return _refuse("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
        scopes = str(claims.get("scope", "")).split()
        if not scopes:
            return _refuse("invalid_scope", "Empty or missing scope not allowed.")
        return self._issue(bool(MESSAGING_SCOPES.intersection(scopes)))

    def _issue(self, may_send: bool) -> FcmAnswer:
        token = "ya29.sandbox-" + secrets.token_urlsafe(24)
        self._issued[b"Bearer " + token.encode()] = (self._now() + self._lifetime, may_send)
        self.count += 1
        value = {"access_token": token, "expires_in": int(self._lifetime), "token_type": "Bearer"}
        return json_answer(200, value)

    def check(self, header: bytes) -> bool | None:
        """True: may send. False: valid, but without the scope. None: unknown, expired or absent."""
        found = self._issued.get(header)
        if found is None or found[0] <= self._now():
            return None
        return found[1]


def allowed_locations() -> FcmAnswer:
    """google-auth's look-up of regional access boundaries: no restriction."""
    return json_answer(200, {"locations": [], "encodedLocations": "0x0"})


def _refuse(error: str, description: str) -> FcmAnswer:
    return json_answer(400, {"error": error, "error_description": description})

"""Authentication: verifies a Firebase ID token with firebase-admin, and returns the few claims that identify the person.

A token is a secret while it is valid: no error and no log contains it, and firebase-admin's own errors, which may quote it, end here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, Protocol

import firebase_admin
from firebase_admin import auth
from firebase_admin.credentials import Base
from firebase_admin.exceptions import FirebaseError
from google.auth.credentials import AnonymousCredentials

from vigil.delivery.errors import DeliveryError

EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
LOGIN_CLAIM = "ecm_login"
SKEW = 10  # seconds that the clocks of Google and of this machine may differ
KEYS_WITHIN = 10  # seconds to wait for Google's keys, in a thread
KEYS_AGAIN = 5.0  # seconds after a failure before the next request for them
LATEST = 2**63  # seconds since 1970; no token ends later
LONGEST_CLAIM = 320  # characters: an e-mail address may have so many


class InvalidToken(DeliveryError):
    """The token does not belong to this project or is not valid. The text does not say which check failed, so that a caller learns
    nothing.
    """


class KeysUnavailable(DeliveryError):
    """Google's public keys could not be fetched, so that no token can be verified now."""


class EmulatorRefused(DeliveryError):
    """The emulator's variable is set: anybody could forge a token."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The verified claims about a token's bearer. `email` is None unless Firebase has verified it; `login` is the site's own claim."""

    uid: str
    email: str | None = None
    login: str | None = None


class Verifier(Protocol):
    """Verifies tokens. Called from many threads."""

    def verify(self, token: str) -> Claims:
        """The claims of a token. Raises InvalidToken, or KeysUnavailable if it cannot be verified now."""
        ...


class _NoCredential(Base):  # type: ignore[misc]
    """Verifying needs Google's public keys and no account: the gateway holds no secret of the project."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]


class FirebaseVerifier:
    """Verifies the tokens of one Firebase project.

    `claim` is the custom claim with a person's login. Only with `emulator` it accepts the emulator's unsigned tokens; without it
    EmulatorRefused is raised if the emulator's variable is set, because firebase-admin then accepts any token.
    """

    def __init__(
        self,
        project: str,
        claim: str = LOGIN_CLAIM,
        emulator: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._claim = claim
        self._emulator = emulator
        self._clock = clock
        self._refuse_emulator()
        if emulator and not os.environ.get(EMULATOR):
            raise EmulatorRefused(
                f"the emulator was asked for and {EMULATOR} is not set: set it to its host and port"
            )
        name = f"vigil.identity.{project}.{id(self)}"  # an App of its own: names are global in firebase-admin
        options = {"projectId": project, "httpTimeout": KEYS_WITHIN}
        self._app = firebase_admin.initialize_app(_NoCredential(), options, name)
        self._no_keys_until = 0.0  # of the monotonic clock

    def verify(self, token: str) -> Claims:
        """See `Verifier.verify`. A revoked token is accepted until it expires, after an hour at most."""
        self._refuse_emulator()
        claims = self._verified(token)
        expires = claims.get("exp")  # the emulator's is not checked
        if type(expires) is not int or not self._clock() < expires + SKEW < LATEST:
            raise InvalidToken("the token was not accepted")
        return Claims(str(claims["uid"]), _verified_email(claims), _text(claims.get(self._claim)))

    def _verified(self, token: str) -> dict[str, Any]:
        if time.monotonic() < self._no_keys_until:
            raise _no_keys()
        try:
            claims: dict[str, Any] = auth.verify_id_token(token, self._app, clock_skew_seconds=SKEW)
            return claims
        except auth.CertificateFetchError:
            unavailable = True
        except FirebaseError as error:
            # Keys that are not JSON, such as a proxy's page, appear there as a fault of the token.
            unavailable = isinstance(error.cause, JSONDecodeError | UnicodeDecodeError)
        except Exception:  # noqa: BLE001  a stranger's JSON, which may have any shape and depth, meets code that expects one
            unavailable = False
        if unavailable:
            self._no_keys_until = time.monotonic() + KEYS_AGAIN
            raise _no_keys()
        raise InvalidToken("the token was not accepted")

    def close(self) -> None:
        """Delete the App."""
        firebase_admin.delete_app(self._app)

    def _refuse_emulator(self) -> None:
        if os.environ.get(EMULATOR) and not self._emulator:
            raise EmulatorRefused(
                f"{EMULATOR} is set, with which anybody can write a token: unset it, or say --emulator on a machine for tests"
            )


def _no_keys() -> KeysUnavailable:
    return KeysUnavailable(
        "Google's public keys cannot be fetched: check the network access to www.googleapis.com"
    )


def _verified_email(claims: dict[str, Any]) -> str | None:
    # Anybody can create an account with another person's address; only a verified address identifies a person.
    return _text(claims.get("email")) if claims.get("email_verified") is True else None


def _text(value: object) -> str | None:
    """A claim that may be a login or an address: no database accepts a NUL or half a surrogate pair, and no person has them."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_CLAIM and value.isprintable():
        return value
    return None


__all__ = ["Claims", "EmulatorRefused", "FirebaseVerifier", "InvalidToken", "KeysUnavailable", "Verifier"]

"""Authenticates requests. Every route below /v1 depends on `Login`, and every query is bound to that person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from vigil.delivery.identity import InvalidToken, KeysUnavailable
from vigil.gateway.errors import RequestRefused, too_many
from vigil.gateway.settings import Gateway

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A Firebase ID token")


def gateway_of(request: Request) -> Gateway:
    return cast(Gateway, request.app.state.gateway)


def person_of(
    gateway: Annotated[Gateway, Depends(gateway_of)],
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """The login of the caller. 401 without a valid token, 403 if the token matches no account, 429 after too many requests."""
    if given is None:
        raise RequestRefused(401, "no_token", "Send a Firebase ID token: Authorization: Bearer ...")
    try:
        claims = gateway.verifier.verify(given.credentials)
    except InvalidToken:
        raise RequestRefused(
            401, "bad_token", "The token was not accepted: get a new one from Firebase."
        ) from None
    except KeysUnavailable:
        raise RequestRefused(503, "unavailable", "The token cannot be verified now: try again.", 30) from None
    login = gateway.logins.of(claims)
    if login is None:
        raise RequestRefused(
            403, "unknown_person", "No account here is this token's. Its e-mail address must be verified."
        )
    wait = gateway.people.take(login)
    if wait > 0:
        raise too_many(wait)
    return login


def now_of(gateway: Annotated[Gateway, Depends(gateway_of)]) -> datetime:
    return gateway.clock()


Opened = Annotated[Gateway, Depends(gateway_of)]
Login = Annotated[str, Depends(person_of)]
Now = Annotated[datetime, Depends(now_of)]

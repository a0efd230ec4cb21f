"""The errors that a caller sees: a code for programs, a sentence for people, and no part of the request."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from vigil.errors import VigilError
from vigil.ledger import LedgerError

log = logging.getLogger("vigil.gateway")


class RefusedField(BaseModel):
    """One refused place of a request."""

    model_config = ConfigDict(frozen=True)

    where: str = Field(description="Such as body.platform")
    message: str


class ApiError(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(frozen=True)

    error: str = Field(description="A code that does not change")
    message: str = Field(description="What to do, for people")
    faults: list[RefusedField] = []


class RequestRefused(VigilError):
    """Ends a request with `status` and a Problem."""

    def __init__(self, status: int, error: str, message: str, retry_after: float | None = None) -> None:
        self.status, self.error, self.retry_after = status, error, retry_after
        super().__init__(message)


def not_found() -> RequestRefused:
    """The one answer for a missing object and for one of another person."""
    return RequestRefused(404, "not_found", "There is nothing of yours here.")


def too_many(wait: float) -> RequestRefused:
    return RequestRefused(429, "too_many_requests", "Too many requests: wait as Retry-After says.", wait)


def answer(status: int, problem: ApiError, retry_after: float | None = None) -> JSONResponse:
    """A Problem as a response, with the headers of its status."""
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return JSONResponse(problem.model_dump(), status, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: these statuses come with a Problem."""
    said = {
        401: "No token, or one that is not accepted",
        403: "The token's person is not known here",
        404: "Not there, or not yours",
        408: "The body came too slowly",
        409: "Would be too many devices, or the address is another person's",
        413: "The body is too large",
        422: "Not as the schema says",
        429: "Too many requests; Retry-After says when",
        503: "The ledger or Google's keys cannot be reached now",
    }
    return {status: {"model": ApiError, "description": said[status]} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error in one form."""
    app.add_exception_handler(RequestRefused, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(LedgerError, _ledger)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestRefused)
    return answer(error.status, ApiError(error=error.error, message=str(error)), error.retry_after)


async def _http(request: Request, error: Exception) -> JSONResponse:
    """Errors of the router: an unknown path, a method that a path does not have, an undecodable body."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return answer(422, ApiError(error="invalid", message="The body is not JSON."))
    codes = {404: "no_such_path", 405: "no_such_method"}
    problem = ApiError(error=codes.get(error.status_code, "refused"), message=str(error.detail))
    made = answer(error.status_code, problem)
    made.headers.update(error.headers or {})
    return made


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """The places where a request violates the schema. The request's values are not repeated: one may be an address."""
    assert isinstance(error, RequestValidationError)
    faults = [
        RefusedField(where=".".join(map(str, e["loc"])), message=_sentence(e)) for e in error.errors()[:20]
    ]
    problem = ApiError(error="invalid", message="The request is not as the schema says.", faults=faults)
    return answer(422, problem)


def _sentence(error: dict[str, Any]) -> str:
    # A message of ours names what is allowed; pydantic's about text that is no JSON quotes some of it.
    return "The body is not JSON." if error["type"] == "json_invalid" else str(error["msg"])


async def _ledger(request: Request, error: Exception) -> JSONResponse:
    log.error("%s", error)
    return answer(503, ApiError(error="unavailable", message="The ledger cannot be reached: try again."), 5)

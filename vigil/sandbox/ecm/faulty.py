"""Faulty responses: HTML, proxies, cut connections, wrong lengths (quirks 8, 9, 10, 25)."""

from __future__ import annotations

import asyncio
from html import escape

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.ecm.site import SimulatedEcm

_PAGE = b"<html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
_PAGES = (b"Error Processing Request", b"Content Server Client Error")
_PROXY = {"502": b"502 Bad Gateway", "503": b"503 Service Unavailable", "504": b"504 Gateway Time-out"}


async def faulty(request: Request, response: Response, what: str, seconds: float) -> Response:
    """The response sent instead of `response`; the request itself was executed."""
    match what:
        case "echo":
            error = f"An internal error occurred: {await _quoted(request)}"
            return Response(orjson.dumps({"error": error}), 500, media_type="application/json")
        case "echo_html":
            return _html(500, escape(f"Failed: {await _quoted(request)}").encode())
        case "echo_text":
            return Response(f"Failed: {await _quoted(request)}", 500, media_type="text/plain")
        case "slow":
            await asyncio.sleep(seconds)
            return response
        case "cut":
            return Truncated(response.body, promised=len(response.body), sent=len(response.body) // 2)
        case "short":
            return Truncated(response.body, promised=len(response.body) + 64, sent=len(response.body))
        case "malformed":
            return Response(response.body[: len(response.body) // 2], 200, media_type="application/json")
        case "html_200":
            return _html(200, b"Content Server")
        case "html_500":
            return _html(500, _PAGES[len(request.url.path) % len(_PAGES)])
        case "try_again":
            return _html(500, b"An error occurred. Please try again.")
        case "502" | "503" | "504":
            return _html(int(what), _PROXY[what])
    messages = {"400": "The request could not be carried out.", "401": "Authentication Required",
                "404": "Not found.", "500": "An internal error occurred."}  # fmt: skip
    return Response(orjson.dumps({"error": messages[what]}), int(what), media_type="application/json")


def refusal(
    site: SimulatedEcm,
    refused: EcmRefusal,
    headers: dict[str, str] | None = None,
    *,
    suppressed: bool = False,
) -> Response:
    """A refusal in ECM's own words. Quirk 44: with details, or as a 200 that says its status (`suppressed`: as the caller wished)."""
    body: Json = {"error": refused.message}
    if site.quirks.error_details:
        body["errorDetail"] = refused.message
    status = refused.status
    if suppressed or site.quirks.codes_in_200:
        body["statusCode"], status = refused.status, 200
    return Response(orjson.dumps(body), status, headers, "application/json")


async def _quoted(request: Request) -> str:
    """The parts of a request that an application in debug mode shows: the headers and the form."""
    sent = [f"{name}: {value}" for name, value in request.headers.items()]
    return "\n".join([*reversed(sent), (await request.body()).decode("utf-8", "replace")])


def _html(status: int, text: bytes) -> Response:
    return Response(_PAGE % (text, text), status, media_type="text/html")


class Truncated(Response):
    """A 200 that promises more bytes than it sends; the server then closes the connection."""

    def __init__(self, body: bytes | memoryview, promised: int, sent: int) -> None:
        super().__init__(bytes(body[:sent]), 200, media_type="application/json")
        self.headers["content-length"] = str(promised)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        # `more_body` and then nothing: the server finds the answer incomplete and drops the connection.
        await send({"type": "http.response.body", "body": self.body, "more_body": True})

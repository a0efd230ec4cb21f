"""Login by password and by OTDS, and the server's information about itself."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vigil.sandbox.ecm import members
from vigil.sandbox.ecm.call import Call
from vigil.sandbox.ecm.faulty import faulty, refusal
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.ecm.site import SimulatedEcm


def routes(site: SimulatedEcm, cgi: str) -> list[Route]:
    """The endpoints that need no ticket. OTDS has another base URL than ECM: here the same port without `cgi`."""

    def route(
        method: str, path: str, handle: Callable[[SimulatedEcm, Request], Awaitable[Response]]
    ) -> Route:
        shown = f"{method} {path.removeprefix(f'{cgi}/api')}"

        async def answer(request: Request) -> Response:
            site.requests[shown] += 1
            fault = site.faults.pick(shown, shown, shown)
            if site.faults.latency:
                await asyncio.sleep(site.faults.latency)
            await request.body()  # a fault may quote it, and after a form was read it could not be read again
            try:
                response = await handle(site, request)
            except EcmRefusal as refused:
                response = refusal(site, refused)
            response = await faulty(request, response, *fault) if fault else response
            return site.answered(response, shown)

        return Route(path, answer, methods=[method])

    return [
        route("POST", f"{cgi}/api/v1/auth", _password),
        route("GET", f"{cgi}/api/v1/auth", _bearer),
        route("POST", "/otdsws/oauth2/token", _otds),
        route("POST", "/otdsws/v1/authentication/credentials", _otds_ticket),
        route("GET", f"{cgi}/api/v1/ping", _ping),
    ]


async def _password(site: SimulatedEcm, request: Request) -> Response:
    form = await _form(request)
    for name in ("username", "password"):
        if name not in form:
            raise EcmRefusal(500, f"Argument {name} is required")
    if form.get("domain") and not site.quirks.domains:
        raise EcmRefusal(401, "Unable to login. Domain support is disabled")
    return _json({"ticket": site.tickets.login(form["username"], form["password"])})


async def _bearer(site: SimulatedEcm, request: Request) -> Response:
    """With ``Authorization: Bearer`` a ticket, in a header; with a ticket its holder."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token if scheme.lower() == "bearer" else request.headers.get("otdsticket", "")
    if token:
        caller, ticket = site.tickets.holder(token), site.tickets.exchange(token)
    else:
        ticket = request.headers.get("otcsticket", "")
        caller, _ = site.tickets.use(ticket)
    call = Call(site, caller, "/v1/auth", {}, {}, ())
    return _json(members.me(call), headers={"OTCSTicket": ticket})


async def _otds(site: SimulatedEcm, request: Request) -> Response:
    form = await _form(request)
    client, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return _json({"error": "invalid_request"}, 400)
    if form.get("grant_type") != "client_credentials":
        return _json({"error": "unsupported_grant_type"}, 400)
    try:
        token = site.tickets.token(client, secret)
    except EcmRefusal:
        return _json({"error": "invalid_client", "error_description": "Invalid client credentials"}, 401)
    return _json({"access_token": token, "token_type": "Bearer", "expires_in": 3600})


async def _otds_ticket(site: SimulatedEcm, request: Request) -> Response:
    """``{"userName", "password"}`` as JSON: an OTDS ticket, which ``GET /v1/auth`` takes as the header OTDSTicket."""
    try:
        body = orjson.loads(await request.body())
        ticket = site.tickets.token(str(body["userName"]), str(body["password"]))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return _json({"status": 400, "error": "Invalid request"}, 400)
    return _json({"token": None, "userId": body["userName"], "ticket": ticket, "resourceID": None, "failureReason": None,
                  "passwordExpirationTime": 0, "continuation": False})  # fmt: skip


async def _ping(site: SimulatedEcm, request: Request) -> Response:
    return _json(
        {
            "rest_api": [
                {"build": 1, "href": "api/v1", "version": 1},
                {"build": 1, "href": "api/v2", "version": 2},
            ]
        }
    )


def server_info(call: Call) -> Json:
    """``GET /v1/serverinfo``: version, clock, viewer; no zone. Old versions do not tell sessions."""
    world, quirks = call.site.world, call.site.quirks
    sessions = {"enabled": True, "expire_after_last_login": False, "expire_after_last_request": True,
                "session_inactivity": 7_020_000, "session_reaction_time": 180_000, "session_timeout": 7_200_000}  # fmt: skip
    old = quirks.server_version.startswith(("10.", "16."))
    return {
        "mobile": {"cs_viewer_support": False, "offline_use": True},
        "server": {
            "advanced_versioning": True,
            "character_encoding": 1,
            "current_date": world.local(int(call.site.clock("GET /v1/serverinfo").timestamp())),
            "current_locale_suffix": "_en_US",
            "language_code": "USA",
            "domain_access_enabled": quirks.domains,
            "enhanced_advanced_versioning": False,
            "languages": [
                {"default": True, "display_name": "English (United States)", "language_code": "_en_US"}
            ],
            "metadata_languages": [{"default": True, "display_name": "English", "language_code": "en"}],
            "time_zone_offset_enabled": quirks.time_zone_offset,
            "url": f"{world.estate.public_url}/cs/cs",
            "version": quirks.server_version,
        },
        **({} if old else {"sessions": sessions}),
        "viewer": {"content_suite": {"enabled": True}},
    }


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {key: str(value) for key, value in form.items()}


def _json(body: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")

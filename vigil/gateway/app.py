"""The gateway as an ASGI application."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from vigil.gateway import errors, pages, routes
from vigil.gateway.access import Opened
from vigil.gateway.models import Health
from vigil.gateway.request_limits import RequestLimits
from vigil.gateway.settings import Gateway
from vigil.ledger.observed import runs

ABOUT = """Where a person's app registers devices, reads notices, acknowledges them and says what it prefers.

Every path below /v1 takes a Firebase ID token and speaks of its person only:
what is somebody else's answers exactly as what does not exist.
"""


def create_app(gateway: Gateway) -> FastAPI:
    """The application. The caller closes the ledger and the verifier."""
    # No /docs: its pages load scripts from other hosts. The schema is at /openapi.json.
    # A redirect would use the caller's Host header, and plain HTTP behind a proxy that terminates TLS.
    app = FastAPI(
        title="Vigil gateway",
        version="1",
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    errors.install(app)
    app.include_router(routes.router)
    app.include_router(pages.router)
    app.add_api_route("/health", health, tags=["health"], responses=errors.documented(408, 413, 429, 503))
    if gateway.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(gateway.origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(RequestLimits, addresses=gateway.addresses, at_once=gateway.patience.of_address)
    return app


def health(gateway: Opened) -> Health:
    """Whether the gateway and its ledger work."""
    with gateway.ledger.read() as connection:
        runs.latest(connection, limit=1)
    return Health(status="ok")

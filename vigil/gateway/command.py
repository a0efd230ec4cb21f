"""`vigil gateway`: serves the gateway until it is stopped."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import uvicorn

from vigil.delivery.identity import FirebaseVerifier
from vigil.delivery.links import Links
from vigil.delivery.proofs import Proofs
from vigil.delivery.push.settings import FcmSettings
from vigil.gateway.app import create_app
from vigil.gateway.connections import Room, TrustedProxies, protocol
from vigil.gateway.proving import Prover
from vigil.gateway.settings import LARGEST_HEAD, PATIENCE, Gateway, utc_now
from vigil.ledger import Ledger


def serve(
    ledger: Ledger,
    project: str,
    host: str,
    port: int,
    *,
    claim: str,
    emulator: bool = False,
    link_base: str = "",
    link_secrets: Sequence[str] = (),
    origins: Sequence[str] = (),
    trusted_proxies: str = "",
    at_once: int = PATIENCE.of_address,
    fcm: FcmSettings | None = None,
    templates: Path,
) -> None:
    """Serve the gateway, and close the ledger at the end. Raises EmulatorRefused or WeakSecret before it listens.

    `trusted_proxies` are the addresses, separated by commas, whose X-Forwarded-For is trusted; `at_once` limits the connections and
    requests in progress of one address. With `fcm`, which needs secrets, a device of another person can prove that it has changed
    hands.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    links = Links(link_base or f"http://{host}:{port}", link_secrets) if link_secrets else None
    verifier = FirebaseVerifier(project, claim, emulator)
    prover = Prover(fcm, Proofs(link_secrets), utc_now) if fcm else None
    gateway = Gateway(
        ledger,
        verifier,
        links,
        prover,
        patience=replace(PATIENCE, of_address=at_once),
        origins=tuple(origins),
        templates=templates,
    )
    try:
        uvicorn.Server(server_config(gateway, host, port, trusted_proxies)).run()
    finally:
        verifier.close()
        ledger.close()


def server_config(gateway: Gateway, host: str, port: int, trusted_proxies: str = "") -> uvicorn.Config:
    """The configuration of uvicorn for the gateway."""
    # The access log contains paths, and a path may contain a link's token. `access_log` alone does not prevent added handlers.
    logging.getLogger("uvicorn.access").disabled = True
    room = Room(gateway.patience, TrustedProxies(trusted_proxies))
    return uvicorn.Config(
        create_app(gateway),
        host=host,
        port=port,
        http=protocol(room),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),  # otherwise any process on this machine could forge its address
        forwarded_allow_ips=trusted_proxies or None,
        timeout_keep_alive=gateway.patience.idle,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        timeout_graceful_shutdown=10,
    )

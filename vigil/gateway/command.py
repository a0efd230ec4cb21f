"""`vigil gateway`: serve it, until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import uvicorn

from vigil.delivery.identity import FirebaseVerifier
from vigil.delivery.links import Links
from vigil.delivery.proofs import Proofs
from vigil.delivery.settings import FcmSettings
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
    """Serve the gateway, and close the ledger in the end. Raises EmulatorRefused or WeakSecret before anything listens.

    `trusted_proxies` are the addresses, with commas between, from which X-Forwarded-For is believed; `at_once` the connections and
    requests under way of one address. With `fcm`, which needs secrets, a device that is another person's may prove that it has changed
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
    """How the gateway is served, wherever it is."""
    # It logs paths, and a path may hold a link's token. `access_log` alone does not hold where somebody adds a handler to it.
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
        proxy_headers=bool(trusted_proxies),  # else anybody on this machine could write his own address
        forwarded_allow_ips=trusted_proxies or None,
        timeout_keep_alive=gateway.patience.idle,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        timeout_graceful_shutdown=10,
    )

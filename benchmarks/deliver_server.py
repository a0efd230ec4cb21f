"""The FCM simulator in a process of its own, for benchmarks/deliver.py: one core for it, one for the client.

Usage: deliver_server.py FOLDER LATENCY_MS [tls]. Prints one line of JSON when it listens, ends with its
standard input. Plain HTTP is served by uvicorn; TLS by granian, which speaks HTTP/2 as well (certificates by
trustme, in FOLDER).
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import trustme
import uvicorn
from granian.constants import Interfaces
from granian.server.embed import Server

from vigil.sandbox.fcm.app import FcmApp, fcm_app, write_service_account
from vigil.sandbox.fcm.devices import Devices

DEVICES = 2_000
PLATFORMS = ("android", "ios", "web")


def main() -> None:
    folder, latency, tls = Path(sys.argv[1]), float(sys.argv[2]) / 1_000, "tls" in sys.argv[3:]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    account = folder / "account.json"
    app = simulator(account, url)
    app.faults.latency = latency
    ca = folder / "ca.pem"
    if tls:
        certify(folder, ca)
    threading.Thread(
        target=announce, args=(port, {"url": url, "account": str(account), "ca": str(ca)})
    ).start()
    if tls:
        server = Server(
            app,
            port=port,
            interface=Interfaces.ASGI,
            log_enabled=False,
            backlog=1_024,
            backpressure=10_000,
            ssl_cert=folder / "server.pem",
            ssl_key=folder / "server.key",
        )
        asyncio.run(server.serve())
    else:
        uvicorn.run(app, port=port, log_level="error", access_log=False, backlog=1_024)


def simulator(account: Path, url: str) -> FcmApp:
    devices = Devices(lambda: datetime.now(UTC))
    for number in range(DEVICES):
        devices.add(f"token-{number}", PLATFORMS[number % 3])
    public_key = write_service_account(account, f"{url}/token", "demo")
    return fcm_app(devices, project="demo", public_key=public_key)


def certify(folder: Path, ca: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(ca)
    certificate.private_key_pem.write_to_path(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")


def announce(port: int, where: dict[str, str]) -> None:
    """Say where the server is as soon as it takes a connection; end the process when nobody listens any more."""
    import os
    import time

    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    print(json.dumps(where), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

"""Where Google's public keys come from, on loopback: a proxy that answers for www.googleapis.com itself.

Vigil asks for the keys at Google's own address, which no setting changes; it is led here as any machine behind a proxy is, by
HTTPS_PROXY and REQUESTS_CA_BUNDLE.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

HOST = "www.googleapis.com"


class KeyServer:
    """`keys` are served, by their ids, as PEM certificates; or `body`, or another `status`; or nothing until `goes_on`."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self.tls)
        self.keys: dict[str, str] = {}
        self.body: bytes | None = None
        self.status = "200 OK"
        self.max_age = 3600
        self.asked: list[str] = []  # the first line of each request
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.url = ""

    def answer(self, head: str) -> bytes:
        self.asked.append(head.partition("\r\n")[0])
        self.goes_on.wait(30)
        body = json.dumps(self.keys).encode() if self.body is None else self.body
        top = f"HTTP/1.1 {self.status}\r\nContent-Type: application/json\r\nCache-Control: max-age={self.max_age}"
        top += f"\r\nDate: {formatdate(usegmt=True)}"  # without it nothing is kept
        return f"{top}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@contextmanager
def key_server(folder: Path) -> Iterator[KeyServer]:
    """A running one."""
    keys = KeyServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.path != f"{HOST}:443":
                self.send_error(403)
                return
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.close_connection = True
            with keys.tls.wrap_socket(self.connection, server_side=True) as inside:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += inside.recv(65536)
                inside.sendall(keys.answer(head.decode()))

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the client is gone

        def log_message(self, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    keys.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield keys
    finally:
        keys.goes_on.set()
        server.shutdown()
        server.server_close()

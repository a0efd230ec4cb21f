"""deploy/nginx.conf as it is, but for names and places, in a real nginx before a real gateway."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.gateway.conftest import Api, bearer, entry
from tests.shared import PROJECT, absent
from tests.support.ports import closed_port
from vigil.gateway.limits import Limit
from vigil.gateway.settings import LARGEST_BODY

pytestmark = pytest.mark.slow
MAIN = """
daemon off; worker_processes 1; worker_rlimit_nofile 4096; pid {folder}/nginx.pid; error_log {folder}/main.log crit; {user}
events {{ worker_connections 2048; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s; access_log off;
    include {folder}/vigil.conf;
}}
"""
HALF = b"GET /health HTTP/1.1\r\nHost: vigil.example.org\r\n"


@dataclass
class Proxied:
    """A gateway behind nginx. `port` is nginx's, `ca` whom to trust."""

    api: Api
    port: int
    ca: ssl.SSLContext
    folder: Path

    def client(self, source: str, **headers: str) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self.ca, local_address=source)
        return httpx.Client(base_url=f"https://localhost:{self.port}", headers=headers, transport=transport)

    def log(self) -> str:
        return (self.folder / "vigil.log").read_text()


def configuration(folder: Path, port: int, gateway: str) -> str:
    """The shipped file with this test's places. What is to be replaced must be there."""
    text = (PROJECT / "deploy" / "nginx.conf").read_text()
    for shipped, ours in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "server 127.0.0.1:8080": f"server {gateway}",
        "/etc/ssl/certs/vigil.pem": f"{folder}/cert.pem",
        "/etc/ssl/private/vigil.key": f"{folder}/key.pem",
        "/var/log/nginx/": f"{folder}/",
        "client_header_timeout 10s": "client_header_timeout 1s",
    }.items():
        assert shipped in text, shipped
        text = text.replace(shipped, ours)
    return text


@pytest.fixture
def proxied(opened: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        absent("there is no nginx here: apt-get install nginx-light")
    authority, issued = (ca := trustme.CA()), ca.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with ExitStack() as stack:

        def start(**changes: Any) -> Proxied:
            api: Api = stack.enter_context(opened(trusted_proxies="127.0.0.1", **changes))
            port = closed_port()
            (tmp_path / "vigil.conf").write_text(
                configuration(tmp_path, port, api.url.removeprefix("http://"))
            )
            user = "user root;" if tmp_path.owner() == "root" else ""
            (tmp_path / "nginx.conf").write_text(MAIN.format(folder=tmp_path, user=user))
            running = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
            stack.callback(running.wait, 10)
            stack.callback(running.terminate)
            deadline = time.monotonic() + 20
            while True:
                with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 1):
                    return Proxied(api, port, trust, tmp_path)
                assert running.poll() is None and time.monotonic() < deadline, "nginx did not start"
                time.sleep(0.02)

        yield start


def test_six_hundred_half_open_connections_of_one_address_shut_nobody_out(
    proxied: Callable[..., Any],
) -> None:
    site = proxied()
    with ExitStack() as stack:
        for _ in range(600):
            one = stack.enter_context(
                socket.create_connection(("127.0.0.1", site.port), 10, ("127.0.0.1", 0))
            )
            one.sendall(HALF)  # not even TLS: nginx waits for it as for a head
        for source in ("127.0.0.1", "127.0.0.2"):
            with site.client(source) as client:
                assert client.get("/health").status_code == 200


def test_a_head_that_does_not_come_through_tls_is_ended_by_nginx(proxied: Callable[..., Any]) -> None:
    site = proxied()
    plain = socket.create_connection(("127.0.0.1", site.port), 30)
    with site.ca.wrap_socket(plain, server_hostname="localhost") as one:
        one.sendall(HALF)
        with suppress(ConnectionError):
            assert one.recv(1000) == b""  # and no TimeoutError


def test_the_gateway_counts_by_the_address_of_nginx_and_not_of_the_client(
    proxied: Callable[..., Any],
) -> None:
    site = proxied(per_address=Limit(per_minute=1, burst=3))
    with site.client("127.0.0.2") as client:
        said = [
            client.get("/health", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(5)
        ]
    assert said == [200] * 3 + [429] * 2
    with site.client("127.0.0.3") as client:
        assert client.get("/health").status_code == 200


def test_nginx_passes_a_device_stops_a_large_body_and_logs_no_link(
    proxied: Callable[..., Any],
) -> None:
    site = proxied()
    (notice,) = site.api.tell(entry("ada", 1))
    token = site.api.gateway.links.token(notice)
    with site.client("127.0.0.2", **bearer("ada")) as ada:
        made = ada.post("/v1/devices", json={"address": "token-of-a-phone", "platform": "ios"})
        assert made.status_code == 201
        assert ada.post("/v1/devices", content=b"x" * (LARGEST_BODY + 1)).status_code == 413
        page = ada.get(f"/a/{token}")
        assert page.status_code == 200 and "Strict-Transport-Security" in page.headers
        assert ada.get(f"/a/{token}x").status_code == 404
    deadline = time.monotonic() + 10
    while site.log().count("/a/-") < 2:
        assert time.monotonic() < deadline, site.log()
    assert token not in "".join(p.read_text() for p in site.folder.glob("*.log"))

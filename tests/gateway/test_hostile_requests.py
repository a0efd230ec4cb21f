"""Requests that no client of ours makes, byte by byte: each is refused, none is two requests, and the gateway goes on."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.gateway.conftest import Api, bearer
from vigil.gateway.connections import Patience

WHO = bearer("ada")["Authorization"].encode()
INSIDE = b"DELETE /v1/devices/1 HTTP/1.1\r\nHost: x\r\nAuthorization: " + WHO + b"\r\n\r\n"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"POST /v1/devices HTTP/1.1", b"Host: x", b"Authorization: " + WHO, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: x", *headers]) + b"\r\n\r\n"


SENT = {
    "a length of five thousand digits": post(b"Content-Length: " + b"9" * 5000),
    "a length beyond 64 bit": post(b"Content-Length: 1" + b"0" * 30),
    "a length that is negative": post(b"Content-Length: -1"),
    "two lengths": post(b"Content-Length: 2", b"Content-Length: 9", body=b"{}" + INSIDE),
    "a length and chunks": post(
        b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + INSIDE
    ),
    "chunks by another name": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + INSIDE),
    "a chunk without end": post(b"Transfer-Encoding: chunked", body=b"F" * 5000),
    "a chunk beyond 64 bit": post(b"Transfer-Encoding: chunked", body=b"F" * 17 + b"\r\n"),
    "a compressed body": post(b"Content-Encoding: gzip", b"Content-Length: 4", body=b"\x1f\x8b\x08\x00"),
    "very deep JSON": post(b"Content-Type: application/json", b"Content-Length: 16000", body=b"[" * 16000),
    "a body that is no UTF-8": post(
        b"Content-Type: application/json", b"Content-Length: 3", body=b"\xff\xfe{"
    ),
    "a header of a hundred thousand letters": get(b"/health", b"X: " + b"y" * 100_000),
    "ten thousand headers": get(b"/health", *[b"X: y"] * 10_000),
    "a header over two lines": get(b"/health", b"X: y\r\n z: " + INSIDE),
    "NUL in a header": get(b"/health", b"X: a\x00b"),
    "no host": b"GET /v1/notices HTTP/1.1\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\n",
    "an upgrade": get(
        b"/v1/notices", b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"
    ),
    "an upgrade to HTTP/2": get(b"/v1/notices", b"Upgrade: h2c", b"Connection: Upgrade"),
    "a method of its own": b"EXPLODE /v1/notices HTTP/1.1\r\nHost: x\r\n\r\n",
    "TRACE": b"TRACE /v1/notices HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path above": get(b"/../../etc/passwd"),
    "a path above, encoded": get(b"/a/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
    "a path with NUL": get(b"/a/%00"),
    "a path that is no UTF-8": get(b"/a/%ff%fe"),
    "a path with a line in it": get(b"/a/x%0d%0aSet-Cookie:%20a=b"),
    "an invalid number": get(b"/v1/notices/%D9%A3", b"Authorization: " + WHO),
    "a token of NULs": get(b"/v1/notices", b"Authorization: Bearer \x80\x81"),
    "a token of ten thousand letters": get(b"/v1/notices", b"Authorization: Bearer " + b"e" * 10_000),
    "an invalid language": get(b"/a/x", b"Accept-Language: ../../../x;\xff,_-_@"),
    "a slash behind it": get(b"/v1/notices/"),
    "a slash behind it, and a host of one's own": b"GET /v1/notices/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a range": get(b"/a/x", b"Range: bytes=0-0,0-0,0-0"),
}


def exchange(api: Api, sent: bytes) -> bytes:
    """All that the gateway says to it until it ends the connection, as it does by itself after a second."""
    host, port = api.url.removeprefix("http://").split(":")
    said = b""
    with socket.create_connection((host, int(port)), timeout=20) as one, suppress(ConnectionError):
        one.sendall(sent)
        while some := one.recv(65536):
            said += some
    return said


def test_a_request_whose_body_breaks_off_is_not_done(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vigil.gateway")
    body = b'{"digest": true}'
    head = (
        b"PUT /v1/preferences HTTP/1.1\r\nHost: x\r\nAuthorization: "
        + WHO
        + b"\r\nContent-Length: %d\r\n\r\n"
    )
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as one:
        one.sendall(head % (len(body) + 1) + body)
    deadline = time.monotonic() + 20
    while not any(r.getMessage().startswith("PUT - 0") for r in caplog.records):
        assert time.monotonic() < deadline, "the gateway did not see that the caller left"
        time.sleep(0.01)
    assert api.of("ada").get("/v1/preferences").json()["digest"] is False


def test_a_malicious_request_is_refused_and_is_never_a_second_request(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil.gateway.request_limits.SLOWEST_BODY", 0.5)
    with opened(patience=Patience(head=1, idle=1)) as api:
        device = api.register("ada")["id"]
        with ThreadPoolExecutor(len(SENT)) as threads:
            said = dict(zip(SENT, threads.map(lambda sent: exchange(api, sent), SENT.values()), strict=True))
        found = {name: re.findall(rb"HTTP/1\.1 (\d{3})", answer) for name, answer in said.items()}
        wrong = {name: s for name, s in found.items() if len(s) != 1 or not s[0].startswith(b"4")}
        assert wrong == {}
        assert not any(b"set-cookie" in answer.lower() for answer in said.values())
        assert [d["id"] for d in api.of("ada").get("/v1/devices").json()["devices"]] == [device]

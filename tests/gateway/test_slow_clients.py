"""Who connects and says nothing, or says it slowly, shuts nobody out. Real sockets, from several loopback addresses."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.gateway.conftest import Api, bearer
from vigil.errors import BadRequest
from vigil.gateway.connections import Patience, TrustedProxies

ASK = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = ASK[:-2]
BODY = f"POST /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer('ada')['Authorization']}\r\nContent-Length: 5000\r\n\r\n"
SOON = 10.0  # seconds in which something must have happened that is due in a fraction of one


def place(api: Api) -> tuple[str, int]:
    host, port = api.url.removeprefix("http://").split(":")
    return host, int(port)


def connected(api: Api, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(place(api), timeout=SOON, source_address=(source, 0))


@contextmanager
def held(api: Api, count: int, said: bytes, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """So many connections that said something and go on waiting."""
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(connected(api, source)) for _ in range(count)]
        for one in made:
            with contextlib.suppress(ConnectionError):  # it had no place
                one.sendall(said)
        yield made


def status(api: Api, source: str) -> bytes:
    """The status of one question from `source`; empty where the connection was ended."""
    with connected(api, source) as one:
        try:
            one.sendall(ASK)
            return one.recv(1000).partition(b"\r\n")[0][9:12]
        except ConnectionError:
            return b""


def ended(one: socket.socket) -> bool:
    """Whether the server ends the connection soon, whatever it says before."""
    try:
        while one.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("said", [b"", HALF, BODY.encode()], ids=["nothing", "half a head", "no body"])
def test_six_hundred_of_one_address_that_do_not_finish_keep_nobody_else_out(api: Api, said: bytes) -> None:
    with held(api, 600, said):
        assert status(api, "127.0.0.2") == b"200"


def test_an_address_has_its_share_of_connections_and_gets_them_back(opened: Callable[..., Any]) -> None:
    with opened(patience=Patience(of_address=5)) as api:
        with held(api, 5, HALF):
            assert status(api, "127.0.0.1") == b""
            assert status(api, "127.0.0.2") == b"200"
        deadline = time.monotonic() + SOON
        while (said := status(api, "127.0.0.1")) != b"200":
            assert time.monotonic() < deadline, said


def test_when_all_places_are_taken_who_has_waited_longest_makes_room(opened: Callable[..., Any]) -> None:
    with (
        opened(patience=Patience(connections=20, of_address=10)) as api,
        held(api, 10, HALF, "127.0.0.2") as first,
        held(api, 10, HALF, "127.0.0.3") as second,
    ):
        assert status(api, "127.0.0.4") == b"200"
        assert ended(first[0])
        second[-1].sendall(b"\r\n")
        assert second[-1].recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "drips", [[b""], [HALF[:5]], [ASK, HALF[:5]]], ids=["nothing", "half a head", "half a second head"]
)
def test_a_head_that_does_not_come_is_not_waited_for(opened: Callable[..., Any], drips: list[bytes]) -> None:
    with opened(patience=Patience(head=0.3)) as api, connected(api) as one:
        for some in drips:
            one.sendall(some)
            if some == ASK:
                assert one.recv(1000).startswith(b"HTTP/1.1 200")
        assert ended(one)


def test_a_head_that_comes_byte_by_byte_has_no_more_time(opened: Callable[..., Any]) -> None:
    with opened(patience=Patience(head=0.5)) as api, connected(api) as one:
        one.settimeout(0.05)
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() < began + SOON:
                one.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not one.recv(100):
                        raise ConnectionError
        assert time.monotonic() - began < SOON


def test_a_body_that_comes_byte_by_byte_is_refused_and_its_connection_ends(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil.gateway.request_limits.SLOWEST_BODY", 0.3)
    with opened(patience=Patience(head=0.3)) as api, connected(api) as one:
        one.sendall(BODY.encode())
        one.settimeout(0.05)
        said, began = b"", time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < began + SOON:
                one.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not (some := one.recv(1000)):
                        break
                    said += some
        assert said.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < SOON


def test_who_does_not_read_the_answer_does_not_keep_a_place_for_ever(opened: Callable[..., Any]) -> None:
    with opened(patience=Patience(exchange=0.5, head=60, idle=60)) as api, socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(place(api))
        # More than all buffers on the way hold: the gateway cannot go on with its answers.
        one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 600)
        deadline = time.monotonic() + SOON
        with pytest.raises(ConnectionError):
            while time.monotonic() < deadline:
                one.sendall(b"G")
                time.sleep(0.05)


def test_a_connection_that_says_nothing_between_two_requests_is_closed(opened: Callable[..., Any]) -> None:
    with opened(patience=Patience(idle=1)) as api, connected(api) as one:
        one.sendall(ASK)
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
        assert ended(one)


def test_requests_sent_together_are_all_answered(api: Api) -> None:
    with connected(api) as one:
        one.sendall(ASK * 3)
        said = b""
        while said.count(b"HTTP/1.1 200") < 3:
            said += one.recv(65536)


@pytest.mark.parametrize("header", [b"X-Forwarded-For: 198.51.100.7", b"X: y"])
def test_a_trusted_proxy_is_not_counted_and_those_behind_it_are(
    opened: Callable[..., Any], header: bytes
) -> None:
    slow = BODY.replace("Host: x", f"Host: x\r\n{header.decode()}").encode()
    with opened(patience=Patience(of_address=3), trusted_proxies="127.0.0.1") as api, held(api, 3, slow):
        deadline = time.monotonic() + SOON
        ask = ASK.replace(b"Host: x", b"Host: x\r\n" + header)
        while (said := once(api, ask)) != b"429":
            assert said == b"200" and time.monotonic() < deadline
        assert once(api, ASK.replace(b"Host: x", b"Host: x\r\nX-Forwarded-For: 203.0.113.9")) == b"200"


def once(api: Api, ask: bytes) -> bytes:
    with connected(api) as one:
        one.sendall(ask)
        return one.recv(1000)[9:12]


def test_a_trusted_proxy_is_an_address_or_a_network() -> None:
    trusted = TrustedProxies(" 10.0.0.5, 10.1.0.0/16,::1")
    assert [a in trusted for a in ("10.0.0.5", "10.1.9.9", "::1", "10.0.0.6", "testclient", "")] == [
        True
    ] * 3 + [False] * 3
    assert "203.0.113.9" in TrustedProxies("*") and "127.0.0.1" not in TrustedProxies()
    for wrong in ("proxy.example.org", "10.0.0.5/8", "10.0.0"):
        with pytest.raises(BadRequest, match=wrong):
            TrustedProxies(wrong)

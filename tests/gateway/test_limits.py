"""How often and how much: per person, per address, and the size and the pace of a body."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.conftest import Api, bearer
from vigil.gateway.limits import Buckets, Limit, network_of
from vigil.gateway.settings import LARGEST_BODY


def test_a_person_who_asks_too_often_waits_and_others_do_not(opened: Callable[..., Any]) -> None:
    with opened(per_person=Limit(per_minute=60, burst=5)) as api:
        ada = api.of("ada")
        answers = [ada.get("/v1/preferences") for _ in range(8)]
        assert [a.status_code for a in answers[:5]] == [200] * 5
        limited = [a for a in answers if a.status_code == 429]
        assert limited and limited[0].json()["error"] == "too_many_requests"
        assert int(limited[0].headers["Retry-After"]) >= 1
        assert api.of("bob").get("/v1/preferences").status_code == 200


def test_a_person_is_counted_over_all_tokens_and_connections(opened: Callable[..., Any]) -> None:
    with opened(per_person=Limit(per_minute=1, burst=3)) as api:
        answers = [api.of("ada").get("/v1/preferences").status_code for _ in range(6)]
        assert answers == [200] * 3 + [429] * 3


def test_an_address_is_counted_before_its_token_is_looked_at(opened: Callable[..., Any]) -> None:
    with opened(per_address=Limit(per_minute=1, burst=4)) as api:
        answers = [api.anyone.get("/v1/preferences").status_code for _ in range(7)]
        assert answers == [401] * 4 + [429] * 3
        assert api.of("ada").get("/v1/preferences").status_code == 429
        assert api.anyone.get("/health").status_code == 429


def test_a_header_that_says_where_a_request_is_from_is_not_believed(opened: Callable[..., Any]) -> None:
    with opened(per_address=Limit(per_minute=1, burst=2)) as api:
        answers = [
            api.anyone.get("/health", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
            for n in range(4)
        ]
        assert answers == [200, 200, 429, 429]


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_again_at_its_rate_and_not_above_its_size() -> None:
    time = Time()
    buckets = Buckets(Limit(per_minute=60, burst=3), time)
    assert [buckets.take("ada") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("ada") == pytest.approx(1.0)
    time.now += 0.5
    assert buckets.take("ada") == pytest.approx(0.5)
    time.now += 0.5
    assert buckets.take("ada") == 0
    time.now += 3600
    assert [buckets.take("ada") > 0 for _ in range(4)] == [False, False, False, True]


def test_many_keys_do_not_fill_the_memory() -> None:
    buckets = Buckets(Limit(per_minute=60, burst=1), kept=10)
    for n in range(1000):
        assert buckets.take(f"key {n}") == 0
    assert len(buckets) == 10


def test_threads_share_a_bucket_without_giving_one_too_many() -> None:
    buckets, granted = Buckets(Limit(per_minute=0.0001, burst=50)), []

    def take() -> None:
        for _ in range(50):
            granted.append(buckets.take("ada") == 0)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(granted) == 50


def test_of_ipv6_a_household_is_counted_as_one() -> None:
    assert (
        network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    )
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("testclient") == "testclient"


def test_a_body_that_is_too_large_is_refused_stated_or_not(api: Api) -> None:
    ada = api.of("ada")
    large = b'{"address": "' + b"x" * LARGEST_BODY + b'"}'

    def stream() -> Any:
        yield from (large[i : i + 1000] for i in range(0, len(large), 1000))

    for body in (large, stream()):
        answer = ada.post("/v1/devices", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


def test_a_body_that_says_it_is_smaller_than_it_is_is_refused_by_the_server(api: Api) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    head = f"POST /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer('ada')['Authorization']}\r\nContent-Length: -5\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(head.encode())
        assert raw.recv(100).split()[1] in (b"400", b"413")


def test_a_body_that_does_not_come_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigil.gateway.request_limits.SLOWEST_BODY", 0.2)
    host, port = api.url.removeprefix("http://").split(":")
    head = f"POST /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer('ada')['Authorization']}\r\nContent-Length: 50\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(head.encode())
        assert raw.recv(100).split()[1] == b"408"

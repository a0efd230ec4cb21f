"""What becomes of a post to a webhook, over real HTTP: the table of docs/delivery.md, and what one receiver's failure costs others."""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.connect_proxy import connect_proxy
from tests.support.webhooks import NEW, OLD, post_to, settings
from vigil.compliance.channels import WEBHOOK, channel
from vigil.delivery.transport import Outgoing, Sent
from vigil.delivery.webhook import post
from vigil.delivery.webhook.outcomes import read_status
from vigil.delivery.webhook.settings import WebhookSettings
from vigil.delivery.webhook.transport import FAILURES, Webhooks
from vigil.sandbox.webhooks import LocalReceiver, Reply, Tls

QUERY = "/hooks/legal?token=of-the-group"


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    with LocalReceiver([OLD]) as running:
        yield running


async def sent(to: WebhookSettings, *batch: Outgoing) -> list[Sent]:
    async with Webhooks(to) as transport:
        return await transport.send(batch)


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


OUTCOMES = {
    200: ("accepted", "", False),
    204: ("accepted", "", False),
    301: ("retry", "WEBHOOK_301", False),
    307: ("retry", "WEBHOOK_307", False),
    400: ("rejected", "WEBHOOK_400", False),
    401: ("rejected", "WEBHOOK_401", False),
    404: ("rejected", "WEBHOOK_404", False),
    408: ("retry", "WEBHOOK_408", False),
    410: ("rejected", "WEBHOOK_410", True),
    425: ("retry", "WEBHOOK_425", False),
    429: ("retry", "WEBHOOK_429", False),
    500: ("retry", "WEBHOOK_500", False),
    502: ("unknown", "WEBHOOK_502", False),
    503: ("retry", "WEBHOOK_503", False),
    504: ("unknown", "WEBHOOK_504", False),
    599: ("retry", "WEBHOOK_599", False),
}


@pytest.mark.parametrize("status", OUTCOMES)
async def test_every_status_has_its_outcome(receiver: LocalReceiver, status: int) -> None:
    receiver.answers["/"] = [Reply(status)]
    [got] = await sent(settings(), post_to(f"{receiver.url}/"))
    assert (got.outcome, got.code, got.prune) == OUTCOMES[status]
    assert (got.status, got.attempted) == (status, True)
    assert len(receiver.shown["/"]) == (status < 300)


@pytest.mark.parametrize(
    ("said", "seconds"), [("120", 120.0), ("", 60.0), ("soon", 60.0), ("999999", 3000.0)]
)
async def test_a_429_waits_as_long_as_its_receiver_says_and_holds_that_address_alone(
    receiver: LocalReceiver, said: str, seconds: float
) -> None:
    receiver.answers["/a"] = [Reply(429, {"Retry-After": said} if said else {})]
    async with Webhooks(settings(per_host=1)) as transport:
        batch = [
            post_to(f"{receiver.url}/a"),
            post_to(f"{receiver.url}/a", key="2"),
            post_to(f"{receiver.url}/b"),
        ]
        first, held, other = await transport.send(batch)
    assert (first.code, first.retry_after) == ("WEBHOOK_429", seconds)
    assert (held.code, held.attempted) == ("HELD_DEVICE", False)
    assert held.retry_after == pytest.approx(seconds, abs=5)
    assert other.outcome == "accepted"
    assert [p.path for p in receiver.posts] == ["/a", "/b"]


def test_a_status_that_http_does_not_know_is_unknown() -> None:
    assert read_status(600, None).outcome == "unknown"


async def test_no_redirect_is_followed(receiver: LocalReceiver) -> None:
    receiver.answers["/"] = [Reply(308, {"Location": f"{receiver.url}/elsewhere"})]
    [got] = await sent(settings(), post_to(f"{receiver.url}/"))
    assert (got.outcome, [p.path for p in receiver.posts]) == ("retry", ["/"])


async def test_an_answer_that_does_not_come_is_unknown(receiver: LocalReceiver) -> None:
    receiver.answers["/late"] = [Reply(200, delay=5, takes=True)]
    receiver.answers["/cut"] = [Reply(0, takes=True)]
    late, cut = await sent(settings(timeout=0.5), *(post_to(receiver.url + p) for p in ("/late", "/cut")))
    assert (late.outcome, late.code, late.detail) == ("unknown", "TIMEOUT", "no answer in 0.5 s")
    assert (cut.outcome, cut.code) == ("unknown", "RESET")


@pytest.mark.parametrize("per_host", [1, 4, 20])
async def test_a_host_that_is_down_is_asked_a_few_times_a_batch_and_others_get_theirs(
    receiver: LocalReceiver, per_host: int
) -> None:
    down = nobody_listens()
    batch = [post_to(f"{down}/{n}") for n in range(50)] + [post_to(f"{receiver.url}/{n}") for n in range(20)]
    async with Webhooks(settings(per_host=per_host)) as transport:
        got = await transport.send(batch)
        asked = [(s.outcome, s.code, s.detail, s.attempted) for s in got[:50]]
        assert Counter(asked) == {
            ("retry", "CONNECT", "connection refused", True): FAILURES,
            ("retry", "HELD_HOST", "", False): 50 - FAILURES,
        }
        assert {s.outcome for s in got[50:]} == {"accepted"}
        [again] = await transport.send(batch[:1])
    assert again.detail == "connection refused", "the next batch asks anew"


async def test_a_silent_host_costs_a_batch_no_more_than_a_few_time_outs(receiver: LocalReceiver) -> None:
    receiver.answers["/"] = [Reply(200, delay=5)] * 100
    started = time.monotonic()
    got = await sent(
        settings(timeout=0.5, per_host=2), *[post_to(f"{receiver.url}/", key=str(n)) for n in range(100)]
    )
    assert time.monotonic() - started < 5, "100 time-outs would be 25 s"
    assert {s.outcome for s in got} == {"unknown", "retry"}
    assert sum(s.outcome == "unknown" for s in got) == FAILURES


async def test_a_host_that_answers_again_gets_all_of_its_posts(receiver: LocalReceiver) -> None:
    receiver.answers["/"] = [Reply(0), Reply(0)]
    batch = [post_to(f"{receiver.url}/", key=str(n)) for n in range(40)]
    got = await sent(settings(per_host=4), *batch)
    assert Counter(s.code for s in got) == {"": 38, "RESET": 2}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hooks.example.org/legal",
        "ftp://hooks.example.org/legal",
        "http://hooks.example.org/legal",
        "http://127.0.0.1.example.org/",
        "https://ada:hidden@hooks.example.org/",
        "https://@hooks.example.org/",
        "https:///legal",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:99999/",
        "https://[::1/",
        "https://[::1%25eth0]/",
        "https://[v1.a]/",
        "https://hooks.example.org\\legal",
        "https://hooks.example.org/\\legal",
        "https://hooks..example.org/",
        "https://" + "a" * 64 + ".example.org/",
        "https://hooks%2eexample.org/",
        "https://xn--a/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nX: y",
        "https://hooks.example.org/ä",
        "https://hooks.example.org/" + "a" * 2000,
    ],
)
async def test_what_is_no_address_of_a_webhook_is_rejected_and_not_quoted(
    receiver: LocalReceiver, address: str
) -> None:
    bad, good = await sent(settings(), post_to(address), post_to(f"{receiver.url}/"))
    assert (bad.outcome, bad.code, bad.status) == ("rejected", "INVALID_ADDRESS", None)
    assert not address or address not in bad.detail
    assert "hidden" not in bad.detail
    assert good.outcome == "accepted", "a poison message costs its neighbours nothing"


async def test_an_address_that_only_its_reading_refuses_costs_others_nothing(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "channel", lambda name: replace(channel(name), fault=lambda address: ""))
    for address in ("https://hooks.example.org\\legal", "https://xn--a/", "https://[::1/", "/legal"):
        bad, good = await sent(settings(), post_to(address), post_to(f"{receiver.url}/"))
        assert (bad.outcome, bad.code, good.outcome) == ("rejected", "INVALID_ADDRESS", "accepted"), address
        assert address not in bad.detail


_HOSTS = st.text("aZ0.-_%[]:@\\<>|*,;~x", max_size=12) | st.sampled_from(
    ("[::1]", "[fe80::1%1]", "[1::2::3]", "xn--", "xn--a", "xn--ls8h.la", "a..b", "a" * 64, "a.")
)
_ENDS = st.text('/\\?#%:@[]a|^{}"<>', max_size=12) | st.text(max_size=12)
_ADDRESSES = st.builds("{}{}{}".format, st.sampled_from(("https://", "http://", "HTTPS:")), _HOSTS, _ENDS)


@given(_ADDRESSES)
@example("https://hooks.example.org\\ada")
@example("https://hooks.example.org/a|b?c={d}")
def test_no_address_that_is_let_in_is_one_that_cannot_be_read(address: str) -> None:
    if channel(WEBHOOK).fault(address):
        return
    url = post.address(post_to(address))
    assert url.origin().host and url.host and url.raw_host and url.port and url.raw_path_qs
    url.raw_host.encode("idna")  # as the look-up of a host does
    assert post.address(post_to(str(url))) == url


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.org",
        "https://hooks.example.org:8443/a|b/~c?d=%20&e={f}#g",
        "https://HOOKS_1.example.org./",
        "https://xn--ls8h.la/",
        "https://[2001:db8::1]:8443/",
        "http://[::1]/",
        "http://localhost:5000/",
    ],
)
def test_what_is_an_address_of_a_webhook_is_let_in(address: str) -> None:
    assert channel(WEBHOOK).fault(address) == ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": "half a pair \ud800"}, "INVALID_TEXT"),
        ({"link": "javascript:alert(1)"}, "INVALID_LINK"),
        ({"data": {"workspace": "x"}}, "INVALID_DATA"),
    ],
)
async def test_a_poison_message_is_rejected(
    receiver: LocalReceiver, changes: dict[str, object], code: str
) -> None:
    [got] = await sent(settings(), post_to(f"{receiver.url}/", **changes))
    assert (got.outcome, got.code, receiver.posts) == ("rejected", code, [])


async def test_what_is_unforeseen_is_unknown_and_neither_address_nor_secret_is_logged(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def fails(*arguments: object) -> object:
        raise RuntimeError(f"{receiver.url}{QUERY} {OLD}")

    monkeypatch.setattr("vigil.delivery.webhook.post.headers", fails)
    [got] = await sent(settings(), post_to(receiver.url + QUERY))
    assert (got.outcome, got.code, got.detail) == ("unknown", "UNFORESEEN", "RuntimeError")
    assert "RuntimeError" in caplog.text
    assert "of-the-group" not in caplog.text and OLD not in caplog.text


@pytest.mark.parametrize("status", [0, 200, 301, 404, 410, 429, 500, 502])
async def test_neither_secret_nor_query_is_in_a_log_or_an_outcome(
    receiver: LocalReceiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    where = settings(OLD, NEW)
    receiver.answers[QUERY] = [Reply(status, {"Location": "/x?token=of-the-group"})]
    out = post_to(receiver.url + QUERY)
    got = await sent(where, out)
    said = f"{caplog.text} {got!r} {where!r} {out!r}"
    assert receiver.posts[0].path == QUERY
    for hidden in ("of-the-group", OLD, NEW, OLD.removeprefix("whsec_")):
        assert hidden not in said


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[LocalReceiver, str]]:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    ca, key, certificate = (str(tmp_path / name) for name in ("ca.pem", "key.pem", "cert.pem"))
    authority.cert_pem.write_to_path(ca)
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(certificate)
    with LocalReceiver([OLD], tls=Tls(certificate, key)) as running:
        yield running, ca


async def test_a_private_certificate_authority_is_trusted_where_it_is_named(
    secure: tuple[LocalReceiver, str],
) -> None:
    receiver, ca = secure
    [unknown] = await sent(settings(), post_to(f"{receiver.url}/"))
    assert (unknown.outcome, unknown.code, receiver.posts) == ("retry", "CERTIFICATE", [])
    [trusted] = await sent(settings(ca_file=ca), post_to(f"{receiver.url}/"))
    assert (trusted.outcome, len(receiver.shown["/"])) == ("accepted", 1)


async def test_a_proxy_is_used_with_its_login_and_its_refusal_is_named(
    secure: tuple[LocalReceiver, str],
) -> None:
    receiver, ca = secure
    async with connect_proxy("me:hidden") as proxy:
        login = proxy.url.replace("http://", "http://me:hidden@")
        [through] = await sent(settings(ca_file=ca, proxy=login), post_to(f"{receiver.url}/"))
        assert (through.outcome, len(proxy.seen)) == ("accepted", 1)
        [refused] = await sent(settings(ca_file=ca, proxy=proxy.url), post_to(f"{receiver.url}/"))
    assert (refused.outcome, refused.code, refused.detail) == ("retry", "PROXY", "it answered 407")
    [gone] = await sent(settings(ca_file=ca, proxy=nobody_listens()), post_to(f"{receiver.url}/"))
    assert (gone.outcome, gone.code) == ("retry", "PROXY")
    assert len(receiver.posts) == 1

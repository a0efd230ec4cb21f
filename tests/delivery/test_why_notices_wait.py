"""A notice that waits says why: what FCM, the mail server, the token endpoint or the proxy said to its last try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.delivery_bench import DeliveryBench, opened
from tests.support.mail_server import settings as smtp
from tests.support.ports import closed_port
from tests.support.samples import T0, entry, words
from vigil.delivery import causes
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.push import credentials
from vigil.delivery.push.settings import FcmSettings
from vigil.ledger.outbox import counts
from vigil.ledger.outbox.counts import Waiting
from vigil.ledger.people import mailboxes
from vigil.sandbox.fcm.local import LocalFcm

ACCOUNT = "no access token for service account vigil@demo.iam.gserviceaccount.com"


@pytest.fixture
def bench(
    tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeliveryBench]:
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda seconds: None)
    with opened("sqlite", tmp_path, fcm, settings, "ada") as made:
        yield made


def waiting(bench: DeliveryBench) -> Waiting:
    with bench.ledger.read() as connection:
        return counts.waiting(connection, bench.now)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unavailable", "FCM answered 503 UNAVAILABLE: The service is currently unavailable"),
        ("internal", "FCM answered 500 INTERNAL: Internal error encountered"),
        ("quota", "FCM answered 429 QUOTA_EXCEEDED: "),
        ("html", "a proxy or firewall in between answered 502"),
        ("reset_before", "the connection to FCM was cut"),
        ("malformed", "the answer of FCM could not be read: 200 without a message name"),
    ],
)
async def test_what_fcm_answered_is_kept_with_the_row(bench: DeliveryBench, fault: str, said: str) -> None:
    bench.queue(entry(1), entry(2))
    bench.fcm.faults.add(fault)
    await bench.deliver()
    assert [s for s, _ in bench.states()] == ["queued", "queued"]
    (cause,) = waiting(bench).causes
    assert cause.startswith(said)
    assert waiting(bench).causes == {cause: 2}
    bench.fcm.faults.clear()
    bench.later(minutes=5)
    await bench.deliver()
    assert bench.states() == [("sent", "")] * 2
    assert waiting(bench) == Waiting()


async def test_where_fcm_cannot_be_reached_the_row_says_how(bench: DeliveryBench) -> None:
    bench.queue()
    await bench.deliver(endpoint=f"http://127.0.0.1:{closed_port()}")
    assert bench.row["reason"] == "no connection to FCM: connection refused"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unavailable", "answered 503"),
        ("internal", "answered 500"),
        ("html", "answered 502"),
        (
            "malformed",
            "answered with something that is no token; is there a proxy or a login page in between?",
        ),
        ("reset_before", "the connection was cut"),
    ],
)
async def test_without_a_token_nothing_was_tried_and_the_row_says_why_all_the_same(
    bench: DeliveryBench, fault: str, said: str
) -> None:
    bench.queue(entry(1), entry(2))
    bench.fcm.faults.add(fault, at="token")
    await bench.deliver()
    assert bench.attempts() == []
    (cause,) = waiting(bench).causes
    assert causes.without_credential(cause)
    assert cause.startswith(f"{ACCOUNT}: the token endpoint 127.0.0.1:") and cause.endswith(said)
    assert waiting(bench).causes == {cause: 2}, "what waits for a token does not wait"
    bench.fcm.faults.clear()
    bench.later(minutes=1)
    assert (await bench.deliver()).rows == {"sent": 2}


async def told_of(bench: DeliveryBench, **settings: Any) -> str:
    bench.queue()
    await bench.deliver(**settings)
    return str(bench.row["reason"]).removeprefix(f"{ACCOUNT}: ")


def account(bench: DeliveryBench, token_uri: str) -> dict[str, Any]:
    info = bench.settings().service_account_info
    assert isinstance(info, dict)
    return info | {"token_uri": token_uri}


async def test_a_token_endpoint_that_is_not_there_is_named(bench: DeliveryBench) -> None:
    port = closed_port()
    dead = account(bench, f"http://127.0.0.1:{port}/token")
    said = await told_of(bench, service_account_info=dead)
    assert said == f"the token endpoint 127.0.0.1:{port}: connection refused"


async def test_a_token_endpoint_that_does_not_answer_is_named(
    bench: DeliveryBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "TIMEOUT", 0.2)
    bench.fcm.faults.add("slow", at="token", seconds=2.0)
    assert (await told_of(bench)).endswith(": it did not answer in time")


async def test_a_proxy_that_is_down_is_named_without_its_login(bench: DeliveryBench) -> None:
    port = closed_port()
    said = await told_of(bench, proxy=f"http://vigil:hush@127.0.0.1:{port}")
    assert said == f"the proxy 127.0.0.1:{port}: connection refused"
    assert "hush" not in str(bench.rows())


async def test_a_refused_account_is_a_credential_that_somebody_has_to_replace(bench: DeliveryBench) -> None:
    other = account(bench, bench.settings().service_account_info["token_uri"]) | {"client_email": "who@else"}  # type: ignore[index]
    bench.queue()
    with pytest.raises(CredentialRefused) as refused:
        await bench.deliver(service_account_info=other)
    assert bench.row["reason"] == str(refused.value)
    assert bench.row["reason"].startswith("service account who@else was refused: invalid_grant")


async def test_push_and_mail_each_have_a_cause_of_their_own(bench: DeliveryBench) -> None:
    with bench.ledger.write() as connection:
        mailboxes.keep(connection, {"bert": "bert@example.org"}, T0)
    bench.fcm.faults.add("unavailable")
    bench.queue(
        *(entry(n) for n in range(3)), entry(3, person="bert", message=words("k", channels=("email",)))
    )
    bench.mail = smtp(closed_port())
    await bench.deliver()
    assert causes.sentences(waiting(bench).causes) == [
        "FCM answered 503 UNAVAILABLE: The service is currently unavailable (3 of 4)",
        "no connection to the mail server: connection refused (1)",
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, []),
        ({"FCM answered 503: a": 3}, ["FCM answered 503: a"]),
        ({"FCM answered 503: a": 1, "FCM answered 503: b": 2}, ["FCM answered 503: b"]),
        (
            {"FCM answered 503: a": 32, "no connection to FCM: connection refused": 1_008},
            ["no connection to FCM: connection refused (1,008 of 1,040)", "FCM answered 503: a (32)"],
        ),
        ({"": 2}, ["their last try was made before causes were kept"]),
    ],
)
def test_the_commonest_cause_comes_first_and_those_alike_are_one(
    found: dict[str, int], said: list[str]
) -> None:
    assert causes.sentences(found) == said


async def test_what_waits_for_the_rate_of_a_device_is_slowed_and_nothing_else(bench: DeliveryBench) -> None:
    bench.queue(*(entry(n) for n in range(3)))
    await bench.deliver(device_per_minute=2)
    (cause,) = waiting(bench).causes
    assert causes.slowed(cause) and not causes.slowed("FCM answered 503 UNAVAILABLE")


async def test_rows_of_another_run_are_counted_as_its_own(bench: DeliveryBench) -> None:
    bench.queue(entry(1), entry(2))
    done = await bench.deliver()
    assert done.ended == {(1, "sent"): 2}

"""firebase-admin itself, unchanged, on the simulator: it was made from the contract and not from our client.

firebase-admin has no setting for another server, so its service URLs are patched; nothing else is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import firebase_admin
import pytest
from firebase_admin import credentials, exceptions, messaging

from vigil.sandbox.fcm.local import LocalFcm

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def fcm(tmp_path: Path) -> Iterator[LocalFcm]:
    with LocalFcm(tmp_path) as running:
        for token in ("tok-1", "tok-2", "with/slash:and colon".replace(" ", "-")):
            running.devices.add(token, "android")
        yield running


@pytest.fixture
def app(fcm: LocalFcm, monkeypatch: pytest.MonkeyPatch) -> Iterator[firebase_admin.App]:
    service = messaging._MessagingService
    monkeypatch.setattr(service, "FCM_URL", fcm.url + "/v1/projects/{0}/messages:send")
    monkeypatch.setattr(service, "IID_URL", fcm.url)
    made = firebase_admin.initialize_app(credentials.Certificate(str(fcm.account)), name="unchanged")
    found = messaging._get_messaging_service(made)
    found._fcm_topic_url = f"{fcm.url}/v1/projects/{fcm.project}/registrations"
    yield made
    firebase_admin.delete_app(made)


def notice(token: str, title: str = "T") -> messaging.Message:
    return messaging.Message(token=token, notification=messaging.Notification(title, "B"))


def test_send_and_a_dry_run(fcm: LocalFcm, app: firebase_admin.App) -> None:
    assert messaging.send(notice("tok-1"), app=app).startswith("projects/demo/messages/")
    assert messaging.send(notice("tok-1"), dry_run=True, app=app)
    assert len(fcm.devices.show("tok-1")) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unregistered", messaging.UnregisteredError),
        ("sender_mismatch", messaging.SenderIdMismatchError),
        ("quota", messaging.QuotaExceededError),
        ("third_party_auth", messaging.ThirdPartyAuthError),
        ("invalid", exceptions.InvalidArgumentError),
    ],
)
def test_each_error_becomes_the_class_that_its_users_know(
    fcm: LocalFcm, app: firebase_admin.App, kind: str, error: type[Exception]
) -> None:
    fcm.faults.add(kind)
    with pytest.raises(error):
        messaging.send(notice("tok-1"), app=app)


def test_send_each_has_a_result_for_each(fcm: LocalFcm, app: firebase_admin.App) -> None:
    answer = messaging.send_each([notice("tok-1"), notice("nobody"), notice("tok-2")], app=app)
    assert [r.success for r in answer.responses] == [True, False, True]
    assert isinstance(answer.responses[1].exception, messaging.UnregisteredError)
    assert len(fcm.devices.show("tok-2")) == 1


def test_send_each_async_over_http_1(fcm: LocalFcm, app: firebase_admin.App) -> None:
    async def run() -> messaging.BatchResponse:
        try:
            return await messaging.send_each_async([notice("tok-1")] * 20, dry_run=False, app=app)
        finally:  # its client must be closed in the loop that used it, or deleting the App raises
            await messaging._get_messaging_service(app)._async_client.aclose()

    answer = asyncio.run(run())
    assert answer.success_count == 20
    assert len(fcm.devices.received("tok-1")) == 20


def test_topics_by_the_newer_interface(fcm: LocalFcm, app: firebase_admin.App) -> None:
    slashed = "with/slash:and-colon"
    answer = messaging.subscribe_to_topic(["tok-1", "nobody", slashed], "legal", app=app)
    assert (answer.success_count, answer.failure_count) == (2, 1)
    assert [(e.index, e.reason) for e in answer.errors] == [(1, "UNREGISTERED")]
    assert messaging.subscribe_to_topic("tok-1", "legal", app=app).success_count == 1, "twice is no error"
    messaging.send(messaging.Message(topic="legal", notification=messaging.Notification("T")), app=app)
    assert len(fcm.devices.show("tok-1")) == len(fcm.devices.show(slashed)) == 1
    assert messaging.unsubscribe_from_topic(["tok-1", slashed], "legal", app=app).success_count == 2
    assert fcm.app.topics.members("legal") == ()


def test_topics_by_the_instance_id_service(fcm: LocalFcm, app: firebase_admin.App) -> None:
    answer = messaging.subscribe_to_topic_legacy(["tok-1", "nobody", "tok-2"], "legal", app=app)
    assert [(e.index, e.reason) for e in answer.errors] == [(1, "NOT_FOUND")]
    assert fcm.app.topics.members("legal") == ("tok-1", "tok-2")
    assert messaging.unsubscribe_from_topic_legacy(["tok-1", "tok-2"], "legal", app=app).success_count == 2
    assert fcm.app.topics.members("legal") == ()

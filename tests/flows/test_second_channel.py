"""A whole `watch` with a mail server and with what people asked for: who has no device gets a mail, who sleeps is let sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from threading import Thread
from typing import Any

import pytest

from tests.flows.conftest import Watched
from tests.shared import PROJECT
from tests.support.mail_server import Inbox, serving
from tests.support.webhooks import OLD, hook
from vigil.delivery.links import Links
from vigil.ledger.outbox import acknowledgements
from vigil.ledger.people import devices, preferences
from vigil.ledger.people.preferences import Preferences
from vigil.rulefiles import read_rules
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.sandbox.webhooks import LocalReceiver
from vigil.service.why import about_person

SECRET = "0123456789abcdef0123456789abcdef"
GATEWAY = "https://vigil.example.org"


@contextmanager
def mail_server() -> Iterator[tuple[Inbox, int]]:
    """A mail server in a loop of its own, for flows run theirs."""
    inbox, loop = Inbox(), asyncio.new_event_loop()
    port: Future[int] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(inbox) as number:
            port.set_result(number)
            await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        yield inbox, port.result(10)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def with_mail(watched: Watched, port: int) -> Watched:
    """The same world, whose site has a mail server."""
    watched.settings["smtp"] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "Vigil <vigil@example.org>",
        "gateway": GATEWAY,
        "link_secrets": SECRET,
    }
    return watched


@pytest.fixture
def mail() -> Iterator[tuple[Inbox, int]]:
    with mail_server() as running:
        yield running


@pytest.fixture
def mailing(watched: Watched, mail: tuple[Inbox, int]) -> Watched:
    return with_mail(watched, mail[1])


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Iterator[tuple[Watched, Inbox]]:
    """A week with a mail server, once for all tests that only look at what became of it."""
    folder = tmp_path_factory.mktemp("mailed")
    made = generate(folder / "estate")
    with SandboxProcess(made.folder, start=made.start) as sandbox, mail_server() as (inbox, port):
        watched = with_mail(Watched(folder, sandbox, made, PROJECT / "rules"), port)
        week(watched)
        yield watched, inbox


def week(watched: Watched) -> None:
    """The first look, and then what the estate holds up to its end."""
    watched.watch(watched.made.start)
    assert watched.watch(watched.made.end).is_completed()


def without_device(watched: Watched) -> set[str]:
    return {u.login for u in watched.estate.users.values() if not u.devices and not u.deleted}


def test_who_has_no_device_gets_a_mail_and_who_has_one_gets_a_push(mailed: tuple[Watched, Inbox]) -> None:
    watched, inbox = mailed
    rows = watched.rows()
    lonely = without_device(watched)
    by_mail = [r for r in rows if r["person"] in lonely and r["state"] == "sent"]
    assert by_mail, "nobody without a device was to be told: the estate proves nothing"
    assert not [r for r in rows if r["state"] == "no_device"]
    assert sorted(m["Message-ID"] for _, m in inbox.received) == sorted(
        f"<{r['message'].key}@example.org>" for r in by_mail
    )
    emails = {u.email for u in watched.estate.users.values() if u.login in lonely}
    assert {to for to, _ in inbox.received} <= emails
    assert watched.received() >= len([r for r in rows if r["state"] == "sent"]) - len(by_mail)


def test_a_mail_links_to_its_item_and_to_an_acknowledgement_in_the_ledger(
    mailed: tuple[Watched, Inbox],
) -> None:
    watched, inbox = mailed
    _, first = inbox.received[0]
    row = next(r for r in watched.rows() if f"<{r['message'].key}@example.org>" == first["Message-ID"])
    plain, html = (p.get_content() for p in first.iter_parts())
    assert row["message"].link in plain and row["message"].title in plain
    assert row["message"].mail["body"].split("\n")[0] in html
    token = next(line for line in plain.splitlines() if line.startswith(f"{GATEWAY}/a/")).rpartition("/")[2]
    # The flow's clock stands in the estate's time, and so does the link's.
    links = Links(GATEWAY, [SECRET], clock=lambda: watched.made.end)
    assert links.read(token) == row["id"]
    with watched.ledger.write() as connection:
        assert acknowledgements.acknowledge(connection, row["id"], row["person"], datetime.now(UTC), "link")
    told = [t for t in about_person(watched.ledger, row["person"]).told if t.acknowledged]
    assert [t.row["id"] for t in told] == [row["id"]]
    assert any("email" in a.device for a in told[0].attempts)


def test_a_second_watch_mails_nothing_again_and_attempts_are_in_the_same_table(
    mailed: tuple[Watched, Inbox],
) -> None:
    watched, inbox = mailed
    mails, rows = len(inbox.received), watched.told()
    watched.watch(watched.made.end)
    assert len(inbox.received) == mails > 0
    assert watched.told() == rows


def test_a_mail_server_that_is_away_is_tried_again_and_costs_no_push(
    mailing: Watched, mail: tuple[Inbox, int]
) -> None:
    inbox, _ = mail
    emails = [u.email for u in mailing.estate.users.values() if u.email]
    inbox.rcpt = {email: ["451 4.3.0 later"] * 50 for email in emails}
    mailing.past(0)
    mailing.watch(mailing.made.end)
    waiting = [r for r in mailing.rows() if r["state"] == "queued"]
    assert waiting and {r["person"] for r in waiting} <= without_device(mailing)
    assert mailing.received() > 10
    inbox.rcpt = {}
    assert mailing.watch(mailing.made.end + timedelta(minutes=10)).is_completed()
    assert not [r for r in mailing.rows() if r["state"] == "queued"]
    assert len(inbox.received) == len(waiting)


def test_who_wants_mail_first_gets_it_although_a_device_is_there(
    mailing: Watched, mail: tuple[Inbox, int]
) -> None:
    inbox, _ = mail
    with_device = {u.login: u.email for u in mailing.estate.users.values() if u.devices and u.email}
    with mailing.ledger.write() as connection:
        for login in with_device:
            preferences.keep(connection, login, Preferences(channels=("email", "push")), mailing.made.start)
    week(mailing)
    assert mailing.received() == 0
    assert {to for to, _ in inbox.received} & set(with_device.values())


def test_without_a_mail_server_no_device_stays_as_it_is(watched: Watched) -> None:
    week(watched)
    with watched.ledger.read() as connection:
        kinds = {
            d.address_kind
            for some in devices.of_people(connection, list(watched.estate.users)).values()
            for d in some
        }
    assert "email" not in kinds
    assert {r["person"] for r in watched.rows() if r["state"] == "no_device"} <= without_device(watched)
    assert [r for r in watched.rows() if r["state"] == "no_device"]
    assert not any(r["message"].channels or r["message"].mail for r in watched.rows())


def set_for_all(watched: Watched, wanted: Preferences) -> None:
    with watched.ledger.write() as connection:
        for login in watched.estate.users:
            preferences.keep(connection, login, wanted, watched.made.start)


def test_quiet_hours_hold_a_notice_until_they_end_and_then_it_goes(watched: Watched) -> None:
    at = watched.made.end.astimezone(UTC)
    begin, end = at - timedelta(hours=1), at + timedelta(hours=2)
    set_for_all(watched, Preferences(time(begin.hour), time(end.hour), zone="UTC"))
    watched.watch(watched.made.start)
    held = watched.watch(at)
    assert held.is_completed()
    queued = [r for r in waiting(watched) if r["as_of"] == at]
    ends = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    assert queued and {r["due_at"] for r in queued} == {ends}
    received = watched.received()
    watched.watch(ends - timedelta(minutes=1))
    assert watched.received() == received
    assert watched.watch(ends).is_completed()
    assert watched.received() > received
    assert not waiting(watched)


def waiting(watched: Watched) -> list[dict[str, Any]]:
    """What is queued, but for rules that have quiet hours of their own, which end later."""
    own = {rule.name for rule in read_rules(watched.what.rules) if rule.quiet}
    return [r for r in watched.rows() if r["state"] == "queued" and r["rule"] not in own]


def test_the_language_that_a_person_asked_for_is_spoken(watched: Watched) -> None:
    set_for_all(watched, Preferences(language="de"))
    week(watched)
    bodies = [r["message"].body for r in watched.rows() if r["message"].has_words]
    assert len([b for b in bodies if "Öffnen" in b]) > 20
    assert not [b for b in bodies if "Open it" in b]


def test_a_group_with_a_webhook_gets_one_signed_post_its_members_none(
    watched: Watched,
) -> None:
    names = sorted({g for u in watched.estate.users.values() for g in u.groups})
    with LocalReceiver([OLD]) as receiver:
        watched.settings["webhook"] = {"secrets": OLD}
        with watched.ledger.write() as connection:
            hooks = [hook(f"group:{name}", f"{receiver.url}/{n}") for n, name in enumerate(names)]
            devices.register(connection, hooks, watched.made.start)
        week(watched)
        posted = [r for r in watched.rows() if r["person"].startswith("group:") and r["state"] == "sent"]
        assert posted, "no group was to be told: the estate proves nothing"
        shown = {id for some in receiver.shown.values() for id in some}
        assert shown == {r["message"].key for r in posted}
        assert all(post.verified for post in receiver.posts)
        assert len(receiver.posts) == len(shown)
    assert OLD not in str(watched.rows())

"""What becomes of a mail: the four outcomes, against a real SMTP server and against one that breaks."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import SecretStr

from tests.support.mail_server import Breaking, Inbox, breaking, serving, settings
from tests.support.outgoing import mail_to
from vigil.delivery.codes import HELD_CREDENTIAL
from vigil.delivery.email.settings import BadSmtpSettings, SmtpSettings
from vigil.delivery.email.smtp import LATER, Smtp
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.transport import Sent


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def port(inbox: Inbox) -> AsyncIterator[int]:
    async with serving(inbox) as number:
        yield number


async def one(given: SmtpSettings, **changes: Any) -> Sent:
    async with Smtp(given) as smtp:
        (sent,) = await smtp.send([mail_to(**changes)])
    return sent


async def test_a_mail_that_the_server_took_is_accepted_and_named_by_its_message_id(
    port: int, inbox: Inbox
) -> None:
    sent = await one(settings(port))
    ((to, mail),) = inbox.received
    assert (sent.outcome, sent.status, sent.code) == ("accepted", 250, "")
    assert sent.name == mail["Message-ID"] == "<5f0c616461@example.org>"
    assert to == "ada@example.org"


async def test_a_later_of_the_server_is_a_retry_after_some_minutes(port: int, inbox: Inbox) -> None:
    inbox.rcpt["ada@example.org"] = ["450 4.2.0 greylisted"]
    sent = await one(settings(port))
    assert (sent.outcome, sent.status, sent.code, sent.retry_after) == ("retry", 450, "SMTP_450_4.2.0", LATER)
    assert (await one(settings(port))).outcome == "accepted"


@pytest.mark.parametrize("where", ["rcpt", "data"])
async def test_a_refusal_of_the_server_is_a_rejection_with_its_code_alone(
    port: int, inbox: Inbox, where: str
) -> None:
    getattr(inbox, where)["ada@example.org"] = ["550 5.1.1 ada@example.org is not known here"]
    sent = await one(settings(port))
    assert (sent.outcome, sent.status, sent.code) == ("rejected", 550, "SMTP_550_5.1.1")
    assert "ada" not in sent.detail


async def test_one_refused_mail_stops_no_other_and_costs_no_connection(port: int, inbox: Inbox) -> None:
    inbox.rcpt["bob@example.org"] = ["550 5.1.1 unknown"]
    inbox.data["cleo@example.org"] = ["452 4.3.1 full"]
    async with Smtp(settings(port, connections=1)) as smtp:
        sent = await smtp.send([mail_to(login) for login in ("ada", "bob", "cleo", "dan")])
    assert [s.outcome for s in sent] == ["accepted", "rejected", "retry", "accepted"]
    assert [to for to, _ in inbox.received] == ["ada@example.org", "dan@example.org"]
    assert len(inbox.sessions) == 1


async def test_a_connection_carries_so_many_mails_and_the_next_one_the_rest(port: int, inbox: Inbox) -> None:
    async with Smtp(settings(port, connections=1, per_connection=3)) as smtp:
        sent = await smtp.send([mail_to(f"p{n}") for n in range(8)])
    assert {s.outcome for s in sent} == {"accepted"}
    assert len(inbox.received) == 8
    assert len(inbox.sessions) == 3


@pytest.mark.parametrize(
    "address", ["", "no address", "ada@", "a\r\nRCPT TO:<eve@example.org>@x", "ä@example.org"]
)
async def test_what_is_no_address_is_rejected_and_not_quoted(port: int, inbox: Inbox, address: str) -> None:
    sent = await one(settings(port), token=address)
    assert (sent.outcome, sent.code) == ("rejected", "INVALID_ADDRESS")
    assert not address or address not in sent.detail
    assert inbox.received == []


async def test_text_that_is_none_is_rejected_and_its_neighbour_goes(port: int, inbox: Inbox) -> None:
    async with Smtp(settings(port)) as smtp:
        bad, good = await smtp.send([mail_to(title="half \ud800 a pair"), mail_to("bob")])
    assert (bad.outcome, bad.code, good.outcome) == ("rejected", "INVALID_TEXT", "accepted")


@pytest.mark.parametrize("ending", [Breaking.HANG_UP, Breaking.SILENCE])
async def test_a_connection_lost_after_the_message_is_retried_with_its_message_id(
    ending: str,
) -> None:
    async with breaking(dot=[ending]) as server:
        given = settings(server.port, timeout=0.5)
        first, second = await one(given), await one(given)
    assert (first.outcome, first.code) == ("unknown", "RESET" if ending == Breaking.HANG_UP else "TIMEOUT")
    assert second.outcome == "accepted"
    ids = [next(h for h in m.splitlines() if h.startswith("Message-ID")) for m in server.messages]
    assert len(ids) == 2 and ids[0] == ids[1]


@pytest.mark.parametrize("where", ["mail", "rcpt"])
async def test_a_connection_lost_before_the_message_is_retried_over_another(
    where: str,
) -> None:
    async with (
        breaking(**{where: [Breaking.HANG_UP]}) as server,
        Smtp(settings(server.port, connections=1)) as smtp,
    ):
        sent = await smtp.send([mail_to("ada"), mail_to("bob")])
    assert [(s.outcome, s.code) for s in sent] == [("retry", "CONNECT"), ("accepted", "")]
    assert len(server.messages) == 1


async def test_an_answer_that_is_none_of_the_protocols_may_have_been_a_yes() -> None:
    async with breaking(dot=["299 perhaps", "nonsense"]) as server:
        first = await one(settings(server.port, timeout=0.5))
        second = await one(settings(server.port, timeout=0.5))
    assert {first.outcome, second.outcome} == {"unknown"}


async def test_a_server_that_is_down_is_asked_once_a_batch() -> None:
    async with breaking() as server:
        port = server.port
    async with Smtp(settings(port, connections=1)) as smtp:
        sent = await smtp.send([mail_to(f"p{n}") for n in range(50)])
    assert {(s.outcome, s.code) for s in sent} == {("retry", "CONNECT")}
    assert len({s.ended_at for s in sent}) == 1  # one attempt to connect, told of each


async def test_a_server_that_closes_its_door_for_now_is_a_retry() -> None:
    async with breaking(ehlo=["421 4.3.2 too busy"]) as server:
        sent = await one(settings(server.port))
    assert sent.outcome == "retry"


@pytest.fixture
async def guarded(inbox: Inbox, tmp_path: Path) -> AsyncIterator[SmtpSettings]:
    """A server that wants TLS and a login; its settings, which trust its authority."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def check(
        server: object, session: object, envelope: object, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=given.password == b"right", handled=False)

    wants = {"authenticator": check, "auth_required": True, "require_starttls": True, "tls_context": context}
    async with serving(inbox, **wants) as port:
        ca = str(tmp_path / "ca.pem")
        yield settings(port, security="starttls", username="vigil", password=SecretStr("right"), ca_file=ca)


def changed(given: SmtpSettings, **changes: object) -> SmtpSettings:
    kept = {name: getattr(given, name) for name in ("port", "security", "username", "password", "ca_file")}
    return settings(**kept | changes)


async def test_a_login_over_starttls_sends(guarded: SmtpSettings, inbox: Inbox) -> None:
    assert (await one(guarded)).outcome == "accepted"
    assert len(inbox.received) == 1


async def test_a_refused_login_names_itself_and_holds_every_mail_back(
    guarded: SmtpSettings, inbox: Inbox
) -> None:
    wrong = changed(guarded, password=SecretStr("wrong-secret"))
    async with Smtp(wrong) as smtp:
        with pytest.raises(CredentialRefused, match="the login vigil at the SMTP server") as refused:
            await smtp.send([mail_to("ada"), mail_to("bob")])
    assert [(s.outcome, s.code, s.attempted) for s in refused.value.sent] == [
        ("retry", HELD_CREDENTIAL, False)
    ] * 2
    assert "wrong-secret" not in f"{refused.value} {refused.value.sent} {wrong}"
    assert inbox.received == []


async def test_a_certificate_of_another_authority_is_not_believed(
    guarded: SmtpSettings, inbox: Inbox
) -> None:
    sent = await one(changed(guarded, ca_file=None))
    assert (sent.outcome, sent.code) == ("retry", "CONNECT")
    assert inbox.received == []


async def test_a_server_without_tls_where_it_must_be_gets_no_password(port: int) -> None:
    given = settings(port, security="starttls", username="vigil", password=SecretStr("secret"))
    async with Smtp(given) as smtp:
        with pytest.raises(CredentialRefused, match="starttls"):
            await smtp.send([mail_to()])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": ""}, "host"),
        ({"sender": "Vigil"}, "sender"),
        ({"security": "ssl"}, "tls, starttls, none"),
        ({"username": "vigil"}, "password"),
        ({"host": "smtp.example.org", "username": "vigil", "password": SecretStr("x")}, "over TLS only"),
        ({"connections": 0}, "at least 1"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_to_do(changes: dict[str, object], said: str) -> None:
    with pytest.raises(BadSmtpSettings, match=said):
        settings(25, **changes)

"""Which channel a notice takes, and that the two transports behind it do not harm one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.mail_server import Inbox, serving
from tests.support.mail_server import settings as smtp
from tests.support.outgoing import mail_to, message
from vigil.compliance.channels import MAIL, PUSH
from vigil.delivery.channels import chosen, order_of
from vigil.delivery.codes import HELD_CREDENTIAL
from vigil.delivery.email.smtp import Smtp
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.router import ByAddress
from vigil.delivery.transport import Outgoing, Sent, Transport
from vigil.ledger import Ledger
from vigil.ledger.people import devices, mailboxes
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import Registered
from vigil.sandbox.fcm.local import LocalFcm


def by(push: Transport, mail: Transport) -> ByAddress:
    return ByAddress({PUSH: push, MAIL: mail})


AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PHONE = Registered(1, "ada", "tok", "token", "android")
TABLET = Registered(2, "ada", "tok2", "fid", "ios")
BOX = Registered(3, "ada", "ada <ada@example.org>", "email", "email")


@pytest.mark.parametrize(
    ("rule", "person", "registered", "expected"),
    [
        ((), (), [BOX, PHONE, TABLET], [PHONE, TABLET]),
        ((), (), [BOX], [BOX]),
        ((), (), [], []),
        ((), ("email", "push"), [PHONE, BOX], [BOX]),
        ((), ("email", "push"), [PHONE], [PHONE]),
        ((), ("email",), [PHONE], []),
        (("push",), ("email", "push"), [BOX], []),
        (("email",), ("push",), [PHONE, BOX], [BOX]),
    ],
)
def test_the_rule_decides_then_the_person_then_mail_where_there_is_no_device(
    rule: Sequence[str], person: Sequence[str], registered: list[Registered], expected: list[Registered]
) -> None:
    assert chosen(order_of(rule, person, (PUSH, MAIL)), registered) == expected


@pytest.mark.parametrize("asked", [(), ("email",), ("email", "push")])
def test_without_a_mail_server_there_is_push_alone(asked: Sequence[str]) -> None:
    assert chosen(order_of(asked, asked, (PUSH,)), [BOX, PHONE]) == [PHONE]
    assert chosen(order_of(asked, asked, (PUSH,)), [BOX]) == []


async def test_a_mixed_batch_goes_where_each_belongs_and_comes_back_in_its_order(
    fcm: LocalFcm, settings: Callable[..., FcmSettings]
) -> None:
    inbox = Inbox()
    async with serving(inbox) as port, by(FcmHttp(settings()), Smtp(smtp(port))) as transport:
        sent = await transport.send([mail_to("bob"), message("tok-ios"), mail_to("cleo"), message("tok-web")])
    assert [s.outcome for s in sent] == ["accepted"] * 4
    assert [s.name.startswith("<") for s in sent] == [True, False, True, False]
    assert sorted(to for to, _ in inbox.received) == ["bob@example.org", "cleo@example.org"]
    assert [len(fcm.devices.show(f"tok-{p}")) for p in ("android", "ios", "web")] == [0, 1, 1]


class Fails:
    """A transport that fails as a whole."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        raise self.error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


async def test_a_push_credential_that_is_refused_costs_no_mail() -> None:
    inbox = Inbox()
    async with (
        serving(inbox) as port,
        by(Fails(CredentialRefused("the key", "bad")), Smtp(smtp(port))) as transport,
    ):
        with pytest.raises(CredentialRefused, match="the key") as refused:
            await transport.send([message(), mail_to("bob"), message()])
    assert [(s.outcome, s.code) for s in refused.value.sent] == [
        ("retry", HELD_CREDENTIAL),
        ("accepted", ""),
        ("retry", HELD_CREDENTIAL),
    ]
    assert len(inbox.received) == 1


async def test_a_transport_that_breaks_makes_its_own_messages_unknown_and_no_others() -> None:
    inbox = Inbox()
    async with serving(inbox) as port, by(Fails(ValueError("a bug")), Smtp(smtp(port))) as transport:
        sent = await transport.send([mail_to("bob"), message()])
    assert [s.outcome for s in sent] == ["accepted", "unknown"]


def boxes(ledger: Ledger) -> dict[str, list[str]]:
    with ledger.read() as connection:
        found = devices.of_people(connection, ["ada", "bob"])
    return {person: [d.address for d in some] for person, some in found.items()}


def test_mailboxes_follow_extended_ecm_and_are_written_only_when_they_change(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.write() as connection:
        mailboxes.keep(connection, {"ada": "office@example.org", "bob": "office@example.org"}, AT)
        devices.register(connection, [NewDevice("ada", "tok", "android")], AT)
    assert boxes(ledger) == {"ada": ["ada <office@example.org>", "tok"], "bob": ["bob <office@example.org>"]}
    with ledger.write() as connection:
        before = connection.exec_driver_sql("SELECT total_changes()").scalar()
        mailboxes.keep(connection, {"ada": "office@example.org", "bob": "office@example.org"}, AT)
        assert connection.exec_driver_sql("SELECT total_changes()").scalar() == before
        mailboxes.keep(connection, {"ada": "ada@example.org", "bob": None}, AT)
    assert boxes(ledger) == {"ada": ["tok", "ada <ada@example.org>"]}
    ledger.close()

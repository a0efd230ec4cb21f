"""What a mail says, and that nothing in a notice becomes a header, an address or markup."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.outgoing import mail_to
from vigil.delivery.email.message import compose, mailbox, message_id, recipient
from vigil.delivery.errors import InvalidMessage

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SENDER = mailbox("Vigil <vigil@example.org>")
ACK = "https://vigil.example.org/a/token"


def sent(acknowledge: str | None = ACK, **changes: Any) -> EmailMessage:
    """The mail as it arrives."""
    out = mail_to(**changes)
    raw = bytes(compose(out, recipient(out), SENDER, acknowledge, AT))
    return message_from_bytes(raw, policy=policy.default)


def parts(mail: EmailMessage) -> tuple[str, str]:
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.iter_parts()
    return tuple(cast(EmailMessage, p).get_content().replace("\r\n", "\n") for p in (plain, html))


def test_a_mail_says_title_body_and_both_links_in_plain_text_and_html() -> None:
    mail = sent()
    plain, html = parts(mail)
    assert mail["Subject"] == "Contract ends on 31 March"
    assert mail["To"] == "ada <ada@example.org>"
    for text in ("Contract ends on 31 March", "Supply of paper, owner Ada", "Open in Extended ECM", ACK):
        assert text in plain and text in html
    assert "https://ecm.example.org/cs/cs/app/nodes/4711?a=1&b=2\n" in plain
    assert 'href="https://ecm.example.org/cs/cs/app/nodes/4711?a=1&amp;b=2"' in html


def test_without_a_gateway_there_is_no_link_to_acknowledge_by() -> None:
    assert all("I have seen it" not in part for part in parts(sent(acknowledge=None)))


def test_the_words_around_and_the_markup_are_those_the_row_was_queued_with() -> None:
    words = {
        "title": "Vertrag &amp; Co",
        "body": "<b>endet</b>",
        "open": "Öffnen",
        "seen": "Gesehen",
        "language": "de",
    }
    mail = sent(mail=words, title="Vertrag & Co", body="endet")
    plain, html = parts(mail)
    assert mail["Content-Language"] == "de"
    assert "Vertrag & Co\n\nendet\n\nÖffnen:" in plain
    assert (
        "Vertrag &amp; Co</h1>" in html
        and "<b>endet</b>" in html
        and 'lang="de"' in html
        and ">Gesehen</a>" in html
    )


def test_plain_text_that_was_queued_as_a_push_is_escaped_in_html() -> None:
    _, html = parts(sent(title="<script>alert(1)</script>", body='a "b" <i>'))
    assert "<script>" not in html and "<i>" not in html
    assert "&lt;script&gt;" in html


def test_nobodys_absence_note_answers_it_and_its_importance_is_the_notices() -> None:
    mail = sent()
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"], mail["Importance"]) == (
        "auto-generated",
        "All",
        "high",
    )
    assert sent(severity="normal")["Importance"] is None


def test_the_same_key_is_the_same_message_id_and_another_key_another() -> None:
    assert sent()["Message-ID"] == sent(title="Said again")["Message-ID"]
    assert sent()["Message-ID"] != sent(key="0123")["Message-ID"]


@given(st.text(max_size=200))
def test_any_key_gives_a_message_id_of_one_line(key: str) -> None:
    assert message_id(key.encode(errors="ignore").decode(), "example.org").count("@") == 1
    assert len(message_id(key.encode(errors="ignore").decode(), "example.org")) <= 64 + len("<@example.org>")


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_title_and_no_body_adds_a_header_or_breaks_the_mail(title: str, body: str) -> None:
    expected = set(sent().keys())
    mail = sent(title=title, body=body)
    assert set(mail.keys()) == expected
    assert mail["To"] == "ada <ada@example.org>"
    plain, html = parts(mail)
    assert ACK in plain and ACK in html


@pytest.mark.parametrize(
    "title", ["x\r\nBcc: eve@example.org", "x\nBcc: eve@example.org", "x\u2028Bcc: eve@example.org"]
)
def test_a_line_break_in_a_title_is_no_new_header(title: str) -> None:
    assert sent(title=title)["Bcc"] is None


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ada@example.org", "ada@example.org"),
        ('"Ada, L." <ada+ecm@example.org>', "ada+ecm@example.org"),
        ("ada <ada@bücher.example>", "ada@xn--bcher-kva.example"),
    ],
)
def test_addresses_are_read_as_servers_take_them(text: str, spec: str) -> None:
    assert mailbox(text).addr_spec == spec


@given(st.text(max_size=100))
def test_whatever_an_account_has_as_address_is_one_mailbox_or_refused(text: str) -> None:
    try:
        found = recipient(mail_to(token=text))
    except InvalidMessage as wrong:
        assert wrong.code == "INVALID_ADDRESS"
    else:
        assert found.addr_spec.isascii() and found.addr_spec.count("@") >= 1
        assert not any(c in found.addr_spec for c in "\r\n ")

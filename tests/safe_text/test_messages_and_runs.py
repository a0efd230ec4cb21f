"""A hostile name in a push, a mail, the ledger's row, and what Prefect keeps of a run: one line, no markup, never megabytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest

from flows.support.states import Ending, Named
from tests.support.hostile import HOSTILE, MEGABYTES, STEERING
from tests.support.outgoing import message
from tests.support.render_notices import EVENTS, TEMPLATES, event, notice
from tests.support.speaker import Speaker
from vigil.compliance import facts as f
from vigil.compliance.channels import MAIL, TextFormat
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import Event
from vigil.compliance.notices import Notice
from vigil.compliance.notify.routing import Directory, Routed
from vigil.compliance.rules.loader import load_text
from vigil.delivery.email.message import SeveralAddresses, compose, mailbox, recipient
from vigil.delivery.errors import InvalidMessage
from vigil.delivery.push.messages import PAYLOAD, encode
from vigil.delivery.rendering.render import Renderer
from vigil.ledger.values import Entry, Registered
from vigil.safe_text import LABEL, STATE, is_web_address, label, payload
from vigil.service.compose import compose_entries
from vigil.service.contacts import Contacts
from vigil.service.site import Site

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
PUSH, HTML = Renderer(TEMPLATES), Renderer(TEMPLATES, TextFormat.HTML)
SENDER = mailbox("Vigil <vigil@example.org>")
RULE = """\
rule: changed
kind: transition
subject: {workspace_type: Contract}
events: [status_changed: {field: attr.status}]
to: [user: ada]
"""
LINK = "https://ecm.example.org/cs/cs/app/nodes/4711"


def hostile_notice(text: str, kind: str = "document_added", language: str = "en") -> Notice:
    fields = {
        key: text if isinstance(value, str) and key != "kind" else value for key, value in event(kind).items()
    }
    return notice(
        event=fields,
        workspace_name=text,
        workspace_type=text,
        description=text,
        why=(text,) * 3,
        language=language,
    )


@pytest.mark.parametrize("kind", EVENTS)
def test_a_push_is_short_and_nothing_in_it_steers(kind: str) -> None:
    for what, text in HOSTILE.items():
        said = PUSH.render(hostile_notice(text, kind))
        assert not set(said.title) & STEERING, what
        assert not set(said.body) & (STEERING - {"\n"}), what
        assert len(said.body) < 10_000, what
        sent = orjson.loads(encode(message(title=said.title, body=said.body), AT))["message"]
        assert len(orjson.dumps(sent)) <= PAYLOAD + 100, what


@pytest.mark.parametrize(("language", "word"), [("en", "shortened"), ("de", "gekürzt"), ("it", "abbreviato")])
def test_a_value_that_was_shortened_says_so_in_the_language_of_its_reader(language: str, word: str) -> None:
    said = PUSH.render(hostile_notice(MEGABYTES, "comment_added", language))
    assert f"xxx… ({word})" in said.body


class Shown(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]


def mail_of(text: str, rendered: bool) -> EmailMessage:
    push, html = PUSH.render(hostile_notice(text)), HTML.render(hostile_notice(text))
    words = {"title": html.title, "body": html.body} if rendered else {}
    raw = text.encode(errors="ignore").decode()[:5_000]
    titles = {"title": push.title, "body": push.body} if rendered else {"title": raw, "body": raw}
    out = message("ada@example.org", address_kind=MAIL, link=LINK, mail=words, **titles)
    return message_from_bytes(bytes(compose(out, recipient(out), SENDER, None, AT)), policy=policy.SMTP)


@pytest.mark.parametrize("rendered", [True, False], ids=["as HTML", "as it fell from push"])
def test_a_mail_has_our_headers_our_link_and_no_markup_of_a_name(rendered: bool) -> None:
    expected = set(mail_of("Frame agreement", rendered).keys())
    for what, text in HOSTILE.items():
        mail = mail_of(text, rendered)
        assert set(mail.keys()) == expected, what
        assert [a.addr_spec for a in mail["To"].addresses] == ["ada@example.org"]
        html = mail.get_body(("html",))
        assert html is not None
        page = Shown(html.get_content())
        assert page.links == [LINK], what
        assert page.tags <= {"html", "head", "meta", "title", "body", "h1", "p", "a"}, what
        assert len(bytes(mail)) < 300_000, what


def row_of(text: str) -> Entry:
    attrs = {"Contract.status": "terminated for cause", "Contract.note": text}
    facts = Facts.of([f.Workspace(1, "Contract", text, AT, AT, attrs)])
    change: dict[str, f.Value] = {"attr": "Contract.note", "from": text, "to": text, "at": AT, "by": None}
    found = Finding("changed", 1, "o", None, AT, (text, text), Event("attribute_changed", 1, AT, "o", change))
    site = Site("https://ecm.example.org", "UTC", Path("rules"), TEMPLATES)
    rules = load_text({"rules.yaml": RULE})
    speaker = Speaker(AT, rules, site, PUSH, ("push", "email"), {TextFormat.HTML: HTML})
    registered = [
        Registered(1, "ada", "token", "token", "android"),
        Registered(2, "ada", "ada@example.org", MAIL, "any"),
    ]
    lacks = replace(Routed(found, "ada"), lacks=(text,))
    [made] = compose_entries(speaker, [lacks], facts, Directory(), Contacts({"ada": registered}))
    return made


@pytest.mark.parametrize("what", ["megabytes", "megabytes of accents", "megabytes of lines"])
def test_ten_megabytes_of_an_attribute_make_a_row_of_kilobytes(what: str) -> None:
    made = row_of(HOSTILE[what])
    assert (made.state, made.reason) == ("queued", "")
    assert len(made.message.to_json()) < 100_000


def test_name_state_and_events_of_a_run_are_short_without_control_characters() -> None:
    for what, text in HOSTILE.items():
        assert len(label(text)) <= LABEL and not set(label(text)) & STEERING, what
        state = Ending(text, text, Named.GAPS, whole=False).state()
        assert state.message is not None
        assert len(state.message) <= STATE and not set(state.message) & (STEERING - {"\n", "\t"}), what
        said = payload({"first": text, "why": [text, (text, 1)], text: {"n": 2, "none": None, "yes": True}})
        assert len(json.dumps(said)) < 20_000
        assert not set(json.dumps(said, ensure_ascii=False)) & STEERING, what
        assert [*said.values()][-1] == {"n": 2, "none": None, "yes": True}


NOT_OF_THE_WEB = (
    *(
        "",
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://x.example",
    ),
    *(
        "//evil.example",
        "https://",
        "https:/x",
        "HTTPS",
        "http://a b.example",
        "https://x\n.example",
        "https://[x",
    ),
    *(
        "https://x.example/<",
        "https://x.example:99999",
        "\x1bhttps://x.example",
        "https://x.example/" + "x" * 5_000,
    ),
)


@pytest.mark.parametrize("address", NOT_OF_THE_WEB)
def test_an_address_that_is_not_of_the_web_is_no_link(address: str) -> None:
    assert not is_web_address(address)
    if address:
        for kind, token in (("token", "tok-android"), (MAIL, "ada@example.org")):
            out = message(token, address_kind=kind, link=address)
            with pytest.raises(InvalidMessage) as refused:
                encode(out, AT) if kind == "token" else compose(out, SENDER, SENDER, None, AT)
            assert refused.value.code == "INVALID_LINK"


@pytest.mark.parametrize(
    "address", ["https://ecm.example.org", "http://127.0.0.1:8080/cs/cs", "https://[::1]:8443/x?a=1&b=%20#y"]
)
def test_an_address_of_the_web_is_a_link(address: str) -> None:
    assert is_web_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "a@x.org,b@y.org",
        "a@x.org; b@y.org",
        "Ann <a@x.org>, Bob <b@y.org>",
        "<a@x.org> <b@y.org>",
        "g: a@x.org, b@y.org;",
        "b@y.org <a@x.org>",
    ],
)
def test_several_addresses_are_refused_by_their_own_reason_and_not_cut(text: str) -> None:
    with pytest.raises(SeveralAddresses):
        mailbox(text)
    with pytest.raises(InvalidMessage) as refused:
        recipient(message(text, address_kind=MAIL))
    assert refused.value.code == "SEVERAL_ADDRESSES"


@pytest.mark.parametrize("text", ["a@x.org,", "a@x.org;", "Ann <a@x.org>", '"Doe, J" <a@x.org>'])
def test_one_address_is_one_however_it_is_written(text: str) -> None:
    assert mailbox(text).addr_spec == "a@x.org"


def test_no_text_of_the_list_is_an_address_of_several() -> None:
    for what, text in HOSTILE.items():
        try:
            found = mailbox(text)
        except ValueError:
            continue
        assert found.addr_spec.count("@") == 1, what

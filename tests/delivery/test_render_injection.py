"""What somebody writes into a name cannot change the notice around it. docs/decisions/0002."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.render_notices import EVENTS, TEMPLATES, event, notice
from vigil.compliance.channels import TextFormat
from vigil.delivery.rendering.render import Renderer
from vigil.safe_text import one_line, short

PUSH = Renderer(TEMPLATES)
HTML = Renderer(TEMPLATES, TextFormat.HTML)
NASTY = '<script>alert("1")</script> & Söhne'


def test_angle_brackets_and_ampersands_arrive_on_a_device_as_they_are() -> None:
    said = PUSH.render(notice(event=event("document_added", document=NASTY)))
    assert f"“{NASTY}”" in said.body


@pytest.mark.parametrize("language", ["en", "de", "it"])
@pytest.mark.parametrize("kind", EVENTS)
def test_no_markup_of_a_value_survives_in_html(kind: str, language: str) -> None:
    nasty = {key: NASTY if isinstance(value, str) else value for key, value in event(kind).items()}
    nasty["kind"] = kind
    said = HTML.render(notice(event=nasty, workspace_name=NASTY, workspace_type=NASTY, language=language))
    assert "<" not in said.title + said.body
    assert "&lt;script&gt;" in said.body
    assert "&amp;lt;" not in said.title + said.body, "escaped twice"


@pytest.mark.parametrize("family", ["condition", "milestone", "digest"])
def test_no_markup_of_a_rule_or_a_name_survives_in_html(family: str) -> None:
    kind = "milestone" if family == "milestone" else "condition"
    said = HTML.render(notice(kind, family=family, workspace_name=NASTY, description=NASTY, why=(NASTY,)))
    assert "<" not in said.title + said.body
    assert "&lt;script&gt;" in said.body


def test_a_line_break_in_a_name_cannot_fake_a_line_of_ours() -> None:
    said = PUSH.render(
        notice(event=event("document_added", document="a.pdf\r\nApproved.\u2028Nothing to do\x1b[31m"))
    )
    assert said.body.splitlines()[0].count("“a.pdf Approved. Nothing to do [31m”") == 1
    assert len(said.body.splitlines()) == 2


def test_a_title_is_one_line_whatever_a_name_holds() -> None:
    said = PUSH.render(notice("condition", workspace_name="A\nB\x0bC\x85D"))
    assert said.title == "To be put right: A B C D"


@pytest.mark.parametrize(
    "override", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\U000e0041\ufeff\u200b"
)
def test_an_override_or_an_invisible_character_is_removed(override: str) -> None:
    said = PUSH.render(notice(event=event("document_added", document=f"fdp{override}.exe")))
    assert "“fdp.exe”" in said.body


@pytest.mark.parametrize("word", ["👩‍👩‍👧", "می‌خواهم", "שלום\u200f!", "A\u00a0B", "é", "🇮🇹"])
def test_what_words_and_emoji_need_is_kept(word: str) -> None:
    assert word in PUSH.render(notice(event=event("document_added", document=word))).body


def test_template_syntax_in_a_value_is_only_text() -> None:
    said = PUSH.render(
        notice(event=event("document_added", document="{{ rule }} %(who)s {% if %} %s %d 100%"))
    )
    assert "“{{ rule }} %(who)s {% if %} %s %d 100%”" in said.body


def test_a_percent_sign_in_a_rules_sentence_is_only_text() -> None:
    assert "at least 50% (%s)" in PUSH.render(notice("condition", description="at least 50% (%s)")).body


@given(st.text(max_size=80))
@settings(max_examples=300)
def test_any_text_becomes_one_printable_line(text: str) -> None:
    safe = one_line(text)
    assert len(safe.splitlines()) <= 1
    assert not set(safe) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b\x7f")
    assert one_line(safe) == safe
    safe.encode("utf-8")


@given(st.text(max_size=120), st.integers(min_value=2, max_value=40))
@settings(max_examples=300)
def test_shortened_text_is_a_beginning_of_the_text(text: str, limit: int) -> None:
    made = short(text, limit)
    assert made == text or (made.endswith("…") and text.startswith(made[:-1].rstrip()))


@pytest.mark.parametrize("whole", ["👩‍👩‍👧", "🇮🇹", "e\u0301", "👍🏽"])
def test_a_cut_never_goes_through_a_character(whole: str) -> None:
    made = short(whole * 10, 5)
    assert made == whole * 4 + "…"

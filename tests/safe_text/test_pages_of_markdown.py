"""Pages for the Prefect UI, read by GitHub's own renderer: a name is text, and the only links are those that Vigil made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from flows.support import ask_guard, ask_manifest
from tests.support.accounts import AT, account, row
from tests.support.hostile import HONEST, HOSTILE, seen
from tests.support.tables import LINK, finding, findings
from vigil import safe_text
from vigil.ledger.outbox.guard_holds import GuardHold
from vigil.ledger.values import HoldState
from vigil.safe_text import Markdown, markdown
from vigil.service import account_text
from vigil.service.reports import frames, writers
from vigil.service.reports.frames import MANIFEST, About

OURS = frozenset({"p", "ul", "li", "h2", "h3", "strong", "code", "pre", "br"}) | frozenset(
    {"table", "thead", "tbody", "tr", "th", "td"}
)
OPTIONS = (
    Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
)  # a page shows HTML as it is, if there is any


class Page(HTMLParser):
    """What a browser makes of a page: its tags, where its links lead, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        # The renderer takes no half characters; neither does a request to Prefect.
        self.feed(cmarkgfm.github_flavored_markdown_to_html(text, OPTIONS))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value or "" for name, value in attrs if name == "href"]
        else:
            self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(f"comment {data}")


def summary(text: str) -> Markdown:
    row = finding(name=text, rule=text, why=text, person=text, type=text, step=text)
    return writers.summary(findings(row, finding(name=text, link=""), scope=text, site=text))


def account_page(text: str) -> Markdown:
    notices = [row("unroutable", None, lacks=[text]), row("failed", reason=text), row("unroutable", None)]
    made = account(
        *notices, numbers={text: 1}, gaps=[text], refused=[text], refused_rules=[text], unseen={4711: 2}
    )
    return account_text.page(replace(made, places={4711: text}, site=text))


def guard_question(text: str) -> Markdown:
    hold = GuardHold(
        3, text, 7, "", AT, AT + timedelta(days=1), 40, 40, 4, 9, (text, text), HoldState.WAITING
    )
    return ask_guard.question(hold, "Europe/Berlin")


def manifest_question(text: str) -> Markdown:
    found = {k: v for k, v in finding(rule=text, name=text).items() if k not in ("outcome", "since", "type")}
    found |= {
        "standing": "would be told now",
        "sends": True,
        "reason": "",
        "title": text,
        "fire_at": AT,
        "due": "",
    }
    about = About("default", "Europe/Berlin", AT, said=text)
    return ask_manifest.question(frames.frame(MANIFEST, [found | {"occurrence": "x"}], about))


PAGES: dict[str, Callable[[str], Markdown]] = {
    "paragraph": markdown,
    "item": Markdown("- {}").format,
    "behind words": Markdown("could not read {} and more").format,
    "link": lambda text: safe_text.link(text, LINK),
    "cell": lambda text: (
        safe_text.table_row([markdown("what")])
        + Markdown("\n|---|\n")
        + safe_text.table_row([markdown(text)])
    ),
    "table": lambda text: writers.markdown_of(findings(finding(name=text, why=text, person=text))),
    "summary": summary,
    "account": account_page,
    "question of a guard": guard_question,
    "question of a backfill": manifest_question,
}


@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_text_is_no_markup_no_link_and_no_picture(page: str) -> None:
    for what, text in HOSTILE.items():
        made = PAGES[page](text)
        read = Page(made)
        assert set(read.tags) <= OURS, what
        assert set(read.links) <= {LINK}, what
        assert len(made) < 60_000, what


def test_a_hostile_text_reads_as_it_would_on_a_device() -> None:
    for what, text in HOSTILE.items():
        if len(text) < safe_text.VALUE:
            assert seen(Page(markdown(text)).text) == seen(safe_text.one_line(text)), what


def test_a_page_that_takes_text_as_it_comes_would_be_noticed() -> None:
    """The renderer makes links, pictures and tags of the list: what keeps them away is Vigil."""
    noticed = {what for what, text in HOSTILE.items() if len(text) < safe_text.VALUE and trouble(text)}
    assert noticed >= {
        "bare http",
        "bare www",
        "bare ftp",
        "mail address",
        "link",
        "image",
        "image of HTML",
        "heading",
        "quote",
    }


def trouble(text: str) -> bool:
    read = Page(text.encode(errors="replace").decode())
    return bool(read.links or set(read.tags) - {"p"})


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_name_reads_as_it_was_written(name: str) -> None:
    for page in ("paragraph", "link", "cell"):
        assert seen(name) in seen(Page(PAGES[page](name)).text)
    assert re.sub("[\u2060\u200a\\\\]", "", markdown(name)) == name.replace("\\", "")


def test_what_was_shortened_says_so() -> None:
    assert Page(markdown(HOSTILE["megabytes"])).text.rstrip().endswith("x… (shortened)")


def test_a_table_keeps_its_columns_whatever_stands_in_them() -> None:
    rows = [finding(name=text, why=text) for text in HOSTILE.values()]
    read = Page(writers.markdown_of(findings(*rows), ("name", "why", "person")))
    assert (read.tags.count("tr"), read.tags.count("td")) == (len(rows) + 1, len(rows) * 3)


@pytest.mark.parametrize("text", ["```", "````\n# x", "a ``` b\n~~~", "`"])
def test_a_block_of_code_ends_where_it_ends(text: str) -> None:
    read = Page(safe_text.code_block(f"{text}\n[x](https://evil.example)") + Markdown("\n\nbehind"))
    assert (read.tags, read.links) == (["pre", "code", "p"], [])


def test_a_piece_of_markdown_is_taken_as_it_is_and_a_number_too() -> None:
    assert Markdown("**{}** {:,} {}").format("*a*", 1234, markdown("_b_")) == Markdown(
        "**{}** 1,234 {}"
    ).format("*a*", "_b_")

"""The recipient's language and zone, and what happens where either is not known."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from babel.messages.checkers import checkers
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests.support.render_notices import AT, TEMPLATES, event, notice
from vigil.compliance.facts import Value
from vigil.delivery.rendering.language import Language, Languages
from vigil.delivery.rendering.render import Renderer

LANGUAGES = Languages(TEMPLATES / "locale")
RENDERER = Renderer(TEMPLATES)


def phrases_of_templates() -> set[str]:
    found = set()
    for path in TEMPLATES.rglob("*.j2"):
        with path.open("rb") as source:
            for _, _, message, _ in babel_extract(
                source, ["_", "gettext", "ngettext"], [], {"trimmed": "true"}
            ):
                found.add(str(message[0] if isinstance(message, tuple) else message))
    return found


@pytest.mark.parametrize("tag", ["de", "it"])
def test_every_phrase_of_the_templates_is_translated_with_all_its_places(tag: str) -> None:
    with (TEMPLATES / "locale" / f"{tag}.po").open("rb") as source:
        catalogue = read_po(source, locale=tag)
    said = {(m.id[0] if m.pluralizable else m.id): m for m in catalogue if m.id}
    assert len(phrases_of_templates()) > 30
    assert phrases_of_templates() - said.keys() == set()
    assert [
        m.id
        for m in said.values()
        if not all(m.string if isinstance(m.string, list | tuple) else [m.string]) or m.fuzzy
    ] == []
    assert [(m.id, str(e)) for m in said.values() for e in m.check(catalogue)] == []
    assert checkers, "babel found no checker, so the line above checked nothing"


@pytest.mark.parametrize("tag", ["de", "it"])
def test_what_the_code_says_itself_is_translated(tag: str) -> None:
    language = LANGUAGES.of(tag)
    for word in ("yesterday", "today", "tomorrow", "yes", "no"):
        assert language.phrase(word) != word or (tag, word) == ("it", "no")


@pytest.mark.parametrize(
    ("tag", "day", "moment"),
    [
        ("en", "4 Mar 2026", "4 Mar 2026, 00:30"),
        ("en-GB", "4 Mar 2026", "4 Mar 2026, 00:30"),
        ("en-US", "Mar 4, 2026", "Mar 4, 2026, 12:30\u202fAM"),
        ("de", "04.03.2026", "04.03.2026, 00:30"),
        ("de_AT", "04.03.2026", "04.03.2026, 00:30"),
        ("it", "4 mar 2026", "4 mar 2026, 00:30"),
        ("pt-BR", "4 Mar 2026", "4 Mar 2026, 00:30"),
        ("tlh", "4 Mar 2026", "4 Mar 2026, 00:30"),
        ("", "4 Mar 2026", "4 Mar 2026, 00:30"),
    ],
)
def test_dates_are_written_as_the_language_and_its_country_write_them(
    tag: str, day: str, moment: str
) -> None:
    language = LANGUAGES.of(tag)
    assert language.day(AT, "Europe/Berlin") == day
    assert language.moment(AT, "Europe/Berlin") == moment


def test_a_language_without_a_catalogue_is_english_throughout() -> None:
    there = RENDERER.render(notice("milestone", language="fr", zone="Europe/Paris"))
    assert there == RENDERER.render(notice("milestone", language="en", zone="Europe/Paris"))


def test_a_dialect_speaks_its_languages_phrases() -> None:
    said = RENDERER.render(notice("condition", language="de-AT"))
    assert said == RENDERER.render(notice("condition", language="de"))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "UTC"])
def test_a_time_in_no_known_zone_is_written_in_utc_and_says_so(zone: str) -> None:
    body = RENDERER.render(notice(event=event("document_added"), zone=zone)).body
    assert "on 3 Mar 2026, 23:30 UTC." in body


def test_a_date_stays_the_same_day_in_every_zone() -> None:
    due = date(2026, 6, 2)
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert "2 Jun 2026" in RENDERER.render(notice("milestone", due=due, zone=zone)).body


def test_days_to_an_instant_are_counted_in_the_persons_zone() -> None:
    due = datetime(2026, 3, 4, 5, tzinfo=UTC)
    assert "Due today" in RENDERER.render(notice("milestone", due=due, zone="Europe/Berlin")).title
    assert "Due tomorrow" in RENDERER.render(notice("milestone", due=due, zone="America/New_York")).title


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "—"),
        ("", "—"),
        ((), "—"),
        (True, "sì"),
        (False, "no"),
        (12_345, "12.345"),
        (0.5, "0,5"),
        (date(2026, 3, 4), "4 mar 2026"),
        (AT, "4 mar 2026, 00:30"),
        (("a", "b", "c"), "a, b e c"),
        ("text", "text"),
    ],
)
def test_values_are_written_as_people_write_them(value: Value, said: str) -> None:
    assert LANGUAGES.of("it").value(value, "Europe/Rome") == said


def test_many_language_tags_do_not_fill_the_memory() -> None:
    languages = Languages(TEMPLATES / "locale")
    for n in range(2000):
        assert languages.of(f"x{n}") == Language.english() or languages.of(f"x{n}").name == "en_GB"
    assert len(languages._known) <= 501

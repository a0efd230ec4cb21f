"""The recipient's language and time zone: phrases from templates/locale/*.po, dates and numbers by babel.

English is the language of the templates themselves: it needs no catalogue, and every missing phrase falls back to it.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from math import inf
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from vigil.compliance.facts import Value
from vigil.errors import BadInput, Problem

log = logging.getLogger("vigil.delivery.rendering.language")

SOURCE_LANGUAGE = "en"
# Plain "en" is neutral between countries: day before month and a 24-hour clock, which nobody misreads.
_ENGLISH = Locale("en", "GB")
NOTHING = "—"
"""Shown for an unset value."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language: `locale` formats dates and numbers, `phrases` translates the templates' English."""

    name: str
    locale: Locale
    phrases: NullTranslations

    @staticmethod
    def english() -> Language:
        """The templates' own language."""
        return Language(str(_ENGLISH), _ENGLISH, NullTranslations())

    def phrase(self, text: str) -> str:
        """Words that are data, such as a rule's description, translated if the catalogue has them."""
        return self.phrases.gettext(text) if text else ""

    def day(self, value: date | datetime, zone: str | None = None) -> str:
        """A calendar day: ``2 Mar 2026``. An instant is first converted to the zone; a date stays unchanged."""
        if isinstance(value, datetime):
            value = value.astimezone(_zone(zone)).date()
        return _day(value, self.locale)

    def moment(self, value: date | datetime, zone: str | None = None) -> str:
        """An instant in the person's zone: ``2 Mar 2026, 14:05``. A date is formatted as a day."""
        if not isinstance(value, datetime):
            return self.day(value)
        return _moment(value.replace(second=0, microsecond=0), _zone(zone), self.locale)

    def from_now(self, value: date | datetime, now: datetime, zone: str | None = None) -> str:
        """The calendar days between, in words: ``in 30 days``, ``tomorrow``, ``today``, ``3 days ago``."""
        days = self.days_from(value, now, zone)
        near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
        return self.phrase(near) if near else _days(days, self.locale)

    @staticmethod
    def days_from(value: date | datetime, now: datetime, zone: str | None = None) -> int:
        """Calendar days from `now` to `value` in the person's zone; negative if it has passed."""
        here = _zone(zone)
        target = value.astimezone(here).date() if isinstance(value, datetime) else value
        return (target - now.astimezone(here).date()).days

    def value(self, value: Value, zone: str | None = None) -> str:
        """Any attribute, formatted for this language."""
        match value:
            case None | "" | ():
                return NOTHING
            case bool():
                return self.phrase("yes" if value else "no")
            case str():
                return value
            case datetime():
                return self.moment(value, zone)
            case date():
                return self.day(value, zone)
            case tuple():
                return format_list([self.value(item, zone) for item in value], locale=self.locale)
            case float():
                return format_decimal(Decimal(repr(value)), locale=self.locale)
            case _:
                return format_decimal(value, locale=self.locale)


class Languages:
    """The languages of a folder of catalogues (``de.po``, ``it.po``), and English."""

    def __init__(self, folder: Path) -> None:
        """`problems` lists invalid catalogues. They are not used: their readers get English."""
        self._catalogues: dict[str, NullTranslations] = {SOURCE_LANGUAGE: NullTranslations()}
        self._known: dict[str, Language] = {}
        self.problems: list[Problem] = []
        for path in sorted(folder.glob("*.po")):
            try:
                self._catalogues[path.stem] = _catalogue(path)
            except BadInput as wrong:
                log.warning("phrases of %s are not used: %s", path.stem, wrong)
                self.problems += wrong.problems

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._catalogues)

    def of(self, tag: str) -> Language:
        """The language of a tag such as ``de`` or ``de-AT``; English if there is no catalogue."""
        found = self._known.get(tag)
        if found is None:
            # A tag comes from a user record: its values are unbounded, the cache must not be.
            if len(self._known) > 500:
                self._known.clear()
            found = self._known[tag] = self._choose(tag)
        return found

    def _choose(self, tag: str) -> Language:
        try:
            locale = Locale.parse(tag.replace("-", "_"))
        except (ValueError, TypeError, UnknownLocaleError):
            log.info("language tag %r is not known; English is used", tag[:20])
            locale = _ENGLISH
        phrases = self._catalogues.get(locale.language)
        if phrases is None:
            # Phrases and dates use one language: an English sentence with a Portuguese date helps nobody.
            return Language.english()
        if locale.language == SOURCE_LANGUAGE and locale.territory is None:
            locale = _ENGLISH
        return Language(str(locale), locale, phrases)


def _catalogue(path: Path) -> Translations:
    """A .po file, read directly, so that no compiled catalogue can be out of date."""
    try:
        with path.open("rb") as source:
            catalogue = read_po(source, locale=path.stem, abort_invalid=True)
    except (PoFileError, ValueError) as error:  # ValueError: not UTF-8, or no language of this name
        line = error.lineno + 1 if isinstance(error, PoFileError) else 1
        raise BadInput([Problem(str(path), line, 1, f"not a catalogue of phrases: {error}")]) from error
    except OSError as error:
        raise BadInput([Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]) from error
    # A phrase with a placeholder that the template does not fill would lose every notice in that language.
    problems = [
        Problem(
            str(path), message.lineno or 1, 1, f'the translation of "{message.id}" does not fit: {reason}'
        )
        for message in catalogue
        for reason in message.check(catalogue)
    ]
    if problems:
        raise BadInput(problems)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


@lru_cache(maxsize=512)
def _zone(name: str | None) -> tzinfo:
    if name is None or name in ("UTC", "Etc/UTC", "GMT"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # An invalid zone in a user record must not lose the person's notice.
        log.warning("time zone %r is not known; times are written in UTC", name[:60])
        return UTC


@lru_cache(maxsize=8192)
def _day(value: date, locale: Locale) -> str:
    return format_date(value, "medium", locale=locale)


@lru_cache(maxsize=65536)
def _moment(value: datetime, zone: tzinfo, locale: Locale) -> str:
    local = value.astimezone(zone)
    text = f"{_day(local.date(), locale)}, {format_time(local, 'short', tzinfo=zone, locale=locale)}"
    # Readers assume their own zone for a time without one. If theirs is unknown, UTC is used, and named.
    return f"{text} UTC" if zone is UTC else text


@lru_cache(maxsize=4096)
def _days(days: int, locale: Locale) -> str:
    return format_timedelta(
        timedelta(days=days), granularity="day", threshold=inf, add_direction=True, locale=locale
    )

"""Hints for refused values: common words and places, and their equivalents in rules.

Used only after an error. Countries and their zones come from babel, subdivisions from the holidays library.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache

import holidays
from babel import Locale
from babel.core import get_global

from vigil.compliance.calendar import holiday_codes, zones
from vigil.compliance.rules.clauses import FieldLeaf
from vigil.compliance.rules.operands import show
from vigil.compliance.rules.operators import Op
from vigil.compliance.rules.vocabulary import FieldKind, nearest

_LANGUAGES = ("en", "de", "it", "fr", "es")
"""The languages whose country names are recognised."""

_NEAR = 0.75
_FEW = 3
_WORTH_GUESSING = 4  # letters
_NO_PLACE = re.compile(r"[a-z]{1,5}|(utc|gmt)?\s*[+-]?\d{1,2}(:?\d{2})?")
_GERMAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")

WORDS: Mapping[str, str] = {
    **{word: op.value for op in Op for word in op.row.also},
    **dict.fromkeys(("invalid", "outdated", "lapsed"), "expired"),
    **dict.fromkeys(("disabled", "off", "inactive"), "retired"),
    **dict.fromkeys(("enabled", "on", "active"), "live"),
    **dict.fromkeys(("urgent",), "high"),
    **dict.fromkeys(("mail",), "email"),
}
"""What other systems call an operator, a state of documents or another word that a rule takes from a list."""

_TRUTH: Mapping[str, str] = {
    **dict.fromkeys(("yes", "on", "y", "ja", "wahr"), "true"),
    **dict.fromkeys(("no", "off", "n", "nein", "falsch"), "false"),
}


def a_word(found: str, allowed: Sequence[str]) -> str:
    """A hint to the allowed word with the same meaning or a similar spelling; empty if there is none."""
    known = WORDS.get(found.casefold().strip().replace(" ", "_").replace("-", "_"), "")
    return say([known]) if known in allowed else nearest(found, allowed)


def say(names: Sequence[str]) -> str:
    """Names as a hint: ``Did you mean "DE"?``; empty for none."""
    quoted = " or ".join(f'"{name}"' for name in names)
    return f"Did you mean {quoted}?" if names else ""


def a_zone(found: str) -> str:
    """A hint to a time zone: by its city, by a country with few zones, by its Windows name, or by a similar spelling."""
    name = found.casefold().strip()
    exact = [zone for zone in sorted(zones()) if name in (zone.casefold(), _city(zone))]
    exact = [zone for zone in exact if not zone.startswith("Etc/")]  # Etc/GMT+1 lies an hour behind GMT
    windows = {key.casefold(): zone for key, zone in get_global("windows_zone_mapping").items()}
    if exact or name in windows:
        return say(exact[:1] or [windows[name]])
    if _NO_PLACE.fullmatch(name):
        return "Write a place, such as Europe/Berlin: an offset or its short name knows no summer time."
    places = get_global("territory_zones").get(_country(name) or "", [])
    places = [zone for zone in places if zone in windows.values()] or places
    return say(places) if 0 < len(places) <= _FEW else nearest(found, zones())


def _city(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ").casefold()


def holidays_of(found: str) -> str:
    """A hint to the code of a country or subdivision by its name: ``Germany``, ``Österreich``, ``Bayern``, also misspelt."""
    code, name = found.strip().upper(), found.casefold().strip()
    country, dash, part = code.partition("-")
    if code in holiday_codes():
        return say([code])
    if dash and country in holiday_codes():
        own = [c for c in sorted(holiday_codes()) if c.startswith(f"{country}-")]
        codes = [c for c in _parts_called(part.casefold()) if c in own]
        near = difflib.get_close_matches(code, own, n=1, cutoff=_NEAR) if part else [country]
        return say(codes[:1] or near)
    known = _country(name)
    return say([known]) if known in holiday_codes() else say(_parts_called(name)[:_FEW])


def _country(name: str) -> str:
    """The ISO code of a country by one of its names, perhaps misspelt; empty for none."""
    return _called(name, _countries())


def _parts_called(name: str) -> list[str]:
    return _called(name, _parts_of_countries()).split()


def _called(name: str, known: Mapping[str, str]) -> str:
    if name in known or len(name) < _WORTH_GUESSING:
        return known.get(name, "")
    close = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    return known[close[0]] if close else ""


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, str]:
    """Names of countries, in lower case, with their codes; if two countries share a name, that of the first language."""
    names: dict[str, str] = {"england": "GB", "great britain": "GB", "america": "US", "holland": "NL"}
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                names.setdefault(name.casefold(), code)
    return names


@lru_cache(maxsize=1)
def _parts_of_countries() -> Mapping[str, str]:
    """Names of subdivisions, in lower case, with the codes of all with that name, separated by spaces."""
    found = {"bavaria": "DE-BY"}
    for country in holidays.list_supported_countries(include_aliases=False):
        aliases: Mapping[str, str] = getattr(getattr(holidays, country), "subdivisions_aliases", {})
        for name, part in aliases.items():
            found[name.casefold()] = f"{found.get(name.casefold(), '')} {country}-{part}".strip()
    return found


def a_value(leaf: FieldLeaf, kind: FieldKind | None) -> str:
    """A hint to the intended operator or value, for a refused value of a leaf."""
    value, many = leaf.value, kind is not None and kind.multiple
    match leaf.op, value:
        case ((Op.EQ | Op.NE), tuple()):
            return say(["in" if leaf.op is Op.EQ else "not_in"])
        case ((Op.CONTAINS | Op.NOT_CONTAINS), tuple()) if many:
            return say(["in" if leaf.op is Op.CONTAINS else "not_in"])
        case ((Op.IN | Op.NOT_IN), str() | int() | float() | date()):
            items = show(value).split(",")
            return f"Write [{', '.join(item.strip() for item in items)}]."
        case ((Op.PRESENT | Op.ABSENT), False):
            return say(["absent" if leaf.op is Op.PRESENT else "present"])
        case ((Op.EQ | Op.NE), None | ""):
            return say(["absent" if leaf.op is Op.EQ else "present"])
    if kind is not None and kind.kind == "boolean":
        return a_truth(value)
    return a_date(value) if kind is None or kind.kind in ("date", "datetime") else ""


def a_truth(value: object) -> str:
    """A hint to true or false, for words with that meaning in other systems."""
    word = _TRUTH.get(value.casefold(), "") if isinstance(value, str) else ""
    return say([word]) if word else ""


def a_date(value: object) -> str:
    """A hint to a date in the format of rules, for one in German format."""
    found = _GERMAN_DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return ""
    try:
        return say([date(int(found[3]), int(found[2]), int(found[1])).isoformat()])
    except ValueError:
        return ""

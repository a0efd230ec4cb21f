"""Rule files on disk: which files of a folder are rules, and the calendar files that lie beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from pathlib import Path

from vigil.compliance.facts import WorkspaceType
from vigil.compliance.loader import load_text
from vigil.compliance.positions import Node, parse
from vigil.compliance.rules import RuleSet
from vigil.errors import BadInput, Problem

_YAML = (".yaml", ".yml")
_TIMELINE = (".timeline.yaml", ".timeline.yml")
_DATES = "dates"
_LOOKS_LIKE_DATES = re.compile(r"^dates\s*:", re.MULTILINE)
_NO_DATE = "not a date; write it as 2026-12-24"


def read_rules(
    path: str | Path,
    schema: Sequence[WorkspaceType] | None = None,
    templates: Mapping[str, AbstractSet[str]] | None = None,
) -> RuleSet:
    """The rules of a file, or of every rule file below a folder. See `vigil.compliance.loader.load_text`.

    Raises BadInput with everything that is wrong, also when there is no such file or no rule in the folder.
    """
    sources, days_off = read_sources(path)
    return load_text(sources, schema, templates, days_off)


def read_sources(path: str | Path) -> tuple[dict[str, str], dict[str, tuple[date, ...]]]:
    """The texts of the rule files at `path` by name, and the days off of the calendar files beside them by name."""
    path = Path(path)
    if not path.exists():
        raise BadInput([Problem(str(path), 1, 1, "no such file or folder")])
    files = sorted(_files(path)) if path.is_dir() else [path, *_calendars_beside(path)]
    sources: dict[str, str] = {}
    days_off: dict[str, tuple[date, ...]] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8-sig")
            if file.suffix == ".ics":
                days_off[file.name] = ics_dates(text, str(file))
            elif (days := yaml_dates(text, str(file))) is not None:
                days_off[file.name] = days
            else:
                sources[str(file)] = text
        except UnicodeDecodeError as wrong:
            problems.append(Problem(str(file), 1, 1, f"not UTF-8: byte {wrong.start} cannot be read"))
        except OSError as wrong:
            problems.append(Problem(str(file), 1, 1, f"cannot be read: {wrong.strerror}"))
        except BadInput as wrong:
            problems += wrong.problems
    if not sources and not problems:
        problems.append(
            Problem(str(path), 1, 1, "no rule file here; rules are *.yaml, timelines *.timeline.yaml")
        )
    if problems:
        raise BadInput(problems)
    return sources, days_off


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if (
            not hidden
            and file.is_file()
            and file.suffix in (*_YAML, ".ics")
            and not file.name.endswith(_TIMELINE)
        ):
            yield file


def _calendars_beside(rules: Path) -> Iterator[Path]:
    """The files in the folder of a rule file that it names. Others may be anybody's: it may lie in a home or in /tmp."""
    try:
        text = rules.read_text("utf-8-sig", "replace")
    except OSError:
        return  # said by whoever reads it
    for file in sorted(rules.parent.iterdir()):
        if file == rules or file.suffix not in (*_YAML, ".ics") or file.name not in text:
            continue
        if file.suffix == ".ics" or _LOOKS_LIKE_DATES.search(file.read_text("utf-8-sig", "replace")):
            yield file


def yaml_dates(text: str, file: str) -> tuple[date, ...] | None:
    """The days off of a YAML file that holds ``dates: [2026-12-24, ...]`` and nothing else; None for any other file.

    Raises BadInput where an item is no date.
    """
    if not _LOOKS_LIKE_DATES.search(text):
        return None
    documents, wrong = parse(file, text)
    if wrong or len(documents) != 1 or list(documents[0].keys) != [_DATES]:
        return None
    node = documents[0].at(_DATES)
    problems = [item.problem(file, _NO_DATE, _DATES) for item in node.parts.values() if not _is_date(item)]
    if not isinstance(node.value, list):
        problems.append(node.problem(file, "`dates` takes a list of dates", _DATES))
    if problems:
        raise BadInput(problems)
    return tuple(item.value for item in node.parts.values())


def _is_date(node: Node) -> bool:
    return isinstance(node.value, date) and not isinstance(node.value, datetime)


def ics_dates(text: str, file: str = "calendar.ics") -> tuple[date, ...]:
    """Every day that an event of an iCalendar text covers, in order. Raises BadInput when it is no calendar.

    An event of whole days ends before its DTEND, as RFC 5545 says. Repeating events are not unfolded: a site's list of
    days off names its dates.
    """
    from icalendar import (
        Calendar,
    )  # few sites have such a file, and the library takes as long to load as the rules do

    try:
        calendar = Calendar.from_ical(text)
    except ValueError as wrong:
        raise BadInput([Problem(file, 1, 1, f"not an iCalendar file: {wrong}")]) from wrong
    days: set[date] = set()
    for event in calendar.walk("VEVENT"):
        if "RRULE" in event:
            message = f'event "{event.get("SUMMARY", "")}" repeats; write each of its dates as an event'
            raise BadInput([Problem(file, 1, 1, message, "RRULE")])
        start, end = event.decoded("DTSTART", None), event.decoded("DTEND", None)
        if not isinstance(start, date) or not (end is None or isinstance(end, date)):
            message = (
                f'event "{event.get("SUMMARY", "")}" needs one DTSTART, and at most one DTEND, with a date'
            )
            raise BadInput([Problem(file, 1, 1, message, "DTSTART")])
        days |= _days(start, end)
    return tuple(sorted(days))


def _days(start: date, end: date | None) -> set[date]:
    whole = not isinstance(start, datetime)
    first = start.date() if isinstance(start, datetime) else start
    last = first if end is None else end.date() if isinstance(end, datetime) else end
    stop = last.toordinal() if whole else last.toordinal() + 1
    return {date.fromordinal(day) for day in range(first.toordinal(), max(stop, first.toordinal() + 1))}

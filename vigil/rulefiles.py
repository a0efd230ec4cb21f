"""Reads rule files from disk: finds the rules of a folder, and the calendar files beside them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from pathlib import Path

from vigil.compliance.facts import WorkspaceType
from vigil.compliance.rules.loader import Files, check, examine
from vigil.compliance.rules.model import RuleSet
from vigil.compliance.rules.yaml_nodes import Node, parse
from vigil.errors import BadInput, Problem

_YAML = (".yaml", ".yml")
_TIMELINE = (".timeline.yaml", ".timeline.yml")
_DATES = "dates"
_LOOKS_LIKE_DATES = re.compile(r"^dates\s*:", re.MULTILINE)
_LOOKS_LIKE_A_RULE = re.compile(r"^[\s{-]*rules?\s*:", re.MULTILINE)
_NO_DATE = "not a date; write it as 2026-12-24"


def read_rules(
    path: str | Path,
    schema: Sequence[WorkspaceType] | None = None,
    templates: Mapping[str, AbstractSet[str]] | None = None,
) -> RuleSet:
    """The rules of a file, or of every rule file below a folder. See `vigil.compliance.rules.loader.load_text`.

    Raises BadInput with every problem, also for a missing file or a folder without rules.
    """
    rules, problems = check(examine(read_files(path), schema, templates))
    if problems:
        raise BadInput(problems)
    return rules


def read_sources(path: str | Path) -> tuple[dict[str, str], dict[str, tuple[date, ...]]]:
    """The texts of the rule files at `path` by name, and the days off of the calendar files beside them by name.

    Raises BadInput if one of them cannot be read.
    """
    found = read_files(path)
    if problems := found.all_problems():
        raise BadInput(problems)
    return dict(found.texts), {name: tuple(days) for name, days in found.days_off.items()}


def read_files(path: str | Path) -> Files:
    """The content of `path`, a file or a folder of rules, in the order of names. Its problems list unreadable files."""
    path = Path(path)
    if not path.exists():
        return Files(problems=[Problem(str(path), 1, 1, "no such file or folder")])
    problems: list[Problem] = []
    files = sorted(
        map(str, files_below(path, problems) if path.is_dir() else [path, *_calendars_beside(path)])
    )
    texts: dict[str, str] = {}
    days_off: dict[str, tuple[date, ...]] = {}
    calendars: dict[str, list[Problem]] = {}
    for file in map(Path, files):
        try:
            if file != path:
                _refuse_what_is_no_file(file)
            text = file.read_text(encoding="utf-8-sig")
            days = ics_dates(text, str(file)) if file.suffix == ".ics" else yaml_dates(text, str(file))
            if days is None:
                texts[str(file)] = text
            elif file.name in (days_off.keys() | calendars.keys()):
                calendars[file.name] = [
                    Problem(str(file), 1, 1, f"a second calendar file called {file.name}")
                ]
            else:
                days_off[file.name] = days
        except (UnicodeDecodeError, OSError, BadInput) as wrong:
            found = _unreadable(str(file), wrong)
            if file.suffix == ".ics" or isinstance(wrong, BadInput):
                calendars[file.name] = found
            else:
                problems += found
    if not texts and not problems:
        message = "no rule file here; rules are *.yaml, timelines *.timeline.yaml"
        problems.append(Problem(str(path), 1, 1, message))
    known = {name: days for name, days in days_off.items() if name not in calendars}
    return Files(texts, known, calendars, problems)


class _NoFile(OSError):
    """A folder, pipe, socket or device in place of a rule file."""


def _refuse_what_is_no_file(file: Path) -> None:
    """Raise OSError for an item that is not a regular file: reading a pipe would wait for ever."""
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode):
        raise _NoFile("a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device")


def _unreadable(file: str, wrong: UnicodeDecodeError | OSError | BadInput) -> list[Problem]:
    match wrong:
        case BadInput():
            return list(wrong.problems)
        case UnicodeDecodeError():
            return [Problem(file, 1, 1, f"not UTF-8: byte {wrong.start} cannot be read")]
        case _NoFile():
            return [Problem(file, 1, 1, f"is {wrong}, not a file; put the file back, or take this away")]
    return [Problem(file, 1, 1, f"cannot be read: {wrong.strerror}")]


def files_below(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    """The items below a folder with names of rule or calendar files, including folders: Docker creates one for a missing file.

    Unreadable folders are added to `problems`.
    """

    def refused(wrong: OSError) -> None:
        problems.append(Problem(str(wrong.filename), 1, 1, f"cannot be read: {wrong.strerror}"))

    for place, below, names in os.walk(folder, onerror=refused):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in (*below, *names):
            if not name.startswith(".") and name.endswith((*_YAML, ".ics")) and not name.endswith(_TIMELINE):
                yield Path(place, name)


def _calendars_beside(rules: Path) -> Iterator[Path]:
    """The files in the folder of a rule file that it names. Others are ignored: the rule file may be in a home folder or in /tmp."""
    try:
        text = rules.read_text("utf-8-sig", "replace")
    except OSError:
        return  # said by whoever reads it
    for file in sorted(rules.parent.iterdir()):
        if file == rules or file.suffix not in (*_YAML, ".ics") or file.name not in text:
            continue
        if file.suffix == ".ics" or _may_hold_dates(file):
            yield file


def _may_hold_dates(file: Path) -> bool:
    if not file.is_file():
        return True  # a folder or pipe, or a link to nothing: said by whoever reads it
    try:
        return _LOOKS_LIKE_DATES.search(file.read_text("utf-8-sig", "replace")) is not None
    except OSError:
        return True  # said by whoever reads it


def yaml_dates(text: str, file: str) -> tuple[date, ...] | None:
    """The days off of a YAML file that contains only ``dates: [2026-12-24, ...]``; None for a file of rules.

    Raises BadInput if it contains more than dates.
    """
    if not _LOOKS_LIKE_DATES.search(text) or _LOOKS_LIKE_A_RULE.search(text):
        return None
    documents, problems = parse(file, text)
    if not problems and (len(documents) != 1 or not isinstance(documents[0].value, dict)):
        problems = [Problem(file, 1, 1, "a calendar file is one mapping; write dates: [2026-12-24, ...]")]
    if problems:
        raise BadInput(problems)
    (document,) = documents
    node = document.at(_DATES)
    problems = [
        document.key(key).problem(file, f"unknown key `{key}` beside `{_DATES}`", key)
        for key in document.keys
        if key != _DATES
    ]
    if isinstance(node.value, list):
        problems += [i.problem(file, _NO_DATE, _DATES) for i in node.parts.values() if not _is_date(i)]
    else:
        problems.append(node.problem(file, f"`{_DATES}` takes a list of dates", _DATES))
    if problems:
        raise BadInput(problems)
    return tuple(item.value for item in node.parts.values())


def _is_date(node: Node) -> bool:
    return isinstance(node.value, date) and not isinstance(node.value, datetime)


def ics_dates(text: str, file: str = "calendar.ics") -> tuple[date, ...]:
    """Every day of the events in an iCalendar text, in order. Raises BadInput if it is not a calendar.

    An all-day event ends before its DTEND, as in RFC 5545. Recurring events are refused: a site's list of days off names its dates.
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

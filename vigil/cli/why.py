"""`vigil why`: prints or writes the explanation of a person's or a workspace's notices."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console
from rich.text import Text

from vigil.cli import printing
from vigil.cli.output import Output
from vigil.ledger import Ledger
from vigil.service.reports import frames, writers
from vigil.service.reports.frames import About, Frame
from vigil.service.resources import rules_of
from vigil.service.why import Explanation, NoticeExplanation, RuleExplanation, about_person, about_workspace
from vigil.terminal import errors
from vigil.wording import counted, instant


def explain(
    subject: str,
    ledger: Ledger,
    rules: Path,
    zone: str,
    at: datetime | None,
    console: Console,
    output: Output = Output(),
    sensitive: Collection[str] = (),
) -> int:
    """Print or write the explanation. Returns 0, or 1 when the ledger has nothing about the subject. Times are in `zone`.

    Values of `sensitive` attributes are left out.
    """
    what = "workspace" if subject.isdigit() else "person"
    if what == "workspace":
        answer = about_workspace(ledger, rules_of(rules, ledger).rules, int(subject), zone, at, sensitive)
    else:
        answer = about_person(ledger, subject, at)
    said = counted(len(answer.told), "notice")
    about = About(site="", zone=zone, as_of=at, scope=f"{what} {subject}", said=said)
    told = frames.notices([t.row for t in answer.told], answer.names, about)
    if output.for_people:
        _show(answer, told, console)
    output.write(told, lambda frame: _json(answer, frame))
    if not answer.known:
        (errors if output.takes_stdout else console).print(
            f"The ledger has nothing about the {what} {subject}. Check the id or the login.",
            markup=False,
        )
    return 0 if answer.known else 1


def _show(answer: Explanation, told: Frame, console: Console) -> None:
    zone = ZoneInfo(About.of(told).zone)
    if answer.known:
        printing.line(console, Text(f"{About.of(told).scope}: {writers.head(told)}", style="bold"))
    for t, row in zip(answer.told, writers.records(told), strict=True):
        for text, indent in _notice(t, row, zone):
            printing.line(console, text, indent)
    if answer.gone_at is not None:
        since = instant(answer.gone_at, About.of(told).zone)
        said = (
            f"missing since the run of {since}: deleted, or not readable. Each run checks whether it is back"
        )
        printing.line(console, Text(said))
    for s in answer.rule_states:
        printing.line(console, Text.assemble((s.rule, "bold"), f": {s.verdict}"))
        for why in s.why:
            printing.line(console, Text(why), 4)


def _notice(told: NoticeExplanation, row: dict[str, Any], zone: ZoneInfo) -> Iterator[tuple[Text, int]]:
    """The lines about one notice, with their indentation."""
    yield printing.notice(row | {"person": row["person"] or printing.NOBODY}), 0
    for name in ("reason", "name", "why", "title", "link"):
        if row[name] is not None:
            yield printing.value(name, row), 4
    for a in told.attempts:
        code = f" ({a.code})" if a.code else ""
        yield Text(f"{a.outcome} on {a.device} at {_second(a.at, zone)}{code}"), 4
    if (due := told.row["due_at"]) is not None:
        yield Text(f"{'next try' if told.row['reason'] else 'not before'} {_second(due, zone)}"), 4
    if (seen := told.acknowledged) is not None:
        how = "in the app" if seen.how == "app" else "by the link of a mail"
        yield Text(f"acknowledged by {seen.person} {how} at {_second(seen.at, zone)}"), 4


def _second(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _json(answer: Explanation, told: Frame) -> str:
    """The notices in the usual format of `--json`, each with its attempts, and the state of the rules."""
    found, zone = orjson.loads(writers.json_of(told)), ZoneInfo(About.of(told).zone)
    for row, t in zip(found["rows"], answer.told, strict=True):
        row["attempts"] = [_attempt(a.outcome, a.device, a.at, a.code, zone) for a in t.attempts]
        due, seen = t.row["due_at"], t.acknowledged
        row["next_try"] = due and due.astimezone(zone).isoformat(timespec="seconds")
        row["acknowledged"] = seen and {
            "person": seen.person,
            "how": seen.how,
            "at": seen.at.astimezone(zone).isoformat(timespec="seconds"),
        }
    found["standings"] = [_explanation(s) for s in answer.rule_states]
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def _attempt(outcome: str, device: str, at: datetime, code: str, zone: ZoneInfo) -> dict[str, Any]:
    when = at.astimezone(zone).isoformat(timespec="seconds")
    return {"outcome": outcome, "device": device, "at": when, "code": code or None}


def _explanation(rule: RuleExplanation) -> dict[str, Any]:
    return {"rule": rule.rule, "verdict": rule.verdict, "why": list(rule.why)}

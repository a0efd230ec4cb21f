"""The report of a demo in the terminal: the findings of each use case, the notices on each device, and the reasons for missing
ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vigil.compliance.facts import Workspace
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.model import RuleSet
from vigil.ledger import Ledger
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.rulefiles import read_rules
from vigil.safe_text import terminal_markup
from vigil.service.reasons import in_words, of_row

SHOWN = 2  # notices of one rule; the rest is counted

NOT_TOLD = {
    NoticeState.UNROUTABLE: "red",
    NoticeState.NO_DEVICE: "yellow",
    NoticeState.SUPPRESSED: "dim",
    NoticeState.FAILED: "red",
    NoticeState.QUEUED: "yellow",
}


def tell(ledger: Ledger, rules: Path, last: Mapping[str, Any], console: Console) -> bool:
    """Print the report. False if a notice failed or is still queued."""
    loaded = read_rules(rules)
    with ledger.read() as connection:
        rows = queue.rows(connection)
        known = observations.current(connection, sorted({r["workspace"] for r in rows}), ("workspace",))
        names = {w.id: w.name for w in known if isinstance(w, Workspace)}
    shows = _shows(last.get("devices", ()))
    for use, some in _by_use(loaded, rows).items():
        console.rule(f"[bold]{terminal_markup(use)}[/]", align="left")
        for rule in some:
            _rule(console, rule, some[rule], loaded, names, shows)
    _not_told(console, rows, names)
    return all(r["state"] not in (NoticeState.FAILED, NoticeState.QUEUED) for r in rows)


def _by_use(
    rules: RuleSet, rows: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Use case -> rule -> its outbox rows. A use case is a file of the shipped rules; its title is the file's first comment line."""
    by_rule: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for r in rows:
        by_rule[r["rule"]].append(r)
    uses: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(dict)
    for rule in rules:
        file = Path(rule.origin.file) if rule.origin else Path("rules")
        uses[_title(file)][rule.name] = by_rule[rule.name]
    return uses


def _title(file: Path) -> str:
    number, _, name = file.stem.partition("-")
    return f"({number}) {name.replace('-', ' ')}" if number.isdigit() else file.stem


def _shows(devices: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Replace key -> the devices that show it."""
    shows: dict[str, list[str]] = defaultdict(list)
    for d in devices:
        for n in d["received"]:
            shows[n["key"]].append(f"{d['owner']}'s {d['platform']}")
    return shows


def _rule(
    console: Console,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    rules: RuleSet,
    names: Mapping[int, str],
    shows: Mapping[str, Sequence[str]],
) -> None:
    rule = rules.by_name[name]
    sent = [r for r in rows if r["state"] == NoticeState.SENT]
    console.print(f"[bold cyan]{name}[/] [dim]{terminal_markup(rule.description)}[/]")
    for r in sent[:SHOWN]:
        m: NoticeMessage = r["message"]
        devices = ", ".join(dict.fromkeys(shows.get(m.key, ()))) or "?"
        console.print(
            f"  {_time(r['fire_at'])}  [green]{terminal_markup(r['person'])}[/] on {terminal_markup(devices)}: "
            f"[bold]{terminal_markup(m.title)}[/]",
            highlight=False,
        )
        console.print(f"      {terminal_markup(m.body.replace(chr(10), ' '))}", style="dim", highlight=False)
        console.print(f"      why: {terminal_markup('; '.join(m.why))}", highlight=False)
        console.print(f"      {m.link}", style="blue", highlight=False, soft_wrap=True)
    if len(sent) > SHOWN:
        console.print(f"  ... and {len(sent) - SHOWN} more were told", style="dim")
    others = [r for r in rows if r["state"] != NoticeState.SENT]
    for r in others[:SHOWN]:
        console.print(
            f"  {_time(r['fire_at'])}  [{NOT_TOLD[r['state']]}]{terminal_markup(r['person'] or 'nobody')}: {r['state']}[/] "
            f"{terminal_markup(names.get(r['workspace'], ''))}: {terminal_markup(of_row(r))}",
            highlight=False,
        )


def _not_told(console: Console, rows: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> None:
    table = Table(title="Outcomes", title_justify="left")
    for column in ("outcome", "reason", "notices"):
        table.add_column(column)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for r in rows:
        counts[r["state"], r["reason"]] += 1
    for (state, reason), n in sorted(counts.items()):
        table.add_row(state, in_words(reason), str(n))
    console.print(table)


def _time(at: datetime) -> str:
    return at.strftime("%a %H:%M")

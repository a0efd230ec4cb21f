"""`vigil why` in the terminal."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from vigil.ledger import Ledger
from vigil.service.opening import rules_of
from vigil.service.why import Answer, about_person, about_workspace

COLOURS = {
    "sent": "green",
    "no_device": "yellow",
    "unroutable": "red",
    "failed": "red",
    "queued": "yellow",
    "suppressed": "dim",
}


def why(subject: str, ledger_url: str, rules: Path, zone: str, at: datetime | None, console: Console) -> int:
    """Print the answer. 0 when there is one, 1 when nothing is known of the subject."""
    ledger = Ledger.open(ledger_url)
    if subject.isdigit():
        answer = about_workspace(ledger, rules_of(rules, ledger).rules, int(subject), zone, at)
    else:
        answer = about_person(ledger, subject, at)
    _tell(answer, console)
    if not answer.known:
        what = "workspace" if subject.isdigit() else "person"
        console.print(
            f"The ledger has nothing of the {what} {subject}. Was it ever read, or told of? Check the id or the login."
        )
    return 0 if answer.known else 1


def _tell(answer: Answer, console: Console) -> None:
    for t in answer.told:
        r, m = t.row, t.row["message"]
        who = r["person"] or "nobody"
        console.print(
            f"[bold]{r['rule']}[/] {r['step']}  {r['fire_at']:%Y-%m-%d %H:%M} UTC  workspace {r['workspace']}  "
            f"{escape(who)}: [{COLOURS[r['state']]}]{r['state']}[/] {escape(r['reason'])}",
            highlight=False,
        )
        for line in m.get("why", ()):
            console.print(f"    because {escape(line)}", highlight=False)
        if "title" in m:
            console.print(f"    said: {escape(m['title'])}  {m['link']}", highlight=False, soft_wrap=True)
        for attempt in t.attempts:
            console.print(f"    {escape(attempt)}", highlight=False)
        if (seen := t.acknowledged) is not None:
            how = "in the app" if seen.how == "app" else "by the link of a mail"
            at = f"{seen.at:%Y-%m-%d %H:%M:%S} UTC"
            console.print(f"    acknowledged by {escape(seen.person)} {how} at {at}", highlight=False)
    for s in answer.standings:
        console.print(f"[bold]{s.rule}[/]: {s.verdict}", highlight=False)
        for line in s.why:
            console.print(f"    {escape(line)}", highlight=False)

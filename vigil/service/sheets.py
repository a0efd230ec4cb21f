"""Rows as what a person takes away: a table with links, a CSV file for a spreadsheet, and a summary to forward."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
LISTED = 25  # findings that a summary lists; the table has them all


def csv_of(rows: Sequence[Row]) -> str:
    """Rows as CSV (RFC 4180) with a header. A text that a spreadsheet would take for a formula is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else [], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({k: _harmless(v) for k, v in row.items()} for row in rows)
    return out.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def linked(
    rows: Sequence[Row], text: str = "workspace", columns: Sequence[str] = (), link: str = "link"
) -> list[dict[str, Any]]:
    """The rows for a table that shows Markdown: the column `text` leads to what the column `link` says.

    `columns` chooses and orders them; without it they are all there but `link`. Every text is escaped: names come from people.
    """
    return [
        {
            k: f"[{escaped(row[k])}]({row[link]})" if k == text and row.get(link) else _shown(row[k])
            for k in columns or [name for name in row if name != link]
        }
        for row in rows
    ]


def _shown(value: object) -> object:
    return escaped(value) if isinstance(value, str) else value


def escaped(value: object) -> str:
    """A text as it is, in Markdown: names of workspaces may hold brackets, pipes and angle brackets."""
    text = " ".join(str(value).split())
    for sign in ("\\", "`", "*", "_", "[", "]", "<", ">", "|"):
        text = text.replace(sign, f"\\{sign}")
    return text


def summary(rows: Sequence[Row], site: str, scope: str, as_of: datetime, dry_run: bool) -> str:
    """A sweep in a page that can be forwarded as it is: what was looked at, how much was found, and where."""
    lines = [
        f"## Sweep of {escaped(site)}, {as_of:%d %B %Y, %H:%M} UTC",
        "",
        f"Looked at: {escaped(scope)}. "
        + ("Nobody was told: this was a dry run." if dry_run else "People were told."),
        "",
    ]
    if not rows:
        return "\n".join([*lines, "**Nothing was found.**"])
    places = len({r["workspace"] for r in rows})
    lines += [f"**{len(rows)} findings in {places} workspaces.**", "", *_counts(rows), "", *_places(rows)]
    return "\n".join(lines)


def _counts(rows: Sequence[Row]) -> list[str]:
    counted = Counter((r["rule"], _kind(r["outcome"])) for r in rows)
    lines = [
        f"| {escaped(rule)} | {escaped(outcome)} | {n} |" for (rule, outcome), n in sorted(counted.items())
    ]
    return ["| rule | outcome | findings |", "|---|---|---|", *lines]


def _kind(outcome: str) -> str:
    """Open findings together, since whenever they are open."""
    return "open already" if outcome.startswith("open since") else outcome


def _places(rows: Sequence[Row]) -> list[str]:
    lines = [
        f"- [{escaped(r['name'] or r['workspace'])}]({r['link']}): {escaped(r['rule'])}"
        + (f", {escaped(r['person'])}" if r["person"] else "")
        + f" ({escaped(r['outcome'])})"
        + (f": {escaped(r['why'])}" if r["why"] else "")
        for r in rows[:LISTED]
    ]
    more = [f"- and {len(rows) - LISTED} more in the table"] if len(rows) > LISTED else []
    return ["### What and where", "", *lines, *more]

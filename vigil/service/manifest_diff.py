"""The changes since a manifest was shown, for the person who approves it. Its notices are sent unchanged all the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vigil.compliance.evaluation.still_true import CurrentState, NoLonger
from vigil.compliance.notices import NoticeState
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.observed import inputs
from vigil.ledger.outbox import counts, manifests, queue
from vigil.service.backfill import as_open, entry_of
from vigil.service.reasons import why_untrue
from vigil.service.run import Run


def changes(run: Run, id: str) -> list[dict[str, Any]]:
    """The lines that an approval of the manifest sends and that are about something that changed since, with the changes.

    Notices that were sent since the manifest was shown are not sent again, and an approved manifest sends nothing.

    Raises KeyError if there is no such manifest.
    """
    with run.ledger.read() as connection:
        kept = manifests.find(connection, id)
        if kept is None:
            raise KeyError(id)
        lines = [] if kept.approved_at else [row for row in kept.rows if row["sends"]]
        then = queue.states(connection, [entry_of(row) for row in lines])
        lines = [
            row
            for row in lines
            if then.get(entry_of(row).key, (NoticeState.FAILED,))[0] == NoticeState.FAILED
        ]
        mine = sorted({row["workspace"] for row in lines})
        now = CurrentState(inputs.current(connection, mine, run.site.zone), run.as_of)
        seen = counts.seen_again(connection, mine, kept.created_at)
    out = [(row, _changed(run, row, now, seen)) for row in lines]
    return [_row(row, what) for row, what in out if what]


def _changed(run: Run, row: Mapping[str, Any], now: CurrentState, seen: Collection[int]) -> Sequence[str]:
    entry, rule = entry_of(row), run.rules.by_name.get(row["rule"])
    untrue = now.no_longer(rule, as_open(entry, now).key[:3])
    what = []
    if untrue is not None:
        what.append(why_untrue(untrue, row.get("due", ""), entry.message))
    elif rule is None:
        what.append("the rule no longer exists")
    if untrue is not NoLonger.GONE and entry.workspace in seen:
        what.append("something in the workspace changed")
    return what


def _row(row: Mapping[str, Any], what: Sequence[str]) -> dict[str, Any]:
    return {
        "person": row["person"],
        "rule": row["rule"],
        "workspace": row["workspace"],
        "title": NoticeMessage.of(row["message"]).title,
        "changed": "; ".join(what),
    }

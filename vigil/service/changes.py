"""What changed between a manifest and its approval. It is sent as it was shown all the same: this is for whoever approves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from vigil.compliance.facts import Workspace
from vigil.compliance.rules import Kind
from vigil.compliance.verdicts import OPEN
from vigil.ledger import counts, evaluations, manifests, observations, outbox
from vigil.service.backfill import entry_of
from vigil.service.reasons import DATE_WITHHELD, moved
from vigil.service.run import Run


@dataclass(frozen=True, slots=True)
class Since:
    """The ledger as it stands now, for the workspaces of a manifest."""

    workspaces: Mapping[int, Workspace]
    findings: frozenset[tuple[str, int]]  # (rule, workspace) of open conditions
    seen: frozenset[int]  # workspaces of which something new was read


def changes(run: Run, id: str) -> list[dict[str, Any]]:
    """The lines that approving a manifest sends and of which something is no longer as it was shown, with what that is.

    What was told since the manifest was shown is not sent again, and a manifest that was approved before sends nothing.

    Raises KeyError when there is no such manifest.
    """
    with run.ledger.read() as connection:
        kept = manifests.find(connection, id)
        if kept is None:
            raise KeyError(id)
        lines = [] if kept.approved_at else [row for row in kept.rows if row["sends"]]
        then = outbox.states(connection, [entry_of(row) for row in lines])
        lines = [row for row in lines if then.get(entry_of(row).key, ("failed",))[0] == "failed"]
        mine = sorted({row["workspace"] for row in lines})
        found = observations.current(connection, mine, ("workspace",))
        since = Since(
            {w.id: w for w in found if isinstance(w, Workspace)},
            frozenset(
                (s.rule, s.workspace) for s in evaluations.standings(connection, mine) if s.outcome in OPEN
            ),
            frozenset(counts.seen_again(connection, mine, kept.created_at)),
        )
    out = [(row, _changed(run, row, since)) for row in lines]
    return [_row(row, what) for row, what in out if what]


def _changed(run: Run, row: Mapping[str, Any], since: Since) -> Sequence[str]:
    rule, workspace = run.rules.by_name.get(row["rule"]), since.workspaces.get(row["workspace"])
    what = []
    if workspace is None:
        what.append("the workspace is gone, or no longer readable")
    elif rule is None:
        what.append("the rule is no longer there")
    elif rule.kind is Kind.CONDITION and (rule.name, workspace.id) not in since.findings:
        what.append("the condition is no longer met")
    elif rule.kind is Kind.MILESTONE and row.get("due") and row["due"] not in _dates(workspace):
        what.append(moved(None if row["message"].get(DATE_WITHHELD) else row["due"]))
    if workspace is not None and workspace.id in since.seen:
        what.append("something in the workspace changed")
    return what


def _dates(workspace: Workspace) -> set[str]:
    return {v.isoformat() for v in workspace.attrs.values() if isinstance(v, date)}


def _row(row: Mapping[str, Any], what: Sequence[str]) -> dict[str, Any]:
    return {
        "person": row["person"],
        "rule": row["rule"],
        "workspace": row["workspace"],
        "title": row["message"].get("title", ""),
        "changed": "; ".join(what),
    }

"""Clocks of Extended ECM and of Vigil that jump by up to an hour either way: what happens after the first run is told once.

Whole runs over HTTP, with a ledger: the client, the lists, the audit trail, workflows. What was there before is never told.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.conftest import share
from tests.support.plain_runs import run_once
from tests.support.small_estate import Draft, Threaded
from vigil.compliance.rules.loader import load_text
from vigil.ledger.in_memory import InMemoryLedger
from vigil.ledger.outbox import queue

START = datetime(2024, 1, 10, 8, tzinfo=UTC)
EVERY = timedelta(minutes=15)
KNOWN, LATER = (
    (100, 101),
    102,
)  # workspaces that were there at the first run, and one that is made between the third and fourth
KINDS = (
    "document_added",
    "version_added",
    "comment_added",
    "attribute_changed",
    "step_assigned",
    "step_completed",
    "role_changed",
)
MEMBERS = (["bob"], ["ada"], ["clerks"], ["ada", "bob"], ["ada", "clerks"], ["bob", "clerks"])
"""Who is in a role from each interval on: no two changes of it are the same."""
RULES = load_text(
    {
        f"{name}.yaml": f"rule: {name}\nkind: transition\nsubject: {{workspace_type: Case}}\nevents: [{name}]\nto: [user: ada]\n"
        for name in (*KINDS, "escalated", "workspace_created")
    }
)
ENDPOINTS = (
    "*", "POST /v1/auth", "GET /v2/businessworkspaces", "POST /v2/nodes/list", "GET /v2/nodes/{id}/*", "GET /v2/workflows/*",
    "event *", "event document_added", "event attribute_changed", "event step_*",
)  # fmt: skip


@dataclass(frozen=True)
class Apart:
    """In one interval: by how many minutes the nodes of some endpoints, and Vigil, are ahead."""

    nodes: tuple[tuple[str, int], ...] = ()
    vigil: int = 0


@dataclass
class Story:
    """An estate in which everything happens before the first run, and between each two after it."""

    draft: Draft = field(default_factory=Draft)
    expected: Counter[tuple[str, int]] = field(default_factory=Counter)

    numbers: Counter[int] = field(default_factory=Counter)  # events so far, by workspace

    def __post_init__(self) -> None:
        self.draft.meta |= {"zone": "UTC", "start": (START - timedelta(days=3)).isoformat()}
        for number in KNOWN:
            self.draft.case(number, created=(START - timedelta(days=2)).isoformat())
        self.draft.case(LATER, created=(START + 2.2 * EVERY).isoformat())
        # Late at the first run, and so no news; and one that falls due while the clocks are apart.
        for process, due in ((1, START - timedelta(hours=3)), (2, START + timedelta(minutes=150))):
            self._step(KNOWN[0], START - timedelta(hours=30), process, due)
        self.expected["escalated", KNOWN[0]] += 1
        self.expected["workspace_created", LATER] += 1

    def _step(self, workspace: int, at: datetime, process: int, due: datetime) -> None:
        more = {"process": process, "step": 1, "title": "look", "to": "ada", "due": due.isoformat()}
        self.draft.event(at.isoformat(), "step_assigned", workspace=workspace, **more)

    def interval(self, n: int) -> None:
        """Everything between run n - 1 and run n; n = 0 is before the first one."""
        begin = START + (n - 1) * EVERY
        for place, workspace in enumerate(KNOWN if n < 3 else (*KNOWN, LATER)):
            at = begin + timedelta(minutes=4 + place * 3)
            for row in self._of(workspace, n):
                self.numbers[workspace] += 1
                # No two dates of a workspace are the same, whatever whole minutes clocks are apart: what changes again in the second
                # of its last change nobody can see.
                moment = at.replace(second=self.numbers[workspace])
                self.draft.events.append({"ts": moment.isoformat(), "workspace": workspace, **row})
                # The first reading of a workspace's roles is no change of them.
                if n > (3 if workspace == LATER and row["kind"] == "role_changed" else 0):
                    self.expected[row["kind"], workspace] += 1

    def _of(self, workspace: int, n: int) -> list[dict[str, Any]]:
        document, process = workspace * 1000 + n, workspace * 100 + n
        due, ended = (START + timedelta(hours=12)).isoformat(), process + 50
        rows: list[dict[str, Any]] = [
            {"kind": "document_added", "id": document, "name": f"paper {document}", "type": None},
            {"kind": "comment_added", "text": f"comment {n}", "by": "bob"},
            {
                "kind": "step_assigned",
                "process": process,
                "step": 1,
                "title": "look",
                "to": "ada",
                "due": due,
            },
            {"kind": "step_assigned", "process": ended, "step": 1, "title": "look", "to": "ada", "due": due},
            {"kind": "step_completed", "process": ended, "step": 1, "disposition": "ok", "by": "ada"},
            {"kind": "role_changed", "role": "case manager", "members": MEMBERS[n]},
        ]
        first = 3 if workspace == LATER else 0
        if n > first:
            rows.append({"kind": "version_added", "id": document - 1})
            rows.append(
                {
                    "kind": "step_completed",
                    "process": process - 1,
                    "step": 1,
                    "disposition": "ok",
                    "by": "ada",
                }
            )
            rows.append({"kind": "attribute_changed", "attr": "Case.amount", "value": n})
        return rows

    def save(self, folder: Path) -> Path:
        self.draft.events.sort(key=lambda row: row["ts"])
        return self.draft.save(folder)


INTERVALS = 6


def told(apart: list[Apart]) -> tuple[Counter[tuple[str, int]], Counter[tuple[str, int]]]:
    """What the outbox holds in the end, and what it should, by rule and workspace."""
    story = Story()
    for n in range(INTERVALS):
        story.interval(n)
    ledger = InMemoryLedger().fresh()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Threaded(story.save(Path(folder) / "estate"))) as sandbox,
    ):
        sandbox.move(START - timedelta(days=1))
        for n, some in enumerate(apart):
            sandbox.faults({"clocks": [{"endpoint": e, "ahead": 60 * m} for e, m in some.nodes]})
            sandbox.move(START + n * EVERY)
            run_once(ledger, sandbox, RULES, START + n * EVERY + timedelta(minutes=some.vigil))
        sandbox.faults({"clocks": []})
        for hours in (3, 4):
            sandbox.move(START + timedelta(hours=hours))
            run_once(ledger, sandbox, RULES, START + timedelta(hours=hours))
    with ledger.read() as connection:
        rows = queue.rows(connection)
    return Counter((r["rule"], r["workspace"]) for r in rows), story.expected


minutes = st.integers(-60, 60)
intervals = st.builds(
    Apart,
    st.lists(st.tuples(st.sampled_from(ENDPOINTS), minutes), max_size=4).map(tuple),
    st.just(0) | minutes,
)
ALL_BEHIND = [Apart((("*", -10), ("event *", -10)))] * INTERVALS
VIGIL_AHEAD = [Apart(vigil=60 if n < 3 else 0) for n in range(INTERVALS)]


@pytest.mark.slow
@share(0.06, least=4)
@example(ALL_BEHIND)
@example(VIGIL_AHEAD)
@given(st.lists(intervals, min_size=INTERVALS, max_size=INTERVALS))
def test_whatever_clocks_do_each_event_after_the_first_run_is_told_once(apart: list[Apart]) -> None:
    found, expected = told(apart)
    assert found == expected

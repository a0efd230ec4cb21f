"""Who would be told of a dry sweep is who is told with `--send` on the same ledger, whatever went out before or is held back."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from sqlalchemy import update

from tests.property.conftest import share
from tests.support.plain_runs import extract
from tests.support.run_bench import RunBench
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.ledger.tables import NoticeRow, table
from vigil.ledger.values import RunState
from vigil.service import accounting, evaluation
from vigil.service.sweep import Scope, SweepOutcome, evaluate_scope

Told = tuple[str, int, str, str | None]

WORKSPACES = (1001, 1002, 3001, 3002, 3003, 3004)
DAYS = ("2026-03-03", "2026-03-04", "2026-03-05")
TO = (
    "[role: owner]",
    "[role: steward, group: Board]",
    "[attr: lead]",
    "[group: Nobody]",
)
RULES = {
    "closed": "kind: condition\nwhen: {{field: attr.status, op: eq, value: closed}}\nresolved: true\nto: {to}\n",
    "unled": "kind: condition\nwhen: {{field: attr.lead, op: absent}}\nrepeat: {{every: 1h, max: 3}}\nto: {to}\n",
    "due": "kind: milestone\ndue: attr.until\ncalendar: {{zone: UTC, at: '13:30'}}\nresolved: true\n"
    "superseded: {superseded}\nlate: {{within: 2d, policy: {late}}}\nsteps: [{{id: last, at: -1d, to: {to}}}]\n",
    "changed": "kind: transition\nevents: [attribute_changed]\nto: {to}\n",
}
FALLBACK = "fallback: [user: cem]\n"
ESCALATES = "escalate: [{after: 1h, unless: acknowledged, to: [user: dan]}]\n"
GUARDS = (
    "",
    "guard: {max_findings: 1}\n",
    "guard: {max_share: 0.3}\n",
    "guard: {first_run: manifest_only}\n",
)


@dataclass(frozen=True)
class Case:
    """Rules by name, changes of attributes as (hours after NOON, workspace, attribute, value), and when somebody looked and sweeps.

    `killed`: the last run before the sweep ended before its guards decided.
    """

    rules: dict[str, str]
    changes: tuple[tuple[float, int, str, str | None], ...]
    scans: tuple[float, ...]
    at: float
    scope: Scope
    killed: bool


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rules = {}
    for name in draw(st.lists(st.sampled_from(sorted(RULES)), min_size=2, unique=True)):
        text = RULES[name].format(
            to=draw(st.sampled_from(TO)),
            superseded=draw(st.sampled_from(["ignore", "resend"])),
            late=draw(st.sampled_from(["send", "digest", "drop"])),
        )
        extra = draw(st.sampled_from(["", FALLBACK])) + draw(st.sampled_from(GUARDS))
        extra += draw(st.sampled_from(["", ESCALATES]))
        extra += draw(st.sampled_from(["", "group: true\n", "quiet: {from: '11:00', to: '15:00'}\n"]))
        rules[name] = f"rule: {name}\nsubject: {{workspace_type: Case}}\n{text}{extra}"
    values: dict[str, list[str | None]] = {
        "status": ["closed", "closed", "open"],
        "until": [*DAYS, None],
        "lead": [None, "dan", None],
    }
    changes = st.sampled_from(sorted(values)).flatmap(
        lambda a: st.tuples(
            st.sampled_from([0.25, 0.75, 1.25, 1.75]),
            st.sampled_from(WORKSPACES),
            st.just(a),
            st.sampled_from(values[a]),
        )
    )
    return Case(
        rules,
        tuple(sorted(draw(st.lists(changes, min_size=6, max_size=16)), key=lambda c: c[0])),
        tuple(sorted(draw(st.sets(st.sampled_from([0.0, 0.5, 1.0, 1.5]), max_size=2)))),
        draw(st.sampled_from([2.0, 26.0, 30.0])),
        draw(
            st.builds(
                Scope,
                rules=st.sampled_from([(), tuple(rules)[:1]]),
                workspaces=st.sampled_from([(), WORKSPACES[:3]]),
            )
        ),
        draw(st.booleans()),
    )


@pytest.fixture(scope="module")
def bench() -> Iterator[RunBench]:
    with tempfile.TemporaryDirectory() as folder:
        bench = RunBench(Path(folder), more=4)
        yield bench
        bench.close()


def swept(bench: RunBench, ledger: Ledger, case: Case, dry_run: bool) -> list[dict[str, Any]]:
    """The rows of a sweep, as the flow makes them."""
    run, client = bench.run("sweep", ledger, case.at)

    async def flow() -> list[dict[str, Any]]:
        read = await extract(run)
        return await evaluate_scope(run, read.schema, case.scope, dry_run)

    return bench.do(run, client, flow)


def killed_before_it_decides(bench: RunBench, ledger: Ledger, hours: float) -> None:
    """A run that queues what it finds, and ends before its guards decide."""
    run, client = bench.run("watch", ledger, hours)

    async def flow() -> None:
        await extract(run)
        plan = evaluation.plan(run)
        for n in range(1, len(plan.batches) + 1):
            await evaluation.process_batch(run, plan, n)

    bench.do(run, client, flow)
    accounting.close(run, RunState.FAILED)


def people(rows: list[dict[str, Any]], outcome: SweepOutcome) -> Counter[Told]:
    return Counter(
        (r["rule"], r["workspace"], r["step"] or "", r["person"]) for r in rows if r["outcome"] == outcome
    )


def queued(ledger: Ledger) -> Counter[Told]:
    with ledger.read() as connection:
        rows = [r for r in queue.rows(connection) if r["state"] == NoticeState.QUEUED]
    return Counter((r["rule"], r["workspace"], r["step"], r["person"]) for r in rows)


@share(0.4, least=10)
@given(cases())
def test_who_would_be_told_is_who_is_told(bench: RunBench, case: Case) -> None:
    there = bench.with_changes(case.rules, case.changes)
    ledger = bench.scratch.restore(bench.empty)
    for hours in case.scans:
        if case.killed and hours == case.scans[-1]:
            killed_before_it_decides(there, ledger, hours)
        else:
            there.watch(ledger, hours)
        delivered(ledger)
    before = bench.scratch.save()
    shown = swept(there, ledger, case, dry_run=True)
    assert not queued(ledger), "a dry run queued something"
    ledger = bench.scratch.restore(before)
    sent = swept(there, ledger, case, dry_run=False)
    assert people(shown, SweepOutcome.WOULD) == people(sent, SweepOutcome.TOLD) == queued(ledger)
    as_sent = [r | {"outcome": SweepOutcome.TOLD} if r["outcome"] == SweepOutcome.WOULD else r for r in shown]
    assert as_sent == sent
    event("somebody is told" if queued(ledger) else "nobody is told")
    for outcome in {r["outcome"] for r in shown}:
        event(f"outcome: {outcome}")


def delivered(ledger: Ledger) -> None:
    """Everything that is queued was sent."""
    with ledger.write() as connection:
        notice = table(NoticeRow)
        sent = update(notice).where(notice.c.state == NoticeState.QUEUED)
        connection.execute(sent.values(state=NoticeState.SENT, due_at=None))

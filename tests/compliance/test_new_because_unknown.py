"""An event is new because it was not known before: decision 0019. Dates decide only where nothing had been looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vigil.compliance import facts as f
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import OLD, Change, Looked, derive, made_since, news, overdue_unseen, unseen
from vigil.compliance.facts import Fact
from vigil.compliance.rules.loader import load_text

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEN = NINE + HOUR
WHOLE = Looked(NINE, parts={"workspaces", "documents", "steps", "comments"})
KINDS = {f.Workspace: "workspace", f.Document: "document", f.Step: "step", f.AuditEvent: "audit"}


def first(fact: f.Workspace | f.Document | f.Step | f.AuditEvent) -> Change:
    """A fact that was never seen before, and is at ten."""
    workspace = fact.id if isinstance(fact, f.Workspace) else fact.workspace
    return Change(KINDS[type(fact)], "1", workspace, TEN, None, fact, first=True)


def back(once: Fact, now: f.Document | f.Step | f.AuditEvent) -> Change:
    """A fact that was known, was gone at nine, and is back at ten."""
    return replace(first(now), first=False, once=once)


def paper(at: datetime, version: int = 1) -> f.Document:
    return f.Document(7, 1, "paper", None, at, "ada", at, version)


def step(at: datetime, due: datetime, **more: object) -> f.Step:
    return replace(f.Step(1, 77, 1, "look", ("user:ada",), at, due), **more)  # type: ignore[arg-type]


def comment(at: datetime) -> f.AuditEvent:
    return f.AuditEvent(1, "Comment Added", at, "bob", "hello")


def case(created: datetime) -> f.Workspace:
    return f.Workspace(1, "Case", "one", created, created)


def kinds(changes: list[Change], looked: Looked = WHOLE) -> list[str]:
    return [e.kind for e in derive(changes, looked, TEN)]


@pytest.mark.parametrize("hours", [-23, -1, 0, 0.5, 2])
def test_what_was_not_known_is_news_whatever_a_clock_wrote_beside_it(hours: float) -> None:
    at = NINE + hours * HOUR
    for fact in (paper(at), comment(at), step(at, TEN + HOUR)):
        assert len(kinds([first(fact)])) == 1, fact
    assert unseen([first(replace(comment(at), type="Attribute Value Changed"))], WHOLE) == {1: 1}


def test_what_is_older_than_a_day_is_not_told_and_counted() -> None:
    old = [first(replace(paper(NINE - OLD), id=n, workspace=1)) for n in range(10)]
    assert kinds([*old, first(comment(TEN))]) == ["comment_added"]
    assert news(old, WHOLE, TEN).old == {1: 10}


@pytest.mark.parametrize(
    "looked",
    [
        pytest.param(Looked(NINE), id="no look before said of what it was"),
        pytest.param(
            replace(WHOLE, parts={"workspaces", "steps", "comments"}), id="a rule asks for it only now"
        ),
        pytest.param(replace(WHOLE, unread=frozenset({1})), id="of this workspace it could never be read"),
    ],
)
def test_where_nothing_had_been_scanned_dates_decide(looked: Looked) -> None:
    found = news([first(paper(NINE)), first(replace(paper(TEN), id=8))], looked, TEN)
    assert [e.fields["document_id"] for e in found.events] == [8]
    assert not found.old, "what is read for the first time was there, as at the first run"


def test_then_dates_are_read_by_the_clock_that_wrote_them() -> None:
    behind = Looked(NINE, lag=timedelta(minutes=10))
    assert kinds([first(paper(NINE - timedelta(minutes=9)))], behind) == ["document_added"]
    assert kinds([first(paper(NINE - timedelta(minutes=10)))], behind) == []


def test_a_workflow_that_could_not_be_read_at_first_begins_when_it_is() -> None:
    looked = replace(WHOLE, unread_processes=frozenset({77}))
    assert kinds([first(step(NINE - HOUR, TEN))], looked) == []
    assert kinds([first(step(NINE - HOUR, TEN))]) == ["step_assigned"]


def test_all_in_a_workspace_that_was_made_since_is_new() -> None:
    made = first(case(NINE - HOUR))
    assert kinds([made, first(paper(NINE - HOUR))]) == ["workspace_created", "document_added"]
    assert made_since([made], WHOLE) == {1}


def test_a_workspace_that_comes_into_view_brings_no_news_of_before() -> None:
    seen = [first(case(NINE - 2 * OLD)), first(paper(NINE - HOUR)), first(comment(NINE + HOUR / 2))]
    found = news(seen, WHOLE, TEN)
    assert [e.kind for e in found.events] == ["comment_added"] and found.old == {1: 1}
    assert made_since(seen, WHOLE) == frozenset()


def test_what_was_gone_and_comes_back_is_known() -> None:
    late = TEN - timedelta(minutes=1)
    assert kinds([back(paper(late), paper(late)), back(comment(late), comment(late))]) == []
    assert kinds([back(step(late, TEN), step(late, TEN))]) == []
    assert kinds([back(paper(NINE - OLD), replace(paper(NINE - OLD), version=2))]) == ["version_added"]


DUE = NINE - HOUR


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(first(step(DUE - HOUR, DUE)), id="it was never seen before"),
        pytest.param(
            replace(first(step(DUE - HOUR, DUE)), first=False, before=step(DUE - HOUR, TEN)),
            id="its date moved back",
        ),
        pytest.param(
            first(step(DUE - HOUR, DUE, completed_at=NINE, completed_by="bob")),
            id="it was completed late meanwhile",
        ),
    ],
)
def test_a_step_that_fell_due_where_no_run_could_see_it_is_late_when_it_is_seen(change: Change) -> None:
    (event,) = overdue_unseen([change], WHOLE, NINE)
    assert (event.kind, event.at) == ("escalated", DUE)


@pytest.mark.parametrize(
    ("change", "looked"),
    [
        pytest.param(
            replace(first(step(DUE - HOUR, DUE, title="new")), first=False, before=step(DUE - HOUR, DUE)),
            WHOLE,
            id="an earlier run saw it late",
        ),
        pytest.param(
            first(step(DUE - HOUR, DUE)), Looked(NINE), id="it was late before steps were looked at"
        ),
        pytest.param(
            first(step(DUE - HOUR, NINE + HOUR)), WHOLE, id="it falls due in the window, and is found by that"
        ),
        pytest.param(first(step(DUE - HOUR, DUE, completed_at=DUE)), WHOLE, id="it was completed in time"),
        pytest.param(back(step(DUE - HOUR, DUE), step(DUE - HOUR, DUE)), WHOLE, id="it was gone and is back"),
    ],
)
def test_lateness_that_is_known_or_in_time_is_not_told_again(change: Change, looked: Looked) -> None:
    assert overdue_unseen([change], looked, NINE) == []


@pytest.mark.parametrize(
    ("late", "made", "found"),
    [
        ("", True, ["its instant had passed when it became known"]),
        ("late: {within: 1d, policy: send}", True, [None]),
        ("late: {within: 1d, policy: send}", False, []),
    ],
)
def test_the_rule_decides_on_missed_milestones_of_a_workspace_read_late(
    late: str, made: bool, found: list[str | None]
) -> None:
    text = "rule: r\nkind: milestone\nsubject: {workspace_type: Case}\ndue: attr.at\nsteps: [{id: now, at: 0h, to: [user: ada]}]\n"
    seen = replace(case(NINE - 2 * HOUR), attrs={"C.at": NINE - HOUR})
    given = Input(Facts.of([seen]), changes=[first(seen)], made=[1] if made else ())
    result = evaluate(given, load_text({"r.yaml": text + late}), Window(NINE, TEN))
    assert [x.suppressed and str(x.suppressed) for x in result.findings] == found

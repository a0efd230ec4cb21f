"""A window says the same however it is cut: what carries an instant of its own is found once, by one name, in any slices."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import share
from tests.property.rules import milestones, of, transitions
from tests.support.histories import History, histories
from tests.support.scans import Ledger, Watcher, scans
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.events import Event, Looked, derive
from vigil.compliance.rules.model import RuleSet

OWN_INSTANT = (
    "document_added",
    "version_added",
    "step_assigned",
    "step_completed",
    "comment_added",
    "escalated",
    "workspace_created",
)
"""Events whose instant is their own. Of attributes and roles only what two observations show is known."""


def _cuts(history: History) -> st.SearchStrategy[tuple[datetime, ...]]:
    """The scans of a history, or some of them: the first and the last always."""
    inner = history.ticks[1:-1]
    kept = st.lists(st.sampled_from(inner), unique=True) if inner else st.just([])
    return kept.map(lambda some: (history.ticks[0], *sorted(some), history.ticks[-1]))


def _findings(history: History, rules: RuleSet) -> list[Finding]:
    ledger, watcher = Ledger(), Watcher(False, history.zone, history.required)
    return [x for scan in scans(history, ledger) for x in watcher.evaluate(ledger, scan, rules).findings]


@share(0.7)
@given(st.data(), histories(whole=True), st.lists(transitions("r", where=False), min_size=1, max_size=3))
def test_no_event_with_an_instant_of_its_own_is_missed_or_named_anew(
    data: st.DataObject, history: History, some: list[dict[str, Any]]
) -> None:
    rules = RuleSet(tuple(of(written, f"r{n}") for n, written in enumerate(some)))
    cut = replace(history, ticks=data.draw(_cuts(history)))

    def told(given: History) -> list[tuple[str, int, str]]:
        found = [x for x in _findings(given, rules) if x.event is not None and x.event.kind in OWN_INSTANT]
        return sorted((x.rule, x.workspace, x.occurrence) for x in found)

    whole = told(history)
    assert whole == told(cut)
    assert len(whole) == len(set(whole))


@share(0.7)
@given(st.data(), histories(whole=True))
def test_a_change_of_an_attribute_that_shows_at_the_end_shows_in_every_slicing(
    data: st.DataObject, history: History
) -> None:
    rules = RuleSet((of({"kind": "transition", "events": ["attribute_changed"]}),))
    cut = replace(history, ticks=data.draw(_cuts(history)))

    def changed(given: History) -> dict[tuple[int, object], object]:
        """What each attribute came to, of those that were seen to change."""
        events = [x.event for x in _findings(given, rules) if x.event is not None]
        return {(e.workspace, e.fields["attr"]): e.fields["to"] for e in events}

    fine, coarse = changed(history), changed(cut)
    assert coarse.items() <= fine.items()


@share(0.7)
@given(st.data(), histories(whole=True), st.lists(milestones("r", where=False), min_size=1, max_size=3))
def test_the_moments_of_dates_that_stay_are_said_once_in_any_slicing(
    data: st.DataObject, history: History, some: list[dict[str, Any]]
) -> None:
    first = history.ticks[0]
    still = replace(history, acts=tuple(a for a in history.acts if a.at <= first or a.what == "document"))
    rules = RuleSet(tuple(of(written, f"r{n}") for n, written in enumerate(some)))

    def told(given: History) -> list[tuple[str, int, str, str | None, datetime]]:
        return sorted((x.rule, x.workspace, x.occurrence, x.step, x.fire_at) for x in _findings(given, rules))

    whole = told(still)
    assert whole == told(replace(still, ticks=data.draw(_cuts(history))))
    assert all(first < at <= history.ticks[-1] for *_, at in whole)
    # Two steps of one rule may have one offset; each of them says each moment once.
    assert len(whole) == len(set(whole))


@share(0.7)
@given(histories(whole=True))
def test_the_same_observations_give_the_same_names_in_one_reading_or_in_many(history: History) -> None:
    def names(events: list[Event]) -> list[tuple[str, int, str]]:
        return sorted((e.kind, e.workspace, e.occurrence) for e in events)

    ledger = Ledger()
    some = list(scans(history, ledger))
    at_once = derive([c for scan in some for c in scan.changes], Looked(history.ticks[0]), history.ticks[-1])
    in_parts = [e for scan in some for e in derive(scan.changes, Looked(scan.after), scan.as_of)]
    assert names(at_once) == names(in_parts)

"""`superseded: ignore`: a step that went out for one date is not said again for another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vigil.compliance.evaluation.results import Finding, Why
from vigil.compliance.evaluation.superseded import required_lookups, without_superseded
from vigil.compliance.rules.model import Rule, RuleSet

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def rules(superseded: str) -> RuleSet:
    given = {
        "rule": "renewal",
        "kind": "milestone",
        "subject": {"workspace_type": "Contract"},
        "due": "attr.expires",
        "steps": [{"id": "early", "at": "-90d", "to": [{"role": "owner"}]}],
        "superseded": superseded,
    }
    return RuleSet((Rule.model_validate(given),))


def finding(occurrence: str) -> Finding:
    return Finding("renewal", 7, occurrence, "early", AT)


def test_only_rules_that_ignore_moved_dates_ask_what_went_out() -> None:
    found = [finding("2026-06-01"), replace(finding("2026-06-01"), workspace=8, suppressed=Why.TOO_LATE)]
    assert required_lookups(found, rules("ignore")) == {"renewal": {7}}
    assert required_lookups(found, rules("resend")) == {}


@pytest.mark.parametrize(
    ("told", "suppressed"),
    [
        ({(7, "early"): {"2026-05-01"}}, Why.SUPERSEDED),
        ({(7, "early"): {"2026-05-01#2"}}, Why.SUPERSEDED),
        ({(7, "early"): {"2026-06-01"}}, None),  # the same date: its repeats go on
        ({(7, "late"): {"2026-05-01"}}, None),  # another step
        ({(8, "early"): {"2026-05-01"}}, None),  # another workspace
        ({}, None),
    ],
)
def test_what_went_out_for_another_date_suppresses_the_step(
    told: dict[tuple[int, str], set[str]], suppressed: Why | None
) -> None:
    (found,) = without_superseded([finding("2026-06-01#1")], {"renewal": told})
    assert found.suppressed is suppressed


def test_what_is_suppressed_for_another_reason_keeps_it() -> None:
    given = replace(finding("2026-06-01"), suppressed=Why.TOO_LATE)
    assert without_superseded([given], {"renewal": {(7, "early"): {"2026-05-01"}}}) == [given]

"""A guard says why it stops, with the numbers; a reading that lacks most of what is known is not believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vigil.compliance.notify.guards import NoticeCount, tripped, vanished
from vigil.compliance.rules.model import Guard

SEEN = NoticeCount(notices=40, findings=20, workspaces=10, known=50, first=False)


def test_a_run_within_its_limits_has_no_guard_hold() -> None:
    guard = Guard(max_findings=20, max_share=0.2, first_run="manifest_only")
    assert tripped(guard, SEEN) == ()


def test_each_limit_is_named_with_what_was_found_and_what_is_allowed() -> None:
    guard = Guard(max_findings=19, max_share=0.19, first_run="manifest_only")
    first, findings, share = tripped(guard, replace(SEEN, first=True))
    assert "first run" in first
    assert findings == "20 findings in one run, where 19 is the limit"
    assert share == "10 of 50 workspaces (20%) in one run, where 19% is the limit"


def test_findings_are_counted_and_not_the_people_they_go_to() -> None:
    assert tripped(Guard(max_findings=20), replace(SEEN, notices=4000)) == ()


def test_a_first_run_that_may_send_sends() -> None:
    assert tripped(Guard(max_findings=20), replace(SEEN, first=True)) == ()


@pytest.mark.parametrize(
    ("lost", "known", "broken"),
    [
        (0, 0, False),
        (4, 4, False),
        (5, 5, True),
        (50, 100, False),
        (51, 100, True),
        (1_000, 1_204, True),
        (5, 1_000, False),
    ],
)
def test_a_reading_that_lacks_most_of_what_is_known_is_broken(lost: int, known: int, broken: bool) -> None:
    assert vanished(lost, known) is broken

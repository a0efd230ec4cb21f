"""The text of an occurrence is a part of the key of a notice: it may never change, and it must be read as it was meant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.compliance.evaluation.milestones import occurrence_of
from vigil.compliance.events import stamp
from vigil.compliance.occurrence import Occurrence

AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
LATE = datetime(2026, 3, 2, 8, 15, 0, 1, tzinfo=UTC)

STORED = {
    "2026-03-31": Occurrence("2026-03-31"),
    "2026-03-31#2": Occurrence("2026-03-31", repeat=2),
    "2026-03-31:resolved": Occurrence("2026-03-31", resolved=True),
    "2026-03-31#escalated1": Occurrence("2026-03-31", escalation=1),
    "2026-03-02T08:15:00Z": Occurrence("2026-03-02T08:15:00Z"),
    "2026-03-02T08:15:00.000001Z": Occurrence("2026-03-02T08:15:00.000001Z"),
    "2026-03-02T08:15:00Z#12": Occurrence("2026-03-02T08:15:00Z", repeat=12),
    "2026-03-02T08:15:00Z:resolved": Occurrence("2026-03-02T08:15:00Z", resolved=True),
    "2026-03-02T08:15:00Z#escalated3": Occurrence("2026-03-02T08:15:00Z", escalation=3),
    "2026-03-02T08:15:00Z/4711": Occurrence("2026-03-02T08:15:00Z/4711"),  # of a digest
    "document:10:2": Occurrence("document:10:2"),
    "document:10:2#escalated1": Occurrence("document:10:2", escalation=1),
    "comment:2026-03-02T08:15:00Z:ada:1": Occurrence("comment:2026-03-02T08:15:00Z:ada:1"),
    "step:5:6:assigned:2026-03-02T08:15:00Z:ada,bob": Occurrence("step:5:6:assigned:2026-03-02T08:15:00Z:ada,bob"),
    "step:5:6:late:2026-03-02T08:15:00Z#escalated2": Occurrence("step:5:6:late:2026-03-02T08:15:00Z", escalation=2),
    "Contract.status@2026-03-02T08:15:00Z": Occurrence("Contract.status@2026-03-02T08:15:00Z"),
    "Contract.Item #3@2026-03-02T08:15:00Z": Occurrence("Contract.Item #3@2026-03-02T08:15:00Z"),
    "Contract.Item #3@2026-03-02T08:15:00Z#escalated1": Occurrence(
        "Contract.Item #3@2026-03-02T08:15:00Z", escalation=1
    ),
    "o#0": Occurrence("o#0"),
    "o#07": Occurrence("o#07"),
    "o#escalated": Occurrence("o#escalated"),
    "": Occurrence(""),
}  # fmt: skip
"""Every shape that a ledger may hold."""


@pytest.mark.parametrize("text", STORED)
def test_every_shape_is_read_as_it_was_meant_and_written_as_it_was(text: str) -> None:
    assert Occurrence.parse(text) == STORED[text]
    assert str(STORED[text]) == text


def test_what_rules_find_is_named_as_ever() -> None:
    assert occurrence_of(date(2026, 3, 31)) == "2026-03-31"
    assert occurrence_of(date(2026, 3, 31), 2) == "2026-03-31#2"
    assert occurrence_of(AT, 1) == "2026-03-02T08:15:00Z#1"
    assert stamp(LATE) == "2026-03-02T08:15:00.000001Z"


@pytest.mark.parametrize(
    "wrong",
    [{"repeat": 1, "resolved": True}, {"repeat": 2, "escalation": 1}, {"escalation": -1}, {"repeat": 10**9}],
)
def test_an_occurrence_is_one_thing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no such occurrence"):
        Occurrence("2026-03-31", **wrong)


@pytest.mark.parametrize("text", ["o#1", "o:resolved", "o#escalated1"])
def test_a_base_is_no_other_occurrence(text: str) -> None:
    with pytest.raises(ValueError, match="use `parse`"):
        Occurrence(text)


numbers = st.integers(1, 10**9 - 1)
endings = st.sampled_from(("", "#", "#1", "#escalated", "#escalated2", ":resolved", "\n"))
bases = st.builds("".join, st.lists(st.text(max_size=4) | endings, max_size=4))
occurrences = st.one_of(
    st.builds(Occurrence.parse, bases),
    st.builds(Occurrence, bases, repeat=numbers),
    st.builds(Occurrence, bases, resolved=st.just(True)),
    st.builds(Occurrence, bases, escalation=numbers),
)


@given(occurrences)
def test_what_was_written_is_read_back(made: Occurrence) -> None:
    assert Occurrence.parse(str(made)) == made


@given(bases)
def test_every_text_is_written_again_byte_for_byte(text: str) -> None:
    assert str(Occurrence.parse(text)) == text

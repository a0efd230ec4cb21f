"""Whole columns of instants are moved as the calendar moves one: over changes of clocks, days off, and the calendar's ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import share
from tests.property.rules import milestones, of
from tests.support.histories import ZONES
from vigil.compliance.calendar import Calendar, CalendarSpec
from vigil.compliance.durations import Offset
from vigil.compliance.evaluation import schedule, zoned

_CHANGES = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2024, 3, 30, 22, tzinfo=UTC),
]
_near = st.builds(
    lambda at, minutes: at + timedelta(minutes=minutes),
    st.sampled_from(_CHANGES),
    st.integers(-3000, 3000),
)
_any = st.datetimes(timezones=st.just(UTC))
INSTANTS = st.lists(st.one_of(_near, _near, _any, st.none()), min_size=1, max_size=200)
OFFSETS = st.builds(Offset, st.integers(-40, 40), st.sampled_from(["d", "w", "mo", "y", "h", "bd"]))
SPECS = st.sampled_from([None, CalendarSpec(holidays=("DE",), roll="back"), CalendarSpec(roll="forward")])


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few values are asked for one by one, which would compare the calendar with itself."""
    monkeypatch.setattr(zoned, "_FEW", 0)
    monkeypatch.setattr(schedule, "_FEW", 0)


@share(1)
@given(INSTANTS, OFFSETS, SPECS, st.sampled_from(ZONES))
def test_each_instant_of_a_column_moves_as_it_does_alone(
    some: list[datetime | None], offset: Offset, spec: CalendarSpec | None, zone: str
) -> None:
    calendar = Calendar(spec, zone)
    moved = zoned.moved(pl.Series(some, dtype=zoned.INSTANT), offset, calendar).to_list()
    assert moved == [None if at is None else calendar.instant(at, offset) for at in some]


@share(1)
@given(INSTANTS, st.sampled_from(ZONES))
def test_each_local_day_begins_at_its_first_instant(some: list[datetime | None], zone: str) -> None:
    given_ = pl.Series(some, dtype=zoned.INSTANT)
    inside = [at for at in some if at is not None and 2 < at.year < 9998]
    days = zoned.local_days(pl.Series(inside, dtype=zoned.INSTANT), zone)
    assert days.to_list() == [zoned.local_day(at, zone) for at in inside]
    for at, begins in zip(inside, zoned.begins(days, zone).to_list(), strict=True):
        assert begins <= at
        assert zoned.local_day(begins, zone) == zoned.local_day(at, zone)
        assert zoned.local_day(begins - timedelta(microseconds=1), zone) < zoned.local_day(at, zone)
    assert len(zoned.begins(given_.dt.date(), zone)) == len(some)


@share(1)
@given(
    milestones("r", where=False),
    st.lists(st.one_of(_near, _any), min_size=1, max_size=60, unique=True),
    st.data(),
)
def test_the_agenda_of_many_instants_is_that_of_each(
    written: dict[str, Any], dues: list[datetime], data: st.DataObject
) -> None:
    rule = of(written)
    calendar = Calendar(rule.calendar, "Europe/Rome")
    after = data.draw(_near)
    as_of = after + data.draw(st.sampled_from([timedelta(0), timedelta(days=2), timedelta(days=400)]))
    series = pl.Series("due", dues, dtype=zoned.INSTANT)
    counted = schedule.schedule_of(rule, series, calendar, after, as_of)
    asked = schedule._asked(rule, series, calendar, after, as_of)
    assert dict(counted.following.iter_rows()) == dict(asked.following.iter_rows())
    assert {k: sorted(v, key=repr) for k, v in counted.inside.items()} == {
        k: sorted(v, key=repr) for k, v in asked.inside.items()
    }


def test_a_repeat_that_is_rolled_back_may_come_before_the_first_moment() -> None:
    # Saturday 23:59 in New York, which is not moved: hours stay. The repeat of Sunday is rolled back to Friday.
    step = {"id": "s", "at": "+5h", "to": {"role": "owner"}, "repeat": {"every": "1d", "max": 1}}
    calendar = {"zone": "America/New_York", "roll": "back"}
    rule = of({"kind": "milestone", "due": "attr.C.due", "steps": [step], "calendar": calendar})
    due = pl.Series("due", [datetime(2024, 10, 26, 22, 59, tzinfo=UTC)], dtype=zoned.INSTANT)
    before = datetime(2024, 3, 31, tzinfo=UTC)
    counted = schedule.schedule_of(rule, due, Calendar(rule.calendar, "Europe/Rome"), before, before)
    assert counted.following["next_check_at"].to_list() == [datetime(2024, 10, 26, 3, 59, tzinfo=UTC)]


def test_a_day_that_a_zone_has_not_begins_when_the_next_one_does() -> None:
    # Samoa went from 29 to 31 December 2011.
    assert zoned.begin(date(2011, 12, 30), "Pacific/Apia") == datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert zoned.begin(date(2011, 12, 31), "Pacific/Apia") == datetime(2011, 12, 30, 10, tzinfo=UTC)

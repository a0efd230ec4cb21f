"""A window of a backfill has a begin before its end, is over, and says its zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from vigil.cli.options import instant
from vigil.errors import BadRequest
from vigil.service.instants import BadWindow, refuse_window, refuse_without_zone

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_window_that_is_over_is_one() -> None:
    assert refuse_window(NOW - DAY, NOW, NOW, "Europe/Berlin") == (NOW - DAY, NOW)


@pytest.mark.parametrize(
    ("after", "upto", "said"),
    [
        (None, NOW, "needs both its ends"),
        (NOW, None, "needs both its ends"),
        (NOW, NOW, "needs its begin before its end"),
        (NOW, NOW - DAY, "needs its begin before its end"),
        (
            NOW - DAY,
            NOW + DAY,
            "which is still to come: end it at 2 March 2026 09:00 (Europe/Berlin) or before",
        ),
        (NOW + DAY, NOW + 2 * DAY, "is still to come"),
    ],
)
def test_any_other_is_refused_in_the_zone_of_the_site(
    after: datetime | None, upto: datetime | None, said: str
) -> None:
    with pytest.raises(BadWindow) as refused:
        refuse_window(after, upto, NOW, "Europe/Berlin")
    assert said in str(refused.value)


def test_an_instant_without_a_zone_is_refused_by_its_name() -> None:
    with pytest.raises(BadRequest, match=r"`as_of` is 2026-03-02T08:00:00, without a zone"):
        refuse_without_zone(as_of=NOW.replace(tzinfo=None))
    with pytest.raises(BadRequest, match="`upto`"):
        refuse_window(NOW - DAY, NOW.replace(tzinfo=None), NOW, "UTC")


def test_a_day_on_the_command_line_is_completed_to_an_instant_that_is_one() -> None:
    with pytest.raises(typer.BadParameter) as refused:
        instant("2026-11-29")
    suggested = str(refused.value).split("write it as ")[1].split()[0]
    assert instant(suggested) == datetime(2026, 11, 29, tzinfo=UTC)

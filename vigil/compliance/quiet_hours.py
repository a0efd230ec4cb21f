"""Quiet hours: when a notice may be sent that became due in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from vigil.compliance.calendar import Calendar, calendar_for

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietSpan:
    """Quiet hours of a day: from `start` until `end`; over midnight if `start` is the later one.

    Equal times mean no quiet hours.
    """

    start: time
    end: time

    def holds(self, wall: time) -> bool:
        """Whether the local time `wall` is in the span."""
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


def opens(at: datetime, spans: Sequence[QuietSpan], zone: str) -> datetime:
    """The first instant from `at` on that is in none of `spans`, by the clocks of `zone`; `at` itself if it is in none.

    If a clock change skips the end of a span, it ends at the first instant after the gap; if its hours occur twice, both are quiet. If
    the spans together leave no time of the day, only the first one applies. Raises ValueError for an unknown zone.
    """
    spans = [s for s in spans if s.start != s.end]
    calendar, moved = calendar_for(None, zone), at
    # Each iteration ends at least one span. If two iterations for each are not enough, the spans cover the day.
    for _ in range(2 * len(spans) + 1):
        inside = next((s for s in spans if s.holds(_wall(moved, calendar))), None)
        if inside is None:
            return moved
        moved = _end(moved, inside, calendar)
    return _end(at, spans[0], calendar) if spans[0].holds(_wall(at, calendar)) else at


def _wall(at: datetime, calendar: Calendar) -> time:
    return at.astimezone(calendar.zone).time()


def _end(at: datetime, span: QuietSpan, calendar: Calendar) -> datetime:
    """The next instant after `at` at which the zone's clocks show the span's end, or have skipped it."""
    today = calendar.day(at)
    ends = []
    for day in (today, today + _DAY, today + 2 * _DAY):
        ends.append(calendar.at(day, span.end))
        again = datetime.combine(day, span.end.replace(fold=1), calendar.zone).astimezone(UTC)
        if again.astimezone(calendar.zone).time() == span.end:  # in a gap there is no such instant
            ends.append(again)
    return min(end for end in ends if end > at)


__all__ = ["QuietSpan", "opens"]

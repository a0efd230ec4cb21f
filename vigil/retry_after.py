"""Parses a Retry-After header of any server. Pure: the time is an argument."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",  # RFC 850
        rf"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",  # asctime
    )
)
"""The forms of an HTTP-date: RFC 9110, section 5.6.7. The name of the day decides nothing."""


def seconds_of(header: str | None, now: datetime, longest: float) -> float | None:
    """Seconds to wait from `now` on, from 0 to `longest`, for both forms of the header: seconds, or an HTTP-date.

    None without a header, or for neither form: the caller then waits as without a header. Never raises.
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return min(longest, float(text))  # more digits than a float holds are infinity
    at = _date(text, now)
    return None if at is None else min(longest, max(0.0, (at - now).total_seconds()))


def _date(text: str, now: datetime) -> datetime | None:
    found = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += now.year // 100 * 100
        # RFC 9110: what seems to lie more than 50 years ahead is the newest year in the past with these digits.
        year -= 100 if year > now.year + 50 else 0
    second = min(59, int(found["second"]))  # 60 is a leap second, which a datetime does not know
    try:
        return datetime(
            year,
            _MONTHS.index(found["month"]) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            second,
            tzinfo=UTC,
        )
    except ValueError:  # a day that its month does not have, an hour 25
        return None

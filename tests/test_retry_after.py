"""A Retry-After header, whatever it says: RFC 9110, sections 10.2.3 and 5.6.7."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vigil.retry_after import seconds_of

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LONGEST = 3_000.0
FORMS = {
    "IMF-fixdate": "%a, %d %b %Y %H:%M:%S GMT",
    "RFC 850": "%A, %d-%b-%y %H:%M:%S GMT",
    "asctime": "%a %b %e %H:%M:%S %Y",
}

NEITHER = [
    *(None, "", " ", "soon", "nan", "inf", "-5", "+5", "1e3", "5 s", "\u0665", "\u00b2", "7,9"),
    "Mon, 30 Feb 2026 08:00:00 GMT",
    "Mon, 02 Mar 2026 25:00:00 GMT",
    "Mon, 02 Mar 0000 08:00:00 GMT",
    "Mon, 02 Mar 99999 08:00:30 GMT",
    "Mon, 02 M\u00e4r 2026 08:00:30 GMT",
    "Mon, 02 Mar 2026 08:00:30",
    "Mon, 02 Mar 2026 08:00:30 +9999999999",
    "2026-03-02T08:00:30Z",
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(ahead=st.integers(-(10**8), 10**8))
def test_seconds_and_a_date_in_each_of_its_forms_come_to_the_same(form: str, ahead: int) -> None:
    read = seconds_of((NOW + timedelta(seconds=ahead)).strftime(form), NOW, LONGEST)
    assert read == seconds_of(str(max(0, ahead)), NOW, LONGEST) == min(LONGEST, max(0, ahead))


@pytest.mark.parametrize("year", [1994, 2026, 2075, 2076])
def test_a_year_of_two_digits_lies_fifty_years_ahead_at_most(year: int) -> None:
    read = seconds_of(datetime(year, 11, 6, 8, 49, 37, tzinfo=UTC).strftime(FORMS["RFC 850"]), NOW, LONGEST)
    assert read == (0 if year == 1994 else LONGEST)
    assert seconds_of("Sunday, 06-Nov-77 08:49:37 GMT", NOW, LONGEST) == 0, "1977"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        ("Fri Dec 31 23:59:59 9999", LONGEST),
        ("Sat, 01 Jan 0001 00:00:00 GMT", 0),
        ("Mon, 02 Mar 2026 08:00:60 GMT", 59),
        ("9" * 400, LONGEST),
        ("1000000000000", LONGEST),
        (" 7 ", 7),
        ("0", 0),
        ("0.5", 0.5),
    ],
)
def test_whatever_is_asked_for_is_bounded(header: str, seconds: float) -> None:
    assert seconds_of(header, NOW, LONGEST) == seconds


@pytest.mark.parametrize("header", NEITHER)
def test_what_is_in_neither_form_asks_for_nothing(header: str | None) -> None:
    assert seconds_of(header, NOW, LONGEST) is None


DATES = (
    st.datetimes(timezones=st.just(UTC)).map(format_datetime).map(lambda text: text.replace("+0000", "GMT"))
)
PIECES = st.sampled_from(
    ["Mon, ", "02", " Mar ", "-Mar-", "9999", "99", "08:00:30", " GMT", "9" * 5_000, ".", "-", " "]
)


@given(
    st.text() | st.from_regex(r"[0-9.+-]{1,30}") | DATES | st.lists(PIECES).map("".join),
    st.datetimes(timezones=st.just(UTC)),
)
@example("Friday, 31-Dec-99 23:59:59 GMT", datetime.min.replace(tzinfo=UTC))
@example("Friday, 31-Dec-99 23:59:59 GMT", datetime.max.replace(tzinfo=UTC))
def test_no_text_whatever_raises_or_leads_out_of_the_bounds(header: str, now: datetime) -> None:
    read = seconds_of(header, now, LONGEST)
    assert read is None or 0 <= read <= LONGEST

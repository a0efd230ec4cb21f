"""When a message is tried again: shared/contracts/fcm.md, "Errors"."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.delivery import causes
from vigil.delivery.outcomes import TABLE, Reading, read_answer, sent_of, wait_of
from vigil.delivery.retry import GiveUp, next_try
from vigil.delivery.transport import Outcome, Sent

FIRST = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def sent(code: str, outcome: Outcome = "retry", retry_after: float | None = None) -> Sent:
    return Sent(outcome, 503, code, "", retry_after, FIRST, FIRST)


@given(st.integers(0, 10**6), st.sampled_from(["INTERNAL", "UNAVAILABLE", "CONNECT", "RESET", "TIMEOUT"]))
def test_waits_begin_at_ten_seconds_and_double_until_the_hour_is_over(seed: int, code: str) -> None:
    rng, now, waits = random.Random(seed), FIRST, []
    outcome: Outcome = "unknown" if code in ("RESET", "TIMEOUT") else "retry"
    for attempt in range(1, 50):
        due = next_try(FIRST, attempt, sent(code, outcome), now, rng)
        if isinstance(due, GiveUp):
            assert (due.reason, due.last, due.unknown) == ("expired", code, outcome == "unknown")
            break
        waits.append((due - now).total_seconds())
        now = due
    else:
        pytest.fail("it never gave up")
    assert all(10 * 2**n <= wait <= 15 * 2**n for n, wait in enumerate(waits[:6]))
    assert max(waits) <= 1_350
    assert now < FIRST + timedelta(minutes=60)
    assert 6 <= len(waits) <= 9


@given(st.integers(0, 10**6), st.floats(0, 3_000))
def test_retry_after_is_never_undercut_and_hardly_exceeded(seed: int, asked: float) -> None:
    due = next_try(FIRST, 1, sent("UNAVAILABLE", retry_after=asked), FIRST, random.Random(seed))
    assert isinstance(due, datetime)
    waited = (due - FIRST).total_seconds()
    assert asked - 1e-6 <= waited <= asked + max(1.0, asked * 0.1) + 1e-6


def test_a_quota_without_retry_after_waits_a_minute() -> None:
    due = next_try(FIRST, 1, sent("QUOTA_EXCEEDED"), FIRST, random.Random(1))
    assert isinstance(due, datetime)
    assert timedelta(seconds=60) <= due - FIRST <= timedelta(seconds=90)


def test_the_end_of_the_time_to_live_comes_before_the_hour() -> None:
    end = FIRST + timedelta(seconds=9)
    assert isinstance(next_try(FIRST, 1, sent("INTERNAL"), FIRST, random.Random(1), expires_at=end), GiveUp)
    later = FIRST + timedelta(minutes=5)
    assert isinstance(
        next_try(FIRST, 1, sent("INTERNAL"), FIRST, random.Random(1), expires_at=later), datetime
    )


def test_a_retry_after_beyond_the_hour_is_given_up_at_once() -> None:
    given_up = next_try(FIRST, 1, sent("QUOTA_EXCEEDED", retry_after=7_200), FIRST, random.Random(1))
    assert given_up == GiveUp("expired", "QUOTA_EXCEEDED", unknown=False)


@pytest.mark.parametrize("outcome", ["accepted", "rejected"])
def test_what_is_done_has_no_next_try(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match=outcome):
        next_try(FIRST, 1, sent("", outcome), FIRST, random.Random(1))


def test_the_table_has_every_row_of_the_contract() -> None:
    rows = {
        (400, "INVALID_ARGUMENT"): "rejected",
        (401, "THIRD_PARTY_AUTH_ERROR"): "retry",
        (403, "SENDER_ID_MISMATCH"): "rejected",
        (404, "UNREGISTERED"): "rejected",
        (429, "QUOTA_EXCEEDED"): "retry",
        (500, "INTERNAL"): "retry",
        (503, "UNAVAILABLE"): "retry",
    }
    assert {key: TABLE[key].outcome for key in rows} == rows


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (
            400,
            b'{"error": {"status": "INVALID_ARGUMENT", "details": ["odd"]}}',
            "rejected",
            "INVALID_ARGUMENT",
        ),
        (
            400,
            b'{"error": {"status": "FAILED_PRECONDITION", "details": 7}}',
            "rejected",
            "FAILED_PRECONDITION",
        ),
        (403, b'{"error": {"status": "FAILED_PRECONDITION"}}', "retry", "PERMISSION_DENIED"),
        (500, b'{"error": {"status": "UNKNOWN"}}', "retry", "INTERNAL"),
        (504, b'{"error": {"status": "DEADLINE_EXCEEDED"}}', "unknown", "DEADLINE_EXCEEDED"),
        (200, b'{"name": 7}', "unknown", "UNREADABLE"),
        (200, b'{"message": "blocked"}', "unknown", "UNREADABLE"),
        (200, b"", "unknown", "UNREADABLE"),
        (200, b"[]", "unknown", "HTTP_200"),
    ],
)
def test_an_answer_that_the_table_does_not_have_is_read_on_the_safe_side(
    status: int, body: bytes, outcome: str, code: str
) -> None:
    reading = read_answer(status, body)
    assert (reading.outcome, reading.code) == (outcome, code)


FOREIGN = [
    b"",
    b"<html>no</html>",
    b'{"message": "blocked by WAF"}',
    b'{"error": "INVALID_ARGUMENT"}',
    b'{"error": []}',
    b'{"error": {"code": 400, "message": "no"}}',
    b'{"error": {"status": "blocked"}}',
    b'{"error": {"status": 404}}',
    b'{"error": {"details": [{"errorCode": "UNREGISTERED"}]}}',
]


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize(
    "status", [*range(201, 600, 50), 302, 400, 401, 403, 404, 405, 407, 408, 413, 418, 429]
)
def test_an_answer_that_is_not_in_fcms_form_says_nothing_of_a_device_a_message_or_a_credential(
    status: int, body: bytes
) -> None:
    reading = read_answer(status, body)
    refused = 300 <= status < 500 and status != 408
    assert reading == Reading("retry" if refused else "unknown", f"HTTP_{status}", status)
    said = causes.cause(sent_of(reading, FIRST, FIRST), "push")
    assert said == f"a proxy or firewall in between answered {status}"
    assert not causes.without_credential(said) and not causes.slowed(said)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_whatever_raises_or_prunes_by_accident(status: int, body: bytes) -> None:
    assert read_answer(status, body).code not in ("UNREGISTERED", "APNS_410")


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert wait_of("Mon, 02 Mar 2026 08:00:30 GMT", now) == 30
    assert wait_of("Mon, 02 Mar 2026 07:00:00 GMT", now) == 0
    assert wait_of("soon", now) is None
    assert wait_of("nan", now) is None

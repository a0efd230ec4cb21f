"""When a message is tried again: docs/contracts/fcm.md#retry."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.delivery import causes
from vigil.delivery.push.outcomes import _FCM_ERROR, _QUOTA_FAILURE, NAMELESS, TABLE, read_answer
from vigil.delivery.responses import ParsedResponse, sent_of, wait_of
from vigil.delivery.retry import GiveUp, next_try
from vigil.delivery.transport import SendOutcome, Sent

FIRST = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def sent(code: str, outcome: SendOutcome = "retry", retry_after: float | None = None) -> Sent:
    return Sent(outcome, 503, code, "", retry_after, FIRST, FIRST)


@given(st.integers(0, 10**6), st.sampled_from(["INTERNAL", "UNAVAILABLE", "CONNECT", "RESET", "TIMEOUT"]))
def test_waits_begin_at_ten_seconds_and_double_until_the_hour_is_over(seed: int, code: str) -> None:
    rng, now, waits = random.Random(seed), FIRST, []
    outcome: SendOutcome = "unknown" if code in ("RESET", "TIMEOUT") else "retry"
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


HOUR = timedelta(hours=1)
BEYOND = st.sampled_from([3_601.0, 7_200.0, 1e12, float("inf")])


def tries(asked: float, seed: int, expires_at: datetime | None = None, start: int = 1) -> list[datetime]:
    """When a message is tried that is told `asked` each time, from its try number `start` on. Those before were ten minutes apart."""
    rng, now, found = random.Random(seed), FIRST + (start - 1) * timedelta(minutes=10), []
    for attempt in range(start, 60):
        found.append(now)
        due = next_try(FIRST, attempt, sent("QUOTA_EXCEEDED", retry_after=asked), now, rng, expires_at)
        if isinstance(due, GiveUp):
            assert due == GiveUp("expired", "QUOTA_EXCEEDED", unknown=False)
            return found
        now = due
    pytest.fail("it never gave up")


@given(BEYOND, st.integers(0, 10**6), st.integers(1, 4))
def test_a_retry_after_beyond_the_hour_leaves_a_message_one_more_try_within_it(
    asked: float, seed: int, start: int
) -> None:
    first, *later = tries(asked, seed, start=start)
    assert len(later) == 1
    assert first < later[0] <= FIRST + HOUR - timedelta(minutes=5)
    assert later[0] >= FIRST + timedelta(minutes=50)


@given(BEYOND, st.integers(0, 10**6), st.floats(30, 3_600))
def test_a_retry_after_beyond_the_ttl_leaves_one_more_try_within_it(
    asked: float, seed: int, lives: float
) -> None:
    end = FIRST + timedelta(seconds=lives)
    first, *later = tries(asked, seed, expires_at=end)
    assert len(later) == 1 and first + timedelta(seconds=10) <= later[0] < end


def test_greylisting_leaves_a_mail_that_lives_shorter_than_it_one_more_try() -> None:
    assert len(tries(300.0, 1, expires_at=FIRST + timedelta(minutes=4))) == 2


INSTANTS = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
)
LONGEST = timedelta(seconds=3_300)


@given(
    first=INSTANTS,
    tried=st.integers(-(2**63), 2**63),
    asked=st.none() | st.floats(),
    expires_at=st.none() | INSTANTS,
    code=st.sampled_from(["QUOTA_EXCEEDED", "INTERNAL", "HELD_DEVICE"]),
    outcome=st.sampled_from(["retry", "unknown"]),
)
def test_no_stored_row_and_no_attempt_is_without_a_next_try_or_an_end(
    first: datetime,
    tried: int,
    asked: float | None,
    expires_at: datetime | None,
    code: str,
    outcome: SendOutcome,
) -> None:
    due = next_try(first, tried, sent(code, outcome, asked), FIRST, random.Random(1), expires_at)
    if isinstance(due, datetime):
        assert FIRST <= due <= FIRST + LONGEST
        assert due - first <= HOUR and (expires_at is None or due <= expires_at)


@pytest.mark.parametrize("outcome", ["accepted", "rejected"])
def test_what_is_done_has_no_next_try(outcome: SendOutcome) -> None:
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
def test_an_answer_not_of_fcm_judges_no_device_message_or_credential(status: int, body: bytes) -> None:
    reading = read_answer(status, body)
    refused = 300 <= status < 500 and status != 408
    assert reading == ParsedResponse("retry" if refused else "unknown", f"HTTP_{status}", status)
    said = causes.cause(sent_of(reading, FIRST, FIRST), "push")
    assert said == f"a proxy or firewall in between answered {status}"
    assert not causes.without_credential(said) and not causes.slowed(said)


def deep(depth: int) -> bytes:
    return b'{"error": {"status": "INTERNAL", "message": ' + b"[" * depth + b"]" * depth + b"}}"


WORDS = st.sampled_from(
    ["INTERNAL", "projects/p/messages/", "projects//messages/1", _FCM_ERROR, _QUOTA_FAILURE, "device:tok"]
)
KEYS = st.sampled_from(
    ["error", "status", "name", "details", "@type", "errorCode", "message", "violations", "subject"]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | WORDS
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)
BODIES = st.binary(max_size=200) | ANYTHING.map(orjson.dumps) | st.integers(0, 2_000).map(deep)


@given(st.integers(100, 599), BODIES, st.none() | st.text())
def test_no_answer_whatever_raises_or_prunes_by_accident(
    status: int, body: bytes, header: str | None
) -> None:
    reading = read_answer(status, body, header)
    assert reading.code not in ("UNREGISTERED", "APNS_410")
    assert reading.outcome != "accepted"
    assert reading.retry_after is None or 0 <= reading.retry_after <= 3_000
    attempt = sent_of(reading, FIRST, FIRST)
    assert "\0" not in attempt.code + attempt.detail, "PostgreSQL keeps no NUL"
    if attempt.outcome != "rejected":
        due = next_try(FIRST, 1, attempt, FIRST, random.Random(1))
        assert isinstance(due, datetime) and due <= FIRST + LONGEST


def test_an_answer_that_nests_deeper_than_python_goes_is_read() -> None:
    # Not among the examples above: Hypothesis lets Python go deeper.
    assert read_answer(500, deep(1_000)) == ParsedResponse("retry", "INTERNAL", 500)


def test_what_no_database_keeps_is_not_in_an_attempt() -> None:
    detail = b'{"@type": "%s", "errorCode": "A\\u0000B"}' % _FCM_ERROR.encode()
    body = b'{"error": {"message": "a\\u0000b", "details": [%s]}}' % detail
    attempt = sent_of(read_answer(418, body), FIRST, FIRST)
    assert (attempt.outcome, attempt.code, attempt.detail) == ("rejected", "A\ufffdB", "a\ufffdb")


NO_NAMES = [
    *(
        "foo",
        "John Doe",
        "",
        "projects/p",
        "projects/p/messages/",
        "projects//messages/1",
        "projects/p/topics/1",
    ),
    *("projects/p/messages/1/2", "/projects/p/messages/1", "https://x/projects/p/messages/1"),
    *("projects/p/messages/1\n", "projects/p/messages/\0", "projects/John Doe/messages/1"),
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_is_no_messages_counts_as_none(name: str) -> None:
    reading = read_answer(200, orjson.dumps({"name": name, "login": "required"}))
    assert reading == ParsedResponse("unknown", "UNREADABLE", 200, detail=NAMELESS)


@pytest.mark.parametrize(
    "id", ["0:1500415314455276%31bd1c9631bd1c96", "fake_message_id", "3f0c4c1e-7f0e-4b5e-8b1e-1d2c3b4a5f60"]
)
def test_the_name_of_a_message_is_taken_as_it_is(id: str) -> None:
    name = f"projects/myproject-b5ae1/messages/{id}"
    assert read_answer(200, orjson.dumps({"name": name})) == ParsedResponse("accepted", status=200, name=name)


def test_what_fcm_asks_for_is_obeyed_up_to_fifty_minutes() -> None:
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert wait_of("Mon, 02 Mar 2026 08:00:30 GMT", now) == 30
    assert (
        wait_of("Tue, 30 Nov 2027 00:00:00 GMT", now)
        == wait_of("55000000", now)
        == wait_of("3001", now)
        == 3_000
    )
    assert wait_of("soon", now) is None

"""The sender keeps to the project's rate and to each device's, and slows down when FCM asks."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.conftest import Settings
from tests.support.outgoing import message
from vigil.delivery.limits import DeviceRates, ProjectRate
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.sandbox.fcm.faults import Quotas
from vigil.sandbox.fcm.local import LocalFcm


def sends_in(rate: ProjectRate, start: float, seconds: float) -> int:
    """How many sends go when one is asked for each tenth of a millisecond and none waits."""
    sent = 0
    for step in range(int(seconds * 10_000)):
        sent += rate.take(start + step / 10_000, longest=0.0) == 0.0
    return sent


def test_the_project_rate_is_kept() -> None:
    assert 1_000 <= sends_in(ProjectRate(1_000), 1.0, 1.0) <= 1_101


def test_a_429_halves_the_rate_once_a_second_and_it_grows_back() -> None:
    rate = ProjectRate(1_000)
    for answer in range(50):
        rate.slow(1.0 + answer / 1_000)
    assert 500 <= rate.rate <= 505
    rate.slow(2.5)
    assert 250 <= rate.rate <= 300
    assert 250 <= sends_in(rate, 2.5, 1.0) <= 400
    rate.take(60.0, longest=0.0)
    assert rate.rate == 1_000


def test_the_rate_never_reaches_zero() -> None:
    rate = ProjectRate(10_000)
    for second in range(100):
        rate.slow(float(second))
    assert rate.rate >= 10


@given(st.lists(st.floats(0, 30), max_size=600))
def test_no_minute_whatever_holds_more_than_the_limit(gaps: list[float]) -> None:
    rates, now, sent = DeviceRates(7, 40), 0.0, []
    for gap in gaps:
        now += gap
        wait = rates.take("a", now)
        if wait > 0:
            assert rates.take("a", now + wait * 0.999) > 0, "not before the time that was named"
        else:
            sent.append(now)
    for limit, length in ((7, 60), (40, 3_600)):
        assert all(
            later - earlier >= length - 1e-6 for earlier, later in zip(sent, sent[limit:], strict=False)
        )


def test_a_device_gets_240_in_a_minute_and_another_device_its_own() -> None:
    rates = DeviceRates(240, 5_000)
    assert [rates.take("a", 0.0) for _ in range(240)] == [0.0] * 240
    assert rates.take("a", 0.0) == 60.0
    assert rates.take("b", 0.0) == 0.0
    assert rates.take("a", 60.0) == 0.0


def test_a_device_gets_5000_in_an_hour() -> None:
    rates = DeviceRates(240, 5_000)
    sent = sum(rates.take("a", second / 4) == 0.0 for second in range(4 * 3_600))
    assert sent == 5_000
    assert rates.take("a", 3_600.0) == 0.0


def test_quiet_devices_are_forgotten_and_busy_ones_are_not() -> None:
    rates = DeviceRates(240, 5_000, kept=100)
    for number in range(1_000):
        rates.take(f"device-{number}", float(number * 60))
    assert len(rates) <= 200
    assert rates.take("device-999", 999 * 60.0) == 0.0


def test_no_limit_of_our_own_is_possible() -> None:
    rates = DeviceRates(None, None)
    assert {rates.take("a", 0.0) for _ in range(10_000)} == {0.0}


async def test_what_is_too_much_for_a_device_is_held_back_and_the_others_go(
    fcm: LocalFcm, settings: Settings
) -> None:
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    batch = [message("tok-android", key=f"row-{n}") for n in range(260)] + [message("tok-web")]
    async with FcmHttp(settings(), now=lambda: now) as transport:
        sent = await transport.send(batch)
    held = [s for s in sent if s.code == "HELD_DEVICE"]
    assert len(held) == 20
    assert all(s.outcome == "retry" and not s.attempted and s.retry_after == 60 for s in held)
    assert sent[-1].outcome == "accepted"
    assert fcm.app.requests["send"] == 241


async def test_a_429_that_names_a_device_holds_that_device_only(fcm: LocalFcm, settings: Settings) -> None:
    fcm.faults.quotas = Quotas(device_per_minute=5)
    async with FcmHttp(settings(concurrency=1)) as transport:
        sent = await transport.send([message("tok-android", key=f"row-{n}") for n in range(8)])
        [other] = await transport.send([message("tok-web")])
    assert [s.code for s in sent] == [""] * 5 + ["QUOTA_EXCEEDED"] + ["HELD_DEVICE"] * 2
    assert 50 <= (sent[-1].retry_after or 0) <= 60
    assert other.outcome == "accepted"


async def test_a_429_of_the_project_slows_the_whole_sender(fcm: LocalFcm, settings: Settings) -> None:
    # Thirty are fewer than may go at once, so without the 429 none would be held.
    batch = [message("tok-android" if n % 2 else "tok-web", key=f"row-{n}") for n in range(30)]
    calm = settings(concurrency=1, project_per_second=400, max_wait=0.0)
    async with FcmHttp(calm) as transport:
        assert {s.outcome for s in await transport.send(batch)} == {"accepted"}
    fcm.faults.add("quota", times=1, subject="project:demo", retry_after=1)
    async with FcmHttp(calm) as transport:
        sent = await transport.send(batch)
    assert sent[0].code == "QUOTA_EXCEEDED"
    held = [s for s in sent if s.code == "HELD_PROJECT"]
    assert len(held) >= 15
    assert all(not s.attempted and (s.retry_after or 0) > 0 for s in held)

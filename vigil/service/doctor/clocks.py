"""Compares the server's zone and clock with the connection's settings, by which dates without a zone are read. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from vigil.ecm.queries import ServerInfo, Twins
from vigil.service.clocks import NOTICED, rounded
from vigil.service.doctor.health import Check, fail, ok, skip, warn

ZONE, CLOCK = "server zone", "server clock"
WRONG = timedelta(minutes=5)
_QUARTER = timedelta(minutes=15)  # zones differ by whole quarters of an hour
_OF_CONNECTION = "zone of the Extended ECM block (`vigil connect --zone`)"


def zone(info: ServerInfo, twins: Twins | None, given: str, now: datetime) -> Check:
    """Compare the connection's zone with the offset of the server's dates. The server tells its zone nowhere."""
    if info.shifts_dates:
        do = "check that the dates in notices are right: the server may show dates in the zone of the user who asks"
        return warn(ZONE, "the server has time_zone_offset_enabled", do)
    if twins is not None:
        at = twins.naive
        written = twins.naive.replace(tzinfo=UTC) - twins.utc.astimezone(UTC)
        saw = f"workspace {twins.workspace}: {at.isoformat()} is {_utc(twins.utc)}, so {_hours(written)}"
    elif info.clock is not None and info.clock.tzinfo is None:
        at = info.clock
        written = _QUARTER * round((info.clock.replace(tzinfo=UTC) - now) / _QUARTER)
        saw = f"the server's clock shows {at.isoformat()} at {_utc(now)}, so {_hours(written)}"
    else:
        return skip(
            ZONE, "no date was found that shows it: nothing has a date without a zone, or none has one"
        )
    read = _offset(given, at)
    if written == read:
        return ok(ZONE, f"{saw}, which matches {given}")
    do = (
        f"set the {_OF_CONNECTION} to the zone of the server's clock, one with {_hours(written)} at that time"
    )
    return fail(ZONE, f"{saw}; {given} has {_hours(read)} at that time", do)


def clock(info: ServerInfo, given: str, asked: datetime, answered: datetime) -> Check:
    """Compare the server's clock with ours. Its time belongs to some instant between the request and the response."""
    if info.clock is None:
        return skip(CLOCK, "the server does not report its time")
    theirs = info.clock if info.clock.tzinfo else info.clock.replace(tzinfo=ZoneInfo(given))
    # The server truncates to whole seconds: its time may be up to one second later than reported.
    early, late = asked - theirs - timedelta(seconds=1), theirs - answered
    skew = max(early, late, timedelta())
    if skew <= NOTICED:
        return ok(CLOCK, f"the server's clock agrees with ours to {NOTICED.seconds} s")
    way = "behind" if early > late else "ahead of"
    saw = f"the server's clock is {rounded(skew)} {way} ours ({theirs.isoformat()}; here {_utc(answered)})"
    do = "synchronise both by NTP: no notice is lost, but due dates go by our clock, and changes have the instants of theirs"
    return fail(CLOCK, saw, do) if skew > WRONG else warn(CLOCK, saw, do)


def _offset(zone: str, wall: datetime) -> timedelta:
    return wall.replace(tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()


def _hours(offset: timedelta) -> str:
    seconds = offset.total_seconds()
    sign, rest = "-" if seconds < 0 else "+", int(abs(seconds))
    return f"UTC{sign}{rest // 3600:02}:{rest % 3600 // 60:02}"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

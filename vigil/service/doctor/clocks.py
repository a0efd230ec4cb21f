"""Compares the server's zone and clock with the connection's settings, by which dates without a zone are read. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vigil.ecm.probe import ServerInfo, Twins
from vigil.service.clocks import NOTICED, rounded
from vigil.service.doctor.health import Check, fail, ok, skip, warn

ZONE, CLOCK = "server zone", "server clock"
WRONG = timedelta(minutes=5)
_OF_CONNECTION = "zone of the Extended ECM block"


def zone(info: ServerInfo, twins: Twins | None, given: str) -> Check:
    """Compare the connection's zone with the zone in which the server writes its dates."""
    found = _zone_of(info.zone)
    if twins is not None:
        written = (twins.naive.replace(tzinfo=UTC) - twins.utc.astimezone(UTC)).total_seconds()
        read = _offset(given, twins.naive).total_seconds()
        saw = f"workspace {twins.workspace}: {twins.naive.isoformat()} is {_utc(twins.utc)}, so {_hours(written)}"
        if written != read:
            right = info.zone if found else "the zone of the server's clock"
            return fail(
                ZONE,
                f"{saw}; {given} has {_hours(read)} at that time",
                f"set the {_OF_CONNECTION} to {right}",
            )
        if found and _differ(info.zone, given, twins.naive.year):
            return warn(
                ZONE,
                f"{saw}, which matches {given}; but the server reports {info.zone}, which differs at other times",
                f"set the {_OF_CONNECTION} to {info.zone}",
            )
        return ok(ZONE, f"{saw}, which matches {given}")
    if found is None:
        return skip(
            ZONE,
            "the server does not report its zone, and no date was found that two calls write differently",
        )
    if info.clock is not None and _differ(info.zone, given, info.clock.year):
        return fail(
            ZONE,
            f"the server reports {info.zone}, the connection has {given}",
            f"set the {_OF_CONNECTION} to {info.zone}",
        )
    return ok(ZONE, f"the server reports {info.zone}")


def clock(info: ServerInfo, given: str, asked: datetime, answered: datetime) -> Check:
    """Compare the server's clock with ours. Its time belongs to some instant between the request and the response."""
    if info.clock is None:
        return skip(CLOCK, "the server does not report its time")
    place = _zone_of(info.zone) or ZoneInfo(given)
    theirs = info.clock if info.clock.tzinfo else info.clock.replace(tzinfo=place)
    # The server truncates to whole seconds: its time may be up to one second later than reported.
    early, late = asked - theirs - timedelta(seconds=1), theirs - answered
    skew = max(early, late, timedelta())
    if skew <= NOTICED:
        return ok(CLOCK, f"the server's clock agrees with ours to {NOTICED.seconds} s")
    way = "behind" if early > late else "ahead of"
    saw = f"the server's clock is {rounded(skew)} {way} ours ({theirs.isoformat()}; here {_utc(answered)})"
    do = "synchronise both by NTP: no notice is lost, but due dates go by our clock, and changes have the instants of theirs"
    return fail(CLOCK, saw, do) if skew > WRONG else warn(CLOCK, saw, do)


def _zone_of(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _offset(zone: str, wall: datetime) -> timedelta:
    return wall.replace(tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()


def _differ(one: str, other: str, year: int) -> bool:
    """Whether two zones have different offsets at some time of a year."""
    days = (datetime(year, 1, 1) + timedelta(days=n) for n in range(366))  # noqa: DTZ001  walls, in either zone
    return any(_offset(one, day) != _offset(other, day) for day in days)


def _hours(seconds: float) -> str:
    sign, rest = "-" if seconds < 0 else "+", int(abs(seconds))
    return f"UTC{sign}{rest // 3600:02}:{rest % 3600 // 60:02}"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

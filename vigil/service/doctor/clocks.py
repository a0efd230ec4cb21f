"""Whether the server's zone and clock are as the connection says: dates without a zone are read by it. Pure."""

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
    """Compare the zone that the connection was given with the one that the server writes its dates in."""
    found = _zone_of(info.zone)
    if twins is not None:
        written = (twins.naive.replace(tzinfo=UTC) - twins.utc.astimezone(UTC)).total_seconds()
        read = _offset(given, twins.naive).total_seconds()
        saw = f"workspace {twins.workspace}: {twins.naive.isoformat()} is {_utc(twins.utc)}, so {_hours(written)}"
        if written != read:
            right = info.zone if found else "the zone that the server's clock is set to"
            return fail(
                ZONE, f"{saw}; {given} is {_hours(read)} then", f"set the {_OF_CONNECTION} to {right}"
            )
        if found and _differ(info.zone, given, twins.naive.year):
            return warn(
                ZONE,
                f"{saw}, as {given} has it; but the server says {info.zone}, which differs at other times",
                f"set the {_OF_CONNECTION} to {info.zone}",
            )
        return ok(ZONE, f"{saw}, as {given} has it")
    if found is None:
        return skip(
            ZONE, "the server does not say its zone, and no date was found that two calls write differently"
        )
    if info.clock is not None and _differ(info.zone, given, info.clock.year):
        return fail(
            ZONE,
            f"the server says {info.zone}, the connection {given}",
            f"set the {_OF_CONNECTION} to {info.zone}",
        )
    return ok(ZONE, f"the server says {info.zone}")


def clock(info: ServerInfo, given: str, asked: datetime, answered: datetime) -> Check:
    """Compare the server's clock with ours; the truth lies between the instants when it was asked and when it answered."""
    if info.clock is None:
        return skip(CLOCK, "the server does not say what time it is")
    place = _zone_of(info.zone) or ZoneInfo(given)
    theirs = info.clock if info.clock.tzinfo else info.clock.replace(tzinfo=place)
    # It says whole seconds, cut off: it may be up to one later than it says.
    early, late = asked - theirs - timedelta(seconds=1), theirs - answered
    skew = max(early, late, timedelta())
    if skew <= NOTICED:
        return ok(CLOCK, f"the server's clock agrees with ours to {NOTICED.seconds} s")
    way = "behind" if early > late else "ahead of"
    saw = f"the server's clock is {rounded(skew)} {way} ours ({theirs.isoformat()}; here {_utc(answered)})"
    do = "set both by NTP: nothing is lost by it, but due dates are told by our clock, and changes have the instants of theirs"
    return fail(CLOCK, saw, do) if skew > WRONG else warn(CLOCK, saw, do)


def _zone_of(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _offset(zone: str, wall: datetime) -> timedelta:
    return wall.replace(tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()


def _differ(one: str, other: str, year: int) -> bool:
    """Whether two zones have different clocks at some time of a year."""
    days = (datetime(year, 1, 1) + timedelta(days=n) for n in range(366))  # noqa: DTZ001  walls, in either zone
    return any(_offset(one, day) != _offset(other, day) for day in days)


def _hours(seconds: float) -> str:
    sign, rest = "-" if seconds < 0 else "+", int(abs(seconds))
    return f"UTC{sign}{rest // 3600:02}:{rest % 3600 // 60:02}"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

"""What goes wrong in a trial, by kinds. A kind changes the trial's ticks: those that it disturbs, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import Any

Json = dict[str, Any]

HOUR = timedelta(hours=1)
# From one tick to the next. FCM's hour of tries goes by it; a lease goes by real time.
EVERY = timedelta(minutes=10)
BACK = 3  # ticks at most in which a clock that went back has not yet come to where it was


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of a trial. `ahead`: of the sandbox's clock, where Vigil's stands; `kills`: runs that are killed, each at such a share
    of a run's usual time; `ends`: whether a run follows that is not killed; `workers`: runs at once, one of them killed at `victim`.
    """

    clean: bool = False
    happenings: int = 2
    meanwhile: bool = False  # whether something happens while a run reads
    ahead: timedelta = timedelta()
    faults: Json | None = None
    unregisters: bool = False
    kills: tuple[float, ...] = ()
    ends: bool = True
    workers: int = 1
    victim: float | None = None


class Kind(StrEnum):
    """What a trial disturbs. The names are printed."""

    CALM = "calm"
    KILLS = "kills"
    ECM_RATES = "ecm rates"
    ECM_SCRIPTS = "ecm scripts"
    ECM_DOWN = "ecm down"
    FCM_SENDS = "fcm sends"
    FCM_TOKEN = "fcm token"
    DEVICES = "devices"
    CLOCK_AHEAD = "clock ahead"
    CLOCK_BEHIND = "clock behind"
    CLOCK_JUMPS = "clock jumps"
    CLOCK_NODES = "clock of nodes"
    WORKERS = "workers"


APART: Sequence[frozenset[Kind]] = (
    frozenset({Kind.ECM_RATES, Kind.ECM_SCRIPTS, Kind.ECM_DOWN}),
    frozenset({Kind.FCM_SENDS, Kind.FCM_TOKEN}),
    frozenset({Kind.CLOCK_AHEAD, Kind.CLOCK_BEHIND, Kind.CLOCK_JUMPS, Kind.CLOCK_NODES}),
    frozenset({Kind.KILLS, Kind.WORKERS}),
)
"""Kinds that do not come together in one trial: they would set the same thing."""
TOGETHER = 0.6  # share of the trials with a second kind, which is every other time that runs are killed

RATES = ("html_200", "try_again_500", "proxy_errors", "cut_connections", "wrong_lengths")
ECM_ANSWERS = (
    "html_200",
    "try_again",
    "500",
    "502",
    "503",
    "504",
    "401",
    "slow",
    "cut",
    "short",
    "malformed",
)
SENDS = (
    "quota", "internal", "unavailable", "reset_before", "reset_after", "slow", "malformed", "nameless", "unauthenticated", "html",
)  # fmt: skip
TOKENS = ("quota", "internal", "unavailable", "reset_before", "unauthenticated", "html", "malformed")


def first_kind(n: int) -> Kind:
    """The kind that trial number `n` begins with: they take turns."""
    return list(Kind)[n % len(Kind)]


def kinds(random: Random, n: int) -> tuple[Kind, ...]:
    """The kinds of trial number `n`: its first, and often another."""
    first = first_kind(n)
    if first is Kind.CALM or random.random() >= TOGETHER:
        return (first,)
    others = [
        k for k in Kind if k not in (first, Kind.CALM) and not any({k, first} <= some for some in APART)
    ]
    return first, random.choice(others)


def layout(random: Random) -> Json:
    """How this Extended ECM lays out what it holds, for the whole of the trial: switches of the sandbox."""
    return {"folders": random.choice((0, 0, 1, 3)), "roles_ignore_members": random.random() < 0.2}


def skew(random: Random, some: Sequence[Kind]) -> timedelta:
    """How far Vigil's clock is ahead of Extended ECM's for the whole of the trial, its first tick included."""
    by = timedelta(seconds=random.choice((20, 120, 600, 1800, 3600)))
    return by if Kind.CLOCK_AHEAD in some else -by if Kind.CLOCK_BEHIND in some else timedelta()


def ticks(random: Random, some: Sequence[Kind], ahead: timedelta, asked: Sequence[str]) -> list[Tick]:
    """The ticks of a trial after its first. `ahead`: its skew; `asked`: the endpoints of Extended ECM that a run asks."""
    disturbed = [
        Tick(happenings=random.randrange(1, 5), meanwhile=random.random() < 0.3)
        for _ in range(random.randrange(1, 4))
    ]
    planned = [*disturbed, Tick(clean=True), Tick(clean=True, happenings=0), Tick(clean=True, happenings=0)]
    planned = [replace(t, ahead=ahead) for t in planned]
    for kind in some:
        planned = CHANGES[kind](random, planned, asked)
    return planned


Change = Callable[[Random, Sequence[Tick], Sequence[str]], list[Tick]]


def _where_disturbed(change: Callable[[Random, Tick, Sequence[str]], Tick]) -> Change:
    def all_of_them(random: Random, ticks: Sequence[Tick], asked: Sequence[str]) -> list[Tick]:
        return [t if t.clean else change(random, t, asked) for t in ticks]

    return all_of_them


def _calm(random: Random, ticks: Sequence[Tick], asked: Sequence[str]) -> list[Tick]:
    return list(ticks)


def _kills(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    """Half of the times FCM takes half a second for what it has accepted, so that more runs are killed while they send."""
    shares = tuple(random.uniform(0.05, 1.0) for _ in range(random.randrange(1, 4)))
    slow = {"add": [{"kind": "slow", "seconds": 0.5, "skip": random.randrange(4)}]}
    tick = _with(tick, "fcm", slow) if random.random() < 0.5 else tick
    return replace(tick, kills=shares, ends=random.random() < 0.5)


def _workers(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    return replace(
        tick,
        workers=random.choice((2, 2, 3)),
        victim=random.uniform(0.2, 1.0) if random.random() < 0.5 else None,
    )


def _with(tick: Tick, system: str, faults: Json) -> Tick:
    before = tick.faults or {}
    return replace(tick, faults={**before, system: {**before.get(system, {}), **faults}})


def _ecm_rates(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    chosen = random.sample(RATES, random.randrange(1, 3))
    quirks: Json = {rate: random.choice((0.05, 0.3, 0.7)) for rate in chosen}
    if random.random() < 0.3:
        quirks["ticket_expires"] = random.randrange(3, 20)
    return _with(tick, "ecm", {"seed": random.randrange(1 << 30), "quirks": quirks})


def _ecm_scripts(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    script = [
        {"endpoint": random.choice(asked), "what": random.choice(ECM_ANSWERS), "nth": random.randrange(1, 4),
         "times": random.choice((1, 3, 6, 100)), "seconds": 0.3}
        for _ in range(random.randrange(1, 4))
    ]  # fmt: skip
    return _with(tick, "ecm", {"script": script})


def _ecm_down(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    what = random.choice(("500", "503", "401", "cut", "html_200"))
    begins = random.choice((1, 1, random.randrange(2, 30)))
    return _with(tick, "ecm", {"script": [{"endpoint": "*", "what": what, "nth": begins, "times": 100_000}]})


def _fcm_sends(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    faults = [
        {
            "kind": random.choice(SENDS),
            "rate": random.choice((0.3, 1.0)),
            "skip": random.choice((0, 0, 1, 3)),
            "seconds": 0.3,
        }
        for _ in range(random.randrange(1, 3))
    ]
    return _with(tick, "fcm", {"seed": random.randrange(1 << 30), "add": faults})


def _fcm_token(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    return _with(tick, "fcm", {"add": [{"kind": random.choice(TOKENS), "at": "token"}]})


def _devices(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    return replace(tick, unregisters=True)


def _clock_nodes(random: Random, tick: Tick, asked: Sequence[str]) -> Tick:
    """Nodes of Extended ECM have clocks of their own, for the dates of answers and for those that they write; right when clean."""
    places = ("*", "event *", "event document_added", random.choice(asked))
    clocks = [
        {"endpoint": random.choice(places), "ahead": random.choice((-3600, -600, -20, 20, 600, 3600))}
        for _ in range(random.randrange(1, 4))
    ]
    return _with(tick, "ecm", {"clocks": clocks})


def _skewed(random: Random, ticks: Sequence[Tick], asked: Sequence[str]) -> list[Tick]:
    """The clocks differ from the first tick on (`skew`). At the end Vigil's is put right where it lay behind."""
    ends = ticks[-1].ahead < timedelta()
    return [*ticks, Tick(clean=True, happenings=0)] if ends else list(ticks)


def _jumps(random: Random, ticks: Sequence[Tick], asked: Sequence[str]) -> list[Tick]:
    """Vigil's clock goes ahead while things are disturbed, and then back. Until it is where it was, a run is refused."""
    back = random.randrange(1, BACK + 1)
    refused = [Tick(happenings=random.randrange(3)) for _ in range(back)]
    ahead = [replace(t, ahead=EVERY * back) for t in ticks if not t.clean]
    return [*ahead, *refused, *(t for t in ticks if t.clean)]


CHANGES: Mapping[Kind, Change] = {
    Kind.CALM: _calm,
    Kind.KILLS: _where_disturbed(_kills),
    Kind.ECM_RATES: _where_disturbed(_ecm_rates),
    Kind.ECM_SCRIPTS: _where_disturbed(_ecm_scripts),
    Kind.ECM_DOWN: _where_disturbed(_ecm_down),
    Kind.FCM_SENDS: _where_disturbed(_fcm_sends),
    Kind.FCM_TOKEN: _where_disturbed(_fcm_token),
    Kind.DEVICES: _where_disturbed(_devices),
    Kind.CLOCK_AHEAD: _skewed,
    Kind.CLOCK_BEHIND: _skewed,
    Kind.CLOCK_JUMPS: _jumps,
    Kind.CLOCK_NODES: _where_disturbed(_clock_nodes),
    Kind.WORKERS: _where_disturbed(_workers),
}

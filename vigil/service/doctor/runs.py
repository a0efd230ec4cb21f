"""Whether what Prefect planned begins, and what has begun lives. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigil.service.doctor.health import Check, fail, ok, warn
from vigil.wording import counted

RUNS = "runs"
LATE = timedelta(minutes=2)  # a worker asks every few seconds
SILENT = timedelta(minutes=4)  # as automations/run-gives-no-sign-of-life.yaml waits
UNBEGUN = timedelta(minutes=15)  # a container may have to be fetched first
_PLANNER = (
    "look for errors of the scheduler in the Prefect server's log; the versions beside Prefect must be those that pyproject.toml "
    "allows. Just deployed, or the server just started: ask again in a minute. A schedule that has come to its end plans nothing"
)
_STARTER = (
    "look whether a worker runs for its pool and queue (`prefect worker start --pool NAME`), and whether a limit of theirs is "
    "reached"
)
_CRASHED = (
    "look whether its worker and machine are well, and whether a worker runs for its pool; the next run reads and delivers what this "
    "one did not"
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that has not begun. `at`: the instant it is planned for; `by_schedule` is False when a person started it."""

    at: datetime
    by_schedule: bool


@dataclass(frozen=True, slots=True)
class Underway:
    """A run that a worker has taken.

    `run` is its deployment and name; `since` when it got its `state`; `begun` is False while its process is only on its way;
    `heard` is the last instant at which anything was known of it; `worker` who took it, empty when nobody says.
    """

    run: str
    state: str
    begun: bool
    since: datetime
    heard: datetime
    worker: str = ""


def plan(
    name: str, say: Callable[[str, str, str], Check], planned: Sequence[Planned], now: datetime
) -> Check:
    """Whether a deployment whose schedule is on has a run to come, and none that should have begun. `planned`: earliest first."""
    late = [p.at for p in planned if now - p.at > LATE]
    if late:
        saw = f"the run that was planned for {_utc(late[-1])} has not begun {_length(now - late[-1])} later"
        more = f", nor have {len(late) - 1} before it" if len(late) > 1 else ""
        return say(name, saw + more, _STARTER)
    coming = [p.at for p in planned if p.by_schedule]
    if not coming:
        return say(name, "is deployed, its schedule is on, and no run is planned", _PLANNER)
    on = f"is deployed, its schedule is on, {counted(len(coming), 'run')} planned, the next for {_utc(coming[0])}"
    return ok(name, on)


@dataclass(frozen=True, slots=True)
class Crashed:
    """The last run of a deployment that has ended, where it crashed. `run`: its deployment and name; `why`: its state's message."""

    run: str
    at: datetime
    why: str = ""

    def __str__(self) -> str:
        why = f": {self.why.partition('. ')[0].rstrip('.')}" if self.why else ""
        return f"{self.run}, the last of its deployment, crashed at {_utc(self.at)}{why}"


def underway(runs: Sequence[Underway], now: datetime, crashed: Sequence[Crashed] = ()) -> Check:
    """Whether each run that is under way gives signs of life, and none crashed without a later one that ended better.

    One that is dead keeps those after it waiting.
    """
    lost = [said for run in runs if (said := _lost(run, now))]
    if lost:
        do = (
            "in Prefect set its state to Crashed, so that the next one may begin; nothing is lost by that. "
            "`vigil automations install` has that done by itself"
        )
        return fail(RUNS, "; ".join(lost), do)
    if crashed:
        return warn(RUNS, "; ".join(str(one) for one in crashed), _CRASHED)
    return ok(RUNS, f"{len(runs)} under way, each gives signs of life" if runs else "none is under way")


def _lost(run: Underway, now: datetime) -> str:
    """What is wrong with a run; empty when nothing is."""
    silent = now - run.heard
    by = f'; the worker "{run.worker}" had taken it' if run.worker else ""
    if not run.begun:
        return f"{run.run} was taken {_length(silent)} ago and has not begun{by}" if silent > UNBEGUN else ""
    if silent <= SILENT:
        return ""
    return f"{run.run} says {run.state} since {_utc(run.since)}, and gave no sign of life for {_length(silent)}{by}"


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"

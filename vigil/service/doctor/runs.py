"""Checks that planned runs begin, and that runs under way are alive. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigil.service.doctor.health import Check, fail, ok, warn
from vigil.wording import counted

RUNS = "runs"
LATE = timedelta(minutes=2)  # a worker polls every few seconds
SILENT = timedelta(minutes=4)  # the same as in automations/run-gives-no-sign-of-life.yaml
UNBEGUN = timedelta(minutes=15)  # an image may have to be pulled first
_PLANNER = (
    "check the Prefect server's log for errors of the scheduler; the versions of its libraries must be those that pyproject.toml "
    "allows. After a deployment or a start of the server, repeat the check in a minute. A schedule that has ended plans no runs"
)
_STARTER = (
    "check that a worker runs for its pool and queue (`prefect worker start --pool NAME`), and that their concurrency limits are "
    "not reached"
)
_CRASHED = "check its worker and machine, and that a worker runs for its pool; the next run reads and delivers what this one did not"


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that has not begun. `at` is its planned start; `by_schedule` is False if a person started it."""

    at: datetime
    by_schedule: bool


@dataclass(frozen=True, slots=True)
class Underway:
    """A run that a worker has taken.

    `run` is its deployment and name; `since` the time of its `state`; `begun` is False until its process has started; `heard` is the
    time of its latest event or state change; `worker` is the name of its worker, empty if unknown.
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
    """Check that a deployment with an active schedule has a planned run, and no overdue one. `planned`: earliest first."""
    late = [p.at for p in planned if now - p.at > LATE]
    if late:
        saw = f"the run planned for {_utc(late[-1])} has not begun {_length(now - late[-1])} later"
        more = f", nor have {len(late) - 1} before it" if len(late) > 1 else ""
        return say(name, saw + more, _STARTER)
    coming = [p.at for p in planned if p.by_schedule]
    if not coming:
        return say(name, "is deployed, its schedule is on, and no run is planned", _PLANNER)
    on = f"is deployed, its schedule is on, {counted(len(coming), 'run')} planned, the next for {_utc(coming[0])}"
    return ok(name, on)


@dataclass(frozen=True, slots=True)
class Crashed:
    """A deployment's last ended run, which crashed. `run`: its deployment and name; `why`: its state's message."""

    run: str
    at: datetime
    why: str = ""

    def __str__(self) -> str:
        why = f": {self.why.partition('. ')[0].rstrip('.')}" if self.why else ""
        return f"{self.run}, the last of its deployment, crashed at {_utc(self.at)}{why}"


def underway(runs: Sequence[Underway], now: datetime, crashed: Sequence[Crashed] = ()) -> Check:
    """Check that each run under way sends heartbeats, and that no deployment's last ended run crashed.

    A dead run blocks the runs after it.
    """
    lost = [said for run in runs if (said := _lost(run, now))]
    if lost:
        do = (
            "set its state to Crashed in Prefect, so that the next one can begin; nothing is lost by that. "
            "An automation of `vigil automations install` does this automatically"
        )
        return fail(RUNS, "; ".join(lost), do)
    if crashed:
        return warn(RUNS, "; ".join(str(one) for one in crashed), _CRASHED)
    return ok(RUNS, f"{len(runs)} under way, all of them alive" if runs else "none is under way")


def _lost(run: Underway, now: datetime) -> str:
    """The problem of a run; empty if there is none."""
    silent = now - run.heard
    by = f'; its worker was "{run.worker}"' if run.worker else ""
    if not run.begun:
        return f"{run.run} was taken {_length(silent)} ago and has not begun{by}" if silent > UNBEGUN else ""
    if silent <= SILENT:
        return ""
    return (
        f"{run.run} is {run.state} since {_utc(run.since)}, and sent no heartbeat for {_length(silent)}{by}"
    )


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"

"""Upkeep: deletes old data, retires devices that no app refreshes, and checks the ledger's consistency.

docs/decisions/0009-retention.md lists what is kept for ever, and why. Without `apply` everything is counted and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

from vigil.compliance.evaluation import escalations
from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.results import DIGESTED
from vigil.compliance.evaluation.window import Window
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.rules.model import RuleSet
from vigil.ledger import watermarks
from vigil.ledger.maintenance import integrity, retention
from vigil.ledger.maintenance.integrity import IntegrityFault
from vigil.ledger.maintenance.retention import Forgets
from vigil.ledger.people import deleted_accounts, device_stats, devices
from vigil.ledger.watermarks import Watermark, WatermarkName
from vigil.service.run import Run

WAITING = frozenset(
    {GuardWhy.UNDECIDED.value, GuardWhy.HELD.value, GuardWhy.EXPIRED.value, *(w.value for w in DIGESTED)}
)
"""Reasons of suppressed notices that may still be sent: their words are needed."""

RETIRED = "not refreshed for 270 days"
LEFT = "the account is deleted in Extended ECM"
LATE = timedelta(days=31)
"""How long a site may not have been watched so that its next run still finds what could have escalated meanwhile."""

_NOTED = {
    Forgets.OBSERVATIONS: WatermarkName.FORGOTTEN,
    Forgets.AUDIT: WatermarkName.FORGOTTEN,
    Forgets.ATTEMPTS: WatermarkName.FORGOTTEN_ATTEMPTS,
}
"""The kinds of data whose deletion later runs must know of, and the watermark that says up to when."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The retention of each kind, in months. Observations are kept at least as long as a backfill can go back."""

    observations: int = 24
    backfill: int = 12
    attempts: int = 24
    texts: int = 36
    runs: int = 36
    manifests: int = 24
    acknowledgements: int = 36
    people: int = 24


@dataclass
class Report:
    """The results of an upkeep: rows by kind, whether they were deleted, faults of the ledger, hints for the database."""

    forgotten: dict[Forgets, int] = field(default_factory=dict)
    retired: int = 0
    checked: int = 0
    faults: list[IntegrityFault] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def table(self, applied: bool) -> list[dict[str, str | int]]:
        """The rows of an artifact."""
        done = "forgotten" if applied else "would be forgotten"
        rows: list[dict[str, str | int]] = [
            {"what": what.value, "number": n, "result": done} for what, n in self.forgotten.items()
        ]
        retired = "retired" if applied else "would be retired"
        rows.append({"what": "devices", "number": self.retired, "result": retired})
        rows.append(
            {"what": "subjects checked", "number": self.checked, "result": f"{len(self.faults)} faults"}
        )
        rows += [{"what": f.where, "number": 1, "result": f"{f.what}. To do: {f.do}"} for f in self.faults]
        return rows + [{"what": "database", "number": 1, "result": hint} for hint in self.hints]


def horizons(now: datetime, keep: Keep, rules: RuleSet) -> Mapping[Forgets, datetime]:
    """Up to when each kind of data may be deleted."""
    read = max(keep.observations, keep.backfill)
    months = {
        Forgets.OBSERVATIONS: read,
        Forgets.AUDIT: read,
        Forgets.ATTEMPTS: keep.attempts,
        Forgets.TEXTS: keep.texts,
        # A backfill replays the actual ticks: without them it would use other instants than the runs did.
        Forgets.RUNS: max(keep.runs, keep.observations, keep.backfill),
        Forgets.MANIFESTS: keep.manifests,
        Forgets.ACKNOWLEDGEMENTS: keep.acknowledgements,
        Forgets.PEOPLE: keep.people,
    }
    before = {what: now - relativedelta(months=n) for what, n in months.items()}
    # Without it, acknowledged notices would seem unacknowledged, and escalate.
    counts = escalations.horizon(escalations.escalating(active(rules)), Window(now, now)) - LATE
    before[Forgets.ACKNOWLEDGEMENTS] = min(before[Forgets.ACKNOWLEDGEMENTS], counts)
    return before


def forget_slice(
    run: Run, what: Forgets, horizon: datetime, after: int, apply: bool
) -> tuple[int, int | None]:
    """One slice of the data to delete: how many rows, and where the next slice begins (None at the end)."""
    if not apply:
        with run.ledger.read() as connection:
            evaluated = watermarks.watermark(connection, WatermarkName.EVALUATED).seq
            found = retention.find(connection, what, horizon, after, WAITING, evaluated)
        return len(found.rows), found.following
    with run.ledger.write() as connection:
        evaluated = watermarks.watermark(connection, WatermarkName.EVALUATED).seq
        found = retention.find(connection, what, horizon, after, WAITING, evaluated)
        count = retention.forget(connection, what, found.rows)
        if count and what in _NOTED:
            watermarks.set_watermark(connection, _NOTED[what], Watermark(at=horizon))
    return count, found.following


def retire(run: Run, apply: bool) -> int:
    """Retire devices that FCM refuses by now (docs/contracts/fcm.md#devices), and those of deleted accounts."""
    with run.ledger.write() if apply else run.ledger.read() as connection:
        left = deleted_accounts.devices_in_use(connection)
        old = set(device_stats.take(connection, run.as_of).refused) - set(left)
        if apply:
            devices.retire(connection, left, LEFT, run.clock())
            devices.retire(connection, old, RETIRED, run.clock(), run.as_of - device_stats.REFUSED)
    return len(left) + len(old)


def check_slice(run: Run, limit: int) -> tuple[list[IntegrityFault], int]:
    """Compare the next slice of the index with the observations. The cursor continues across runs."""
    with run.ledger.write() as connection:
        cursor = watermarks.watermark(connection, WatermarkName.LEDGER_CHECK).data
        after = (str(cursor.get("kind", "")), str(cursor.get("subject", "")))
        faults, end, count = integrity.newest(connection, after, limit)
        data = {"kind": end[0], "subject": end[1]}
        watermarks.set_watermark(connection, WatermarkName.LEDGER_CHECK, Watermark(at=run.as_of, data=data))
    return faults, count


def check_whole(run: Run) -> tuple[list[IntegrityFault], list[str]]:
    """The faults of the ledger as a whole, and the benefits of maintenance for its database."""
    with run.ledger.read() as connection:
        return integrity.whole(connection, run.clock()), integrity.upkeep_hints(connection)


def earliest(run: Run) -> datetime | None:
    """The first instant at which a backfill's window may begin; None if nothing was ever deleted.

    A condition counts since when it holds. After observations were deleted, that is known again only after every rule's `for` has
    passed: before, a finding could get another occurrence than it had, and be sent twice.
    """
    with run.ledger.read() as connection:
        at = watermarks.watermark(connection, WatermarkName.FORGOTTEN).at
    return None if at is None else at + _longest(run.rules)


def _longest(rules: RuleSet) -> timedelta:
    return max((r.for_.timedelta for r in active(rules) if r.for_ is not None), default=timedelta())

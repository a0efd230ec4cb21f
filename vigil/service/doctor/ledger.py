"""Checks of the ledger: the connection, its schema, the registered devices, and the last run."""

from __future__ import annotations

from datetime import datetime, timedelta

from vigil.compliance.rules.in_force import Revision
from vigil.ecm.dialect import Dialect
from vigil.ecm.probes import Known
from vigil.ledger import Ledger, LedgerError, LedgerOfAnother, ownership
from vigil.ledger.maintenance.schema_version import Schema, schema
from vigil.ledger.observed import rule_versions, runs
from vigil.ledger.people import device_stats
from vigil.ledger.people.device_stats import DeviceStats
from vigil.ledger.values import RunState
from vigil.service import dialects
from vigil.service.doctor.health import Check, fail, ok, skip, warn
from vigil.wording import counted

SCHEMA, DEVICES, RUNS = "ledger", "devices", "last watch"
SILENT = timedelta(hours=24)
"""The age of the last `watch` after which the doctor warns."""


def examine(url: str, now: datetime, site: str) -> list[Check]:
    """Check a site's ledger at `url` without changing it. Without its tables, the checks that need them are left out."""
    try:
        found = schema(url)
    except LedgerError as error:
        return [
            fail(
                SCHEMA,
                str(error),
                "correct the address in the ledger block, or solve the problem that the message names",
            )
        ]
    checks = [judge(found)]
    if not found.is_newest:
        return checks
    ledger = Ledger.open(url)
    try:
        with ledger.read() as connection:
            ownership.refuse_another(connection, site)
            taken, last = device_stats.take(connection, now), runs.latest(connection, "watch", 1)
    except LedgerOfAnother as error:
        return [fail(SCHEMA, str(error), "until then every run of this site is refused")]
    finally:
        ledger.close()
    return [*checks, devices(taken), _last(last[0] if last else None, now)]


def known(url: str, ecm: str) -> tuple[Known, Dialect]:
    """Items of the estate to probe Extended ECM with, and its dialect as runs know it.

    Both are empty if the ledger cannot be read (`examine` gives the reason).
    """
    try:
        if not schema(url).is_newest:
            return Known(), Dialect()
        ledger = Ledger.open(url)
    except LedgerError:
        return Known(), Dialect()
    try:
        return dialects.known(ledger), dialects.load(ledger, ecm)
    finally:
        ledger.close()


def texts(url: str) -> list[Revision]:
    """The texts with which rules were last evaluated; none if the ledger cannot be read (`examine` gives the reason)."""
    try:
        if not schema(url).is_newest:
            return []
        ledger = Ledger.open(url)
    except LedgerError:
        return []
    try:
        with ledger.read() as connection:
            return rule_versions.in_force(connection)
    finally:
        ledger.close()


def judge(found: Schema) -> Check:
    """Whether the schema is the one that this program needs."""
    if not found.exists or found.found is None:
        return warn(SCHEMA, f"{found.name} has no tables yet", "nothing: the first run creates them")
    if found.is_newest:
        return ok(SCHEMA, f"{found.name}, schema {found.found}, which is the newest")
    saw = f"{found.name} has schema {found.found}, this program's newest is {found.wanted}"
    if not found.known:
        return fail(
            SCHEMA,
            saw,
            "install the version of Vigil that made it, or a newer one: this version refuses to open it",
        )
    return warn(SCHEMA, saw, "back it up: the next run migrates it")


def devices(taken: DeviceStats) -> Check:
    """Whether any person has a device in use."""
    if not taken.in_use:
        do = "let the app register them through `vigil gateway`, or run `vigil devices import devices.csv`"
        return warn(DEVICES, "no device is registered: nobody can receive notices", do)
    said = ", ".join(f"{n} {platform}" for platform, n in taken.in_use.items())
    saw = f"{said}, of {counted(taken.people, 'person', 'people')}"
    if taken.refused or taken.stale:
        saw += f"; {len(taken.stale)} not refreshed for a month, {len(taken.refused)} for 270 days"
        if len(taken.stale) + len(taken.refused) >= sum(taken.in_use.values()) / 2:
            do = "check that the app refreshes its registration: most of these may be dead. `upkeep` retires those of 270 days"
            return warn(DEVICES, saw, do)
    return ok(DEVICES, saw)


def _last(run: dict[str, object] | None, now: datetime) -> Check:
    if run is None:
        return skip(RUNS, "`watch` has never run")
    at, state = run["started_at"], run["state"]
    how = "has not ended" if state == RunState.RUNNING else f"ended as {state}"
    saw = f"run {run['id']}, begun {at:%Y-%m-%d %H:%M} UTC, {how}"
    if state == RunState.FAILED:
        return warn(RUNS, saw, "check its logs in Prefect; the next run continues where it stopped")
    if isinstance(at, datetime) and now - at > SILENT:
        return warn(RUNS, saw, "more than a day ago: check the deployment's schedule and that a worker runs")
    return ok(RUNS, saw)

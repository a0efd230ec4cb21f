"""The events that runs emit. Their names and payloads are stable, for the sake of users' automations: docs/events.md.

A run without problems emits one event, `vigil.watch.completed`; emitting does not wait for the server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from prefect.events import emit_event

from vigil import safe_text
from vigil.compliance.notices import NoticeState
from vigil.ledger.outbox.guard_holds import GuardHold
from vigil.service.account_text import why_waiting
from vigil.service.accounting import Account
from vigil.service.guards import TooManyMissing
from vigil.service.reasons import of_row
from vigil.service.reconcile.found import Checked
from vigil.service.run import Run

NAMED = 20  # workspaces that an event names at most


class Signal(StrEnum):
    """The names of the events."""

    WATCHED = "vigil.watch.completed"
    GAPS = "vigil.run.gaps"
    UNROUTABLE = "vigil.finding.unroutable"
    FAILING = "vigil.delivery.failing"
    TRIPPED = "vigil.guard.tripped"
    ANSWERED = "vigil.guard.answered"
    EXPIRED = "vigil.guard.expired"
    FOUND = "vigil.reconcile.found"
    SUSPENDED = "vigil.run.suspended"


def emit(signal: Signal, site: str, payload: Mapping[str, Any], rule: str = "") -> None:
    """Emit one event about a site, or about one of its rules. The Prefect run is attached by Prefect itself."""
    id = f"vigil.rule.{site}.{rule}" if rule else f"vigil.site.{site}"
    resource = {"prefect.resource.id": id, "prefect.resource.name": rule or site, "vigil.site": site}
    emit_event(
        signal.value,
        resource=resource | ({"vigil.rule": rule} if rule else {}),
        payload=safe_text.payload(payload),
    )


def of_account(run: Run, made: Account) -> None:
    """Emit the events of a finished run."""
    site, about = run.site.name, {"run": run.id, "flow": run.flow, "as_of": run.as_of.isoformat()}
    if made.gaps:
        emit(Signal.GAPS, site, {**about, "gaps": len(made.gaps), "first": made.gaps[0]})
    if made.undelivered:
        emit(Signal.FAILING, site, {**about, **failing(made)})
    _unroutable(site, about, made)
    for hold in made.holds:
        of_hold(site, hold)
    if run.flow == "watch":
        numbers = {"routed": made.routed, "rows": dict(made.rows), "gaps": len(made.gaps)}
        emit(Signal.WATCHED, site, {**about, **numbers, "waiting": made.waiting})


def failing(made: Account) -> dict[str, Any]:
    """The payload about the notices of an Undelivered run."""
    given_up = {of_row(n) for n in made.notices if n["state"] == NoticeState.FAILED}
    why = list(dict.fromkeys([*made.refused, *why_waiting(made.waits), *sorted(given_up)]))[:NAMED]
    causes = {kind.value: n for kind, n in made.unsent.items()}
    return {"waiting": made.waiting, "given up": made.given_up, "causes": causes, "why": why}


def _unroutable(site: str, about: Mapping[str, Any], made: Account) -> None:
    found: dict[str, list[int]] = defaultdict(list)
    for n in made.notices:
        if n["state"] == NoticeState.UNROUTABLE:
            found[n["rule"]].append(n["workspace"])
    for rule, workspaces in sorted(found.items()):
        some = sorted(set(workspaces))[:NAMED]
        emit(Signal.UNROUTABLE, site, {**about, "findings": len(workspaces), "workspaces": some}, rule)


def of_hold(site: str, hold: GuardHold, signal: Signal = Signal.TRIPPED) -> None:
    """Emit that a guard holds a rule's notices, or that the hold was answered or expired."""
    numbers = {
        "notices": hold.notices,
        "findings": hold.findings,
        "workspaces": hold.workspaces,
        "known": hold.known,
    }
    said = {"trip": hold.id, "run": hold.run, "reasons": list(hold.reasons), "until": hold.until.isoformat()}
    emit(signal, site, {**said, **numbers, "state": hold.state, "by": hold.answered_by}, hold.rule)


def of_check(run: Run, check: str, checked: Checked) -> None:
    """Emit that a check of `reconcile` found something."""
    about = {"run": run.id, "flow": run.flow, "as_of": run.as_of.isoformat()}
    some = sorted({f.workspace for f in checked.found if f.workspace is not None})[:NAMED]
    first, changed = checked.found[0].what, sum(bool(f.changed) for f in checked.found)
    numbers = {"findings": len(checked.found), "changed": changed}
    emit(
        Signal.FOUND, run.site.name, {**about, "check": check, **numbers, "first": first, "workspaces": some}
    )


def of_suspension(flow_run: str) -> None:
    """Emit that this run now waits for a person and stops its heartbeats. The resource is the Prefect run, as for heartbeats."""
    emit_event(Signal.SUSPENDED.value, resource={"prefect.resource.id": f"prefect.flow-run.{flow_run}"})


def of_failure(run: Run, error: BaseException) -> None:
    """Emit the event of a failed run, if its error has one."""
    about = {"run": run.id, "flow": run.flow, "as_of": run.as_of.isoformat(), "why": [str(error)]}
    if isinstance(error, TooManyMissing):
        numbers = {"known": error.known, "lost": error.lost}
        emit(Signal.TRIPPED, run.site.name, {**about, **numbers, "reasons": [str(error)], "state": "refused"})

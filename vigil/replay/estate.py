"""Runs the `watch` flow over an estate, tick by tick. Semantics: docs/semantics.md#time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vigil.compliance.notices import NoticeState
from vigil.flow_runs.outcomes import Ended, ended
from vigil.ledger import Ledger, watermarks
from vigil.ledger.outbox import leases, queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.watermarks import WatermarkName
from vigil.sandbox.estate.load import load
from vigil.sandbox.estate.model import Estate
from vigil.sandbox.process import SandboxProcess
from vigil.service.connecting.changes import Values
from vigil.service.connecting.forms import OPTIONAL
from vigil.service.resources import ledger_of_site

SITE = "sandbox"
ALL = 1_000_000  # look-ups a run: an estate is walked whole at each tick
LAST_TRIES = (
    70  # minutes after the last tick in which what is still queued is tried: FCM's hour, and a little
)


@dataclass(frozen=True, slots=True)
class Replay:
    """The parameters of a replay: an estate, its rules, and the ticks `start`, `start + every`, ... up to `end`."""

    estate: Path
    rules: Path
    templates: Path
    start: datetime
    end: datetime
    every: timedelta
    ledger_url: str

    def ticks(self) -> list[datetime]:
        out, at = [], self.start
        while at <= self.end:
            out.append(at)
            at += self.every
        return out

    def left(self, ledger: Ledger) -> list[datetime]:
        """The ticks after the last one in a ledger: all of them if it is new."""
        with ledger.read() as connection:
            known = watermarks.watermark(connection, WatermarkName.EVALUATED).at
        return [tick for tick in self.ticks() if known is None or tick > known]


async def replay(
    what: Replay,
    after_tick: Callable[[datetime, SandboxProcess, Ledger], None] = lambda *_: None,
    before_first: Callable[[SandboxProcess], None] = lambda _: None,
) -> list[Ended]:
    """Run `watch` at each tick that the ledger does not have yet: a stopped replay continues after its last one.

    Returns how each run ended, including those after the last tick that deliver waiting notices. `after_tick` is called after each
    run, for progress; `before_first` may set faults.
    """
    estate = load(what.estate)
    ledger, ends = ledger_of_site(SITE, what.ledger_url), []
    register(ledger, estate, what.start)
    with SandboxProcess(what.estate, start=what.start) as sandbox:
        await save_site(what, estate, sandbox)
        before_first(sandbox)
        for tick in what.left(ledger):
            sandbox.move(tick)
            ends.append(await _watch(tick))
            after_tick(tick, sandbox, ledger)
        for tick in _until_delivered(ledger, what.ticks()[-1]):
            sandbox.move(tick)
            ends.append(await _watch(tick))
    return ends


async def _watch(tick: datetime) -> Ended:
    """One run. What it could not read or deliver is left to the next."""
    from flows.watch import watch

    return await ended(watch(site=SITE, as_of=tick, return_state=True))


def _until_delivered(ledger: Ledger, last: datetime) -> Iterator[datetime]:
    """Minutes after the last tick, while a notice waits for a retry."""
    for minute in range(1, LAST_TRIES + 1):
        with ledger.read() as connection:
            if leases.next_due(connection) is None:
                return
        yield last + timedelta(minutes=minute)


def register(ledger: Ledger, estate: Estate, now: datetime) -> None:
    """Register the estate's devices, as each person's app would."""
    some = [
        NewDevice(u.login, d.token, d.platform, language=u.language, zone=u.zone)
        for u in estate.users.values()
        for d in u.devices
    ]
    with ledger.write() as connection:
        devices.register(connection, some, now)


async def save_site(
    what: Replay,
    estate: Estate,
    sandbox: SandboxProcess,
    verify_requests: int = ALL,
    changed: Values = MappingProxyType({}),
) -> None:
    """Save the blocks that `watch` loads, pointing at the sandbox. `changed` overrides settings."""
    from blocks import kept
    from flows.support.sites import server

    usual: Values = {
        "ecm": {"url": sandbox.ecm_url, "username": "vigil", "password": "vigil", "zone": estate.zone.key},
        "fcm": {
            "service_account": Path(sandbox.service_account).read_text(),
            "endpoint": sandbox.fcm_url,
        },
        "ledger": {"url": what.ledger_url},
        "site": {
            "ecm": SITE,
            "fcm": SITE,
            "ledger": SITE,
            **{part: SITE if part in changed else None for part in OPTIONAL},
            "public_url": estate.public_url,
            "rules": str(what.rules),
            "templates": str(what.templates),
            "verify_requests": verify_requests,
        },
    }
    values = {part: {**usual.get(part, {}), **changed.get(part, {})} for part in {**usual, **changed}}
    async with server() as client:
        await kept.save(client, SITE, values)


def results(ledger: Ledger) -> list[dict[str, Any]]:
    """The output of `run-estate`: one row for each person. docs/estates.md#results"""
    with ledger.read() as connection:
        return [_row(r) for r in queue.rows(connection)]


def _row(r: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        "rule": r["rule"],
        "workspace": r["workspace"],
        "occurrence": r["occurrence"],
        "step": r["step"] or None,
        "person": r["person"] or None,
        "fire_at": r["fire_at"].astimezone(UTC).isoformat(),
        "outcome": NoticeState.FAILED if r["state"] == NoticeState.QUEUED else r["state"],
    }
    reason = r["reason"] or ("not delivered when the run ended" if r["state"] == NoticeState.QUEUED else "")
    return row | ({"reason": reason} if reason else {})


def write(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Write the rows completely or not at all."""
    part = out.with_name(out.name + ".part")
    part.write_text("".join(json.dumps(row) + "\n" for row in rows))
    part.replace(out)

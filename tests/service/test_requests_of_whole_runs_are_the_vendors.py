"""Every request that whole runs make is one of the vendor's documents: path, method, parameters and their values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from tests.support import vendor
from tests.support.plain_runs import extract, watched
from tests.support.run_bench import HOUR, NOON, RunBench
from vigil.ledger import Ledger
from vigil.sandbox.dialects import DIALECTS
from vigil.sandbox.quirks import EcmFaults
from vigil.sandbox.request_log import LoggedRequest
from vigil.service import digest, upkeep
from vigil.service.backfill import approve, manifest
from vigil.service.doctor import ecm as doctor
from vigil.service.manifest_diff import changes
from vigil.service.reconcile import CHECKS
from vigil.service.run import Run
from vigil.service.sweep import Scope, evaluate_scope

pytestmark = pytest.mark.shared

OTHER_SERVERS = "/otdsws/"
"""OTDS is none of the servers that the documents are about."""


@dataclass
class Requests:
    """What was asked, and what the documents have against it: a reason -> the first request with it."""

    asked: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def note(self, request: LoggedRequest) -> None:
        if request.path.startswith(OTHER_SERVERS):
            return
        self.asked.add(vendor.call(request.method, request.path))
        values = request.query | request.form
        for reason in vendor.refused(request.method, request.path, request.query, request.form, values):
            self.refused.setdefault(reason, f"{request.path} {request.query} {request.form}")

    def told(self) -> str:
        return "\n".join(f"{reason}\n    {request}" for reason, request in self.refused.items())


class Flows:
    """The flows, each as the file of its name in flows/ makes it, without Prefect and without sending."""

    def __init__(self, bench: RunBench, ledger: Ledger, dialect: str) -> None:
        self._bench, self._ledger, self._dialect = bench, ledger, dialect

    def _faults(self) -> EcmFaults:
        faults = EcmFaults()
        faults.configure({"dialect": self._dialect})
        return faults

    def watch(self, hours: float) -> None:
        run, client = self._bench.run("watch", self._ledger, hours, faults=self._faults())
        self._bench.alone(lambda: watched(run, client))

    def sweep(self, hours: float, dry_run: bool) -> None:
        async def sweep(run: Run) -> None:
            read = await extract(run)
            assert await evaluate_scope(run, read.schema, Scope(), dry_run), "it finds something"

        self._do("sweep", hours, sweep)

    def digest(self, hours: float) -> None:
        run, _ = self._bench.run("digest", self._ledger, hours)
        for people in digest.batches(run):
            digest.make_digests(run, people)

    def reconcile(self, hours: float) -> None:
        async def reconcile(run: Run) -> None:
            for check in CHECKS.values():
                await check(run, False)

        self._do("reconcile", hours, reconcile)

    def backfill(self, hours: float) -> None:
        async def backfill(run: Run) -> None:
            id, _ = await manifest(run, NOON - 48 * HOUR, run.as_of)
            changes(run, id)
            approve(run, id)

        self._do("backfill", hours, backfill)

    def upkeep(self, hours: float) -> None:
        run, _ = self._bench.run("upkeep", self._ledger, hours)
        upkeep.check_slice(run, 1000)

    def doctor(self, hours: float) -> None:
        async def examine(run: Run) -> None:
            await doctor.examine(run.client, run.rules, run.clock)
            await doctor.people(run.client, run.rules)

        self._do("watch", hours, examine)

    def _do(self, flow: str, hours: float, act: Callable[[Run], Awaitable[None]]) -> None:
        run, client = self._bench.run(flow, self._ledger, hours, faults=self._faults())
        self._bench.do(run, client, lambda: act(run))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_request_is_in_the_vendors_documents(bench: RunBench, ledger: Ledger, dialect: str) -> None:
    """The first runs read everything, the next what changed, one a day later everything again; then each other flow."""
    requests = Requests()
    bench.note = requests.note
    flows = Flows(bench, ledger, dialect)
    for hours in (0, 1, 2, 26, 50):
        flows.watch(hours)
    flows.sweep(51, dry_run=True)
    flows.sweep(52, dry_run=False)
    flows.backfill(53)
    flows.digest(54)
    flows.reconcile(55)
    flows.upkeep(56)
    flows.doctor(57)
    assert len(requests.asked) > 10, "requests are logged"
    assert not requests.refused, requests.told()

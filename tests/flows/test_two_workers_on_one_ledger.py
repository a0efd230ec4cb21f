"""Two process workers, one PostgreSQL ledger: a watch and a sweep that tells people, at the same time, tell nobody twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.flows import deployed
from tests.flows.conftest import SITE, Watched
from tests.shared import PROJECT
from tests.support.postgres import fresh
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess

POOL = "pair"


@pytest.fixture
def watched(tmp_path: Path, prefect_url: str) -> Iterator[Watched]:
    made = generate(tmp_path / "estate")
    with fresh("postgresql", tmp_path) as url, SandboxProcess(made.folder, start=made.start) as sandbox:
        yield Watched(tmp_path, sandbox, made, PROJECT / "rules", url)


@pytest.fixture
def two_workers(prefect_url: str, tmp_path: Path) -> Iterator[None]:
    """Deployments of their own in a pool of their own, with two workers of which each takes one run."""
    deployed.pool(POOL)
    for flow in ("watch", "sweep"):
        deployed.prefect("deploy", f"flows/{flow}.py:{flow}", "--name", POOL, "--pool", POOL, url=prefect_url)
    with ExitStack() as stack:
        for name in ("one", "two"):
            stack.enter_context(deployed.worker(prefect_url, tmp_path, POOL, "--name", name, "--limit", "1"))
        yield


@dataclass(frozen=True)
class Span:
    """Who ran a run, and when."""

    worker: str
    start: datetime
    end: datetime


async def span_of(run: UUID) -> Span:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        found = await client.read_flow_run(run)
        assert found.start_time is not None and found.end_time is not None
        return Span(str(found.labels["prefect.worker.name"]), found.start_time, found.end_time)


@pytest.mark.soak  # in CI tests/outside has runs at once, and tests/crash workers
@pytest.mark.timeout(900)
def test_a_watch_and_a_sweep_at_once_tell_everyone_once(watched: Watched, two_workers: None) -> None:
    watched.watch(watched.made.start)
    at = watched.made.start + timedelta(days=2)
    watched.sandbox.move(at)
    asyncio.run(watched.save())
    watched.sandbox.faults(ecm={"latency_ms": 3000})  # until both run: one may take long to start
    runs = [
        deployed.start(f"watch/{POOL}", site=SITE, as_of=at.isoformat()),
        deployed.start(f"sweep/{POOL}", site=SITE, as_of=at.isoformat(), scope={"dry_run": False}),
    ]
    for run in runs:
        deployed.until(run, "Running")
    watched.sandbox.faults(ecm={"latency_ms": 30})  # so long that each meets the other at every step
    for run in runs:
        deployed.until(run, "Completed")
    spans = [asyncio.run(span_of(run)) for run in runs]
    assert {s.worker for s in spans} == {"one", "two"}
    assert max(s.start for s in spans) < min(s.end for s in spans), "they did not run at the same time"
    rows = watched.rows()
    assert not [r for r in rows if r["state"] == "queued"], "a green run left something to the next one"
    sent = [r for r in rows if r["state"] == "sent"]
    assert len(sent) > 20
    received = Counter((d["token"], n["key"]) for d in watched.sandbox.devices() for n in d["received"])
    assert set(received.values()) == {1}, "a device was told the same twice"
    assert {key for _, key in received} == {r["message"].key for r in sent}

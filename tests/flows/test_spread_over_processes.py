"""A site with a Dask reads and evaluates in other processes, and tells what it would tell without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.support import tasks
from tests.flows.conftest import Watched
from tests.shared import PROJECT
from tests.support.postgres import fresh
from vigil.ledger.observed import runs
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.service import evaluation

distributed = pytest.importorskip("distributed", reason="prefect-dask is not installed: see docs/scaling.md")


class Spread(Watched):
    """A world whose site names a Dask."""

    dask = ""

    async def save(self) -> None:
        self.settings = {"site": {"dask": self.dask}}
        await super().save()


@pytest.fixture(scope="module")
def dask() -> Iterator[str]:
    """The address of a scheduler with two processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def spread(tmp_path: Path, prefect_url: str) -> Iterator[Spread]:
    made = generate(tmp_path / "estate")
    with fresh("postgresql", tmp_path) as url, SandboxProcess(made.folder, start=made.start) as sandbox:
        yield Spread(tmp_path, sandbox, made, PROJECT / "rules", url)


def account(watched: Watched) -> dict[str, Any]:
    with watched.ledger.read() as connection:
        found = runs.latest(connection, "watch", 1)[0]["account"]
    return {k: found[k] for k in ("numbers", "rows", "gaps", "difference")}


def test_it_tells_what_one_process_tells_and_counts_the_same(
    spread: Spread, watched: Watched, dask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days in one process, and in two others: the same rows, the same account, each notice once on its device."""
    monkeypatch.setattr(
        evaluation, "BATCH", 20
    )  # several batches of the few workspaces of the demo, and pages
    monkeypatch.setattr(tasks, "PAGE", 2)
    for days in (0, 3):
        for world in (watched, spread):
            spread.dask = dask if days else ""
            state = world.watch(world.made.start + timedelta(days=days))
            assert state.name == "Completed", state.message
    assert spread.told() == watched.told()
    mine, alone = account(spread), account(watched)
    assert (mine["rows"], mine["gaps"], mine["difference"]) == (alone["rows"], alone["gaps"], 0)
    same = ("evaluated", "findings", "routed", "workspaces read", "attempts accepted")
    assert {n: mine["numbers"][n] for n in same} == {n: alone["numbers"][n] for n in same}
    assert mine["numbers"]["requests"] > alone["numbers"]["requests"], "each part logs in"
    received = Counter((d["token"], n["key"]) for d in spread.sandbox.devices() for n in d["received"])
    assert received and set(received.values()) == {1}


def test_what_a_remote_worker_cannot_read_is_a_gap_of_the_run(
    spread: Spread, dask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PAGE", 2)
    spread.watch(spread.made.start)
    spread.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/nodes/*/nodes", "what": "500", "times": 1000}]}
    )
    spread.dask = dask
    state = spread.watch(spread.made.start + timedelta(days=1))
    assert (state.type.value, state.name) == ("FAILED", "Gaps")
    assert account(spread)["gaps"]

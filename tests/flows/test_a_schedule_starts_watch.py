"""What a user does on a plain system: server, `connect`, pool, `deploy --all`, worker. Then a schedule starts `watch`.

Run by `make test-slow` with the newest versions that pyproject.toml allows, and by `make test-oldest` with the oldest.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.deployed import worker
from tests.flows.plain import Plain, plain_server
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.service.run import utc_now

EVERY_MINUTE, PATIENCE = "* * * * *", 120.0
SCHEDULED = {"watch", "digest", "upkeep", "reconcile"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    """A connected site whose deployments are deployed, with `watch` every minute, and a worker."""
    folder = tmp_path_factory.mktemp("plain")
    made = generate(folder / "estate")
    with SandboxProcess(made.folder, start=utc_now()) as sandbox, plain_server(folder) as system:
        system.connect(sandbox)
        system.prefect("work-pool", "create", "vigil", "--type", "process")
        system.deploy(_every_minute)
        with worker(system.url, folder, "vigil", environment=system.environment):
            yield system


def _every_minute(content: Any) -> None:
    (watch,) = (d for d in content["deployments"] if d["name"] == "watch")
    watch["schedules"][0]["cron"] = EVERY_MINUTE


def test_a_watch_that_its_schedule_started_completes_and_nothing_logs_an_error(plain: Plain) -> None:
    runs = asyncio.run(_until_one_ended(plain))
    ended = [r for r in runs if r.state.is_final()]
    assert [(r.state.name, r.auto_scheduled) for r in ended] == [("Completed", True)], ended[0].state.message
    planned = {r.deployment_id for r in runs if r.state.is_scheduled()}
    assert len(planned) == len(SCHEDULED), "a deployment with a schedule has no run planned"
    assert sum(r.state.is_scheduled() and r.deployment_id == ended[0].deployment_id for r in runs) >= 5
    assert plain.trouble("server.log") == []
    assert plain.trouble("worker.log") == []


def test_the_doctor_finds_prefect_well_there(plain: Plain) -> None:
    looked = {"prefect", "work pool", "runs", *(f"deployment {name}" for name in SCHEDULED)}
    give_up, unwell = time.monotonic() + PATIENCE, {"prefect": "not looked at"}
    while unwell and time.monotonic() < give_up:  # Prefect plans the next runs in its own time
        found = {c["name"]: c for c in json.loads(plain.vigil("doctor", "--json"))["checks"]}
        unwell = {name: found[name]["saw"] for name in looked if found[name]["state"] != "ok"}
    assert unwell == {}
    assert "runs planned" in found["deployment watch"]["saw"]


async def _until_one_ended(plain: Plain) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    give_up = time.monotonic() + PATIENCE
    with temporary_settings({PREFECT_API_URL: plain.url}):
        async with get_client() as client:
            while time.monotonic() < give_up:
                runs = await client.read_flow_runs(limit=200)
                if any(r.state and r.state.is_final() for r in runs):
                    return runs
                await asyncio.sleep(0.5)  # between two looks
    pytest.fail(f"no run ended within {PATIENCE:.0f} s; the server's log: {plain.trouble('server.log')}")

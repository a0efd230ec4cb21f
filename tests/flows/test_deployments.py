"""The deployments of prefect.yaml: their entrypoints load, they deploy, and a process worker runs them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.flows.conftest import PROJECT, SITE, Watched

DEPLOYMENTS: list[dict[str, Any]] = YAML(typ="safe").load(PROJECT / "prefect.yaml")["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_every_entrypoint_loads_and_takes_the_parameters_it_is_given(
    deployment: dict[str, Any], prefect_url: str
) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(str(PROJECT / deployment["entrypoint"]))
    assert flow.name == deployment["name"]
    flow.validate_parameters(deployment.get("parameters", {}))


def prefect(*arguments: str, url: str, cwd: Path = PROJECT) -> str:
    environment = {**os.environ, "PREFECT_API_URL": url, "VIGIL_HOME": str(PROJECT)}
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_worker_runs_watch_from_prefect_yaml(watched: Watched, prefect_url: str, tmp_path: Path) -> None:
    asyncio.run(watched.save())
    prefect("work-pool", "create", "vigil", "--type", "process", "--overwrite", url=prefect_url)
    prefect("deploy", "--all", url=prefect_url)
    as_of = watched.made.start.isoformat()
    # The worker starts elsewhere: what it runs must not depend on the folder that it was started in.
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "vigil"],
        cwd=tmp_path,
        env={**os.environ, "PREFECT_API_URL": prefect_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        prefect(
            "deployment",
            "run",
            "watch/watch",
            "--param",
            f'site="{SITE}"',
            "--param",
            f'as_of="{as_of}"',
            url=prefect_url,
        )
        state = asyncio.run(_last_run("watch"))
    finally:
        worker.terminate()
        worker.wait(timeout=30)
    assert state == "COMPLETED"
    assert watched.rows(), "the worker's run told nobody"


async def _last_run(deployment: str) -> str:
    """Wait until the newest run of a deployment has ended, and give its state."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    give_up = time.monotonic() + 90
    async with get_client() as client:
        where = DeploymentFilter(name=DeploymentFilterName(any_=[deployment]))
        while time.monotonic() < give_up:
            runs = await client.read_flow_runs(
                deployment_filter=where, sort=FlowRunSort.EXPECTED_START_TIME_ASC
            )
            by_hand = [r for r in runs if not r.auto_scheduled]
            if by_hand and by_hand[-1].state is not None and by_hand[-1].state.is_final():
                return str(by_hand[-1].state.type.value)
            await asyncio.sleep(0.5)  # between two looks at the run
    pytest.fail("the run did not end within 90 s")

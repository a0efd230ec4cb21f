"""What `vigil doctor` sees of Prefect itself, and that it looks at the whole of a site."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.flows.conftest import PROJECT, SITE, Watched
from vigil.doctoring import show
from vigil.service.doctor.health import Check, State

POOL = "doctors-pool"
PREFECT_YAML = f"""
deployments:
  - {{name: watch, entrypoint: "flows/watch.py:watch", schedules: [{{cron: "0 0 1 1 *"}}], work_pool: {{name: {POOL}}}}}
  - {{name: tidy, entrypoint: "flows/watch.py:watch", work_pool: {{name: {POOL}}}}}
"""


@pytest.fixture
def project(tmp_path: Path, prefect_url: str) -> Path:
    """A project of its own: other tests of this server deploy the real one."""
    (tmp_path / "prefect.yaml").write_text(PREFECT_YAML)
    asyncio.run(_forget())
    return tmp_path


async def _forget() -> None:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    async with get_client() as client:
        for name in ("watch/watch", "tidy/tidy"):
            try:
                await client.delete_deployment((await client.read_deployment_by_name(name)).id)
            except ObjectNotFound:
                continue
        try:
            await client.delete_work_pool(POOL)
        except ObjectNotFound:
            return


def examine(site: str, project: Path, **more: Any) -> dict[str, Check]:
    from flows.checkup import examine as look

    return {c.name: c for c in asyncio.run(look(site, project, **more))}


async def deploy(*names: str, schedule: bool = True, worker: bool = True) -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
    from prefect.client.schemas.schedules import CronSchedule

    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        if worker:
            await client.send_worker_heartbeat(POOL, "a worker", heartbeat_interval_seconds=30)
        for name in names:
            made = await client.create_flow(flow(lambda: None, name=name))
            times = (
                [DeploymentScheduleCreate(schedule=CronSchedule(cron="0 0 1 1 *"), active=schedule)]
                if name == "watch"
                else []
            )
            await client.create_deployment(made, name, work_pool_name=POOL, schedules=times)


def test_a_prefect_that_does_not_answer_is_all_that_is_said(project: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        found = examine(SITE, project)
    assert [(c.name, c.state) for c in found.values()] == [("prefect", State.FAIL)]
    assert "PREFECT_API_URL" in found["prefect"].do


def test_a_site_that_nobody_connected_fails_and_says_how(project: Path) -> None:
    found = examine("nowhere", project)["site"]
    assert found.state is State.FAIL and "vigil connect --site nowhere" in found.do


def test_without_pool_and_deployments_watch_fails_and_the_others_warn(project: Path) -> None:
    found = examine("nowhere", project)
    states = {
        name: found[name].state for name in ("prefect", "work pool", "deployment watch", "deployment tidy")
    }
    assert states == {
        "prefect": State.OK, "work pool": State.FAIL, "deployment watch": State.FAIL, "deployment tidy": State.WARN,
    }  # fmt: skip


def test_a_pool_without_a_worker_fails(project: Path) -> None:
    asyncio.run(deploy(worker=False))
    assert examine("nowhere", project)["work pool"].state is State.FAIL


def test_a_schedule_that_is_off_fails_for_watch(project: Path) -> None:
    asyncio.run(deploy("watch", "tidy", schedule=False))
    found = examine("nowhere", project)
    assert (
        found["deployment watch"].state is State.FAIL and "schedule is off" in found["deployment watch"].saw
    )


def test_pool_worker_and_deployments_that_are_there_are_well(project: Path) -> None:
    asyncio.run(deploy("watch", "tidy"))
    found = examine("nowhere", project)
    assert {found[name].state for name in ("work pool", "deployment watch", "deployment tidy")} == {State.OK}


def test_a_whole_site_is_looked_at_and_well(watched: Watched, project: Path) -> None:
    asyncio.run(deploy("watch", "tidy"))
    watched.watch(watched.made.start)
    found = examine(SITE, project, now=watched.sandbox.now)
    assert {name: c for name, c in found.items() if c.state is State.FAIL} == {}
    looked = {
        "prefect",
        "site",
        "templates",
        "rules",
        "connection",
        "login",
        "page caps",
        "server zone",
        "server clock",
    }
    looked |= {
        "audit trail",
        "workflows",
        "roles",
        "rules against ECM",
        "firebase",
        "mail",
        "ledger",
        "devices",
        "last watch",
    }
    assert looked <= found.keys()
    assert not [n for d in watched.sandbox.devices() for n in d["received"] if n["title"] == "vigil doctor"]


@pytest.mark.parametrize(
    ("state", "code"), [(State.OK, 0), (State.WARN, 0), (State.SKIP, 0), (State.FAIL, 1)]
)
def test_the_exit_code_and_the_json_say_whether_anything_failed(state: State, code: int) -> None:
    out = io.StringIO()
    checks = [Check("login", state, "[seen] as it is", "do that")]
    assert show(checks, Console(file=out, width=100), as_json=False) == code
    assert "[seen] as it is" in out.getvalue() and "do that" in out.getvalue()
    out = io.StringIO()
    assert show(checks, Console(file=out, width=100), as_json=True) == code
    assert json.loads(out.getvalue())["checks"] == [
        {"name": "login", "state": state.value, "saw": "[seen] as it is", "do": "do that"}
    ]


def test_the_shipped_prefect_yaml_names_a_deployment_for_each_flow_of_the_design() -> None:
    from ruamel.yaml import YAML

    named = {d["name"] for d in YAML(typ="safe").load(PROJECT / "prefect.yaml")["deployments"]}
    assert named >= {"watch", "sweep", "backfill", "digest", "reconcile", "upkeep"}

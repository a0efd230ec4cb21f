"""What `vigil doctor` sees of Prefect itself, and that it looks at the whole of a site."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from tests.flows.conftest import SITE, Watched
from tests.shared import PROJECT
from vigil.cli.doctor import show
from vigil.service.doctor.health import Check, CheckState
from vigil.service.run import utc_now

POOL = "doctors-pool"
PREFECT_YAML = f"""
deployments:
  - {{name: watch, entrypoint: "flows/watch.py:watch", schedules: [{{cron: "0 0 1 1 *"}}], work_pool: {{name: {POOL}}}}}
  - {{name: tidy, entrypoint: "flows/tidy.py:tidy", work_pool: {{name: {POOL}}}}}
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
        for name in ("watch/watch", "tidy/tidy", "watch/watch-b", "tidy/tidy-b"):
            try:
                await client.delete_deployment((await client.read_deployment_by_name(name)).id)
            except ObjectNotFound:
                continue
        try:
            await client.delete_work_pool(POOL)
        except ObjectNotFound:
            return


def examine(site: str, project: Path, **more: Any) -> dict[str, Check]:
    from flows.support.doctor import examine as look

    return {c.name: c for c in asyncio.run(look(site, project, **more))}


async def deploy(
    *names: str,
    schedule: bool = True,
    worker: bool = True,
    rule: str = "",
    site: str = "nowhere",
    suffix: str = "",
) -> None:
    """Deployments without a flow behind them; `watch` has a schedule, every hour or as an RRULE says.

    Each has the name of its flow and the `suffix`.
    """
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
    from prefect.client.schemas.schedules import CronSchedule, RRuleSchedule

    when = RRuleSchedule(rrule=rule) if rule else CronSchedule(cron="0 * * * *")
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        if worker:
            await client.send_worker_heartbeat(POOL, "a worker", heartbeat_interval_seconds=30)
        for name in names:
            made = await client.create_flow(flow(name=name)(lambda: None))
            times = [DeploymentScheduleCreate(schedule=when, active=schedule)] if name == "watch" else []
            await client.create_deployment(
                made,
                f"{name}{suffix}",
                work_pool_name=POOL,
                schedules=times,
                tags=["vigil", f"site:{site}"],
                parameters={"site": site},
            )


def planned(site: str, project: Path) -> dict[str, Check]:
    """What the doctor finds once the server's scheduler has been here."""
    give_up = time.monotonic() + 30
    while "no run is planned" in (found := examine(site, project))["deployment watch"].saw:
        assert time.monotonic() < give_up, "the scheduler plans nothing"
        time.sleep(0.5)  # between two looks
    return found


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield listening.getsockname()[1]


@contextmanager
def closed_port() -> Iterator[int]:
    """A port at which nobody listens."""
    yield 9


@pytest.mark.parametrize("port", [closed_port, silent_port])
def test_without_prefect_it_answers_soon_and_looks_at_what_it_can(
    port: Callable[[], AbstractContextManager[int]], prefect_url: str
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    begun = time.monotonic()
    with port() as number, temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{number}/api"}):
        found = examine(SITE, PROJECT)
    assert time.monotonic() - begun < 8, "with what it takes to start, that is more than ten seconds"
    assert {c.name: c.state for c in found.values()} == {
        "prefect": CheckState.FAIL, "templates": CheckState.OK, "rules": CheckState.OK, "site": CheckState.SKIP,
    }  # fmt: skip
    assert "PREFECT_API_URL" in found["prefect"].do
    assert "block is in Prefect" in found["site"].saw


def test_a_site_that_nobody_connected_fails_and_says_how(project: Path) -> None:
    found = examine("nowhere", project)["site"]
    assert found.state is CheckState.FAIL and "vigil connect --site nowhere" in found.do


def test_without_pool_and_deployments_watch_fails_and_the_others_warn(project: Path) -> None:
    found = examine("nowhere", project)
    states = {
        name: found[name].state for name in ("prefect", "work pool", "deployment watch", "deployment tidy")
    }
    assert states == {
        "prefect": CheckState.OK, "work pool": CheckState.FAIL,
        "deployment watch": CheckState.FAIL, "deployment tidy": CheckState.WARN,
    }  # fmt: skip


def test_a_pool_without_a_worker_fails(project: Path) -> None:
    asyncio.run(deploy(worker=False))
    assert examine("nowhere", project)["work pool"].state is CheckState.FAIL


def test_a_schedule_that_is_off_fails_for_watch(project: Path) -> None:
    asyncio.run(deploy("watch", "tidy", schedule=False))
    found = examine("nowhere", project)
    assert (
        found["deployment watch"].state is CheckState.FAIL
        and "schedule is off" in found["deployment watch"].saw
    )


def test_pool_worker_and_deployments_that_are_there_are_well(project: Path) -> None:
    asyncio.run(deploy("watch", "tidy"))
    found = planned("nowhere", project)
    names = ("work pool", "deployment watch", "deployment tidy", "runs")
    assert {found[name].state for name in names} == {CheckState.OK}
    assert "runs planned, the next for" in found["deployment watch"].saw


def test_a_deployment_of_another_site_is_none_of_this_one(project: Path) -> None:
    asyncio.run(deploy("watch", "tidy", site="other"))
    found = examine("nowhere", project)
    watch, tidy = found["deployment watch"], found["deployment tidy"]
    assert (watch.state, tidy.state) == (CheckState.FAIL, CheckState.WARN)
    assert tidy.saw == 'is deployed for site "other", not for this one'
    assert watch.saw.endswith('site "other", not for this one'), "others may have deployed it for more sites"
    assert "site: nowhere" in watch.do and "prefect.yaml" in watch.do


def test_a_deployment_of_the_site_counts_whatever_its_name(project: Path) -> None:
    asyncio.run(deploy("watch", "tidy", suffix="-b"))
    found = planned("nowhere", project)
    assert {found[name].state for name in ("deployment watch", "deployment tidy")} == {CheckState.OK}
    assert found["deployment watch"].saw.startswith("watch-b: is deployed, its schedule is on")


def test_a_schedule_that_is_on_and_plans_nothing_fails(project: Path) -> None:
    asyncio.run(deploy("watch", rule="FREQ=DAILY;UNTIL=20200101T000000Z"))
    found = examine("nowhere", project)["deployment watch"]
    assert found.state is CheckState.FAIL and "no run is planned" in found.saw
    assert "server's log" in found.do


def test_a_planned_run_that_nobody_takes_fails_when_it_is_late(project: Path) -> None:
    asyncio.run(deploy("watch"))
    asyncio.run(begin("watch", minutes_ago=9, state="Scheduled"))
    found = examine("nowhere", project)["deployment watch"]
    assert found.state is CheckState.FAIL and "has not begun 9 minutes later" in found.saw
    assert "prefect worker start" in found.do


@pytest.mark.parametrize(("state", "silent"), [("Running", 5), ("Cancelling", 5), ("Pending", 16)])
def test_a_run_that_gives_no_sign_of_life_fails_once_it_is_silent_for_long(
    state: str, silent: int, project: Path
) -> None:
    asyncio.run(deploy("watch"))
    asyncio.run(begin("watch", state=state))
    assert runs_after(project, minutes=silent - 2).state is CheckState.OK
    found = runs_after(project, minutes=silent)
    assert found.state is CheckState.FAIL and "watch/" in found.saw and f"{silent} minutes" in found.saw
    assert "Crashed" in found.do


def test_a_heartbeat_is_a_sign_of_life(project: Path) -> None:
    from prefect.events import emit_event

    asyncio.run(deploy("watch"))
    run = asyncio.run(begin("watch", state="Running"))
    emit_event(
        "prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{run}"},
        occurred=utc_now() + timedelta(minutes=8),
    )
    give_up = time.monotonic() + 30
    while (found := runs_after(project, minutes=10)).state is not CheckState.OK:
        assert time.monotonic() < give_up, found.saw
        time.sleep(0.3)  # the server takes it in, in its own time


def runs_after(project: Path, minutes: int) -> Check:
    """What the doctor says of the runs under way, so much later."""
    from flows.support.prefect_checks import examine as look

    later = utc_now() + timedelta(minutes=minutes)
    return {c.name: c for c in asyncio.run(look("nowhere", project, lambda: later))}["runs"]


async def begin(name: str, state: str, minutes_ago: int = 0) -> UUID:
    """A run of a deployment that is in this state, planned for so long ago."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import State as RunState
    from prefect.client.schemas.objects import StateType
    from prefect.states import Scheduled

    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"{name}/{name}")
        planned_for: Any = Scheduled(scheduled_time=utc_now() - timedelta(minutes=minutes_ago))
        run = await client.create_flow_run_from_deployment(deployment.id, state=planned_for)
        for name in {"Scheduled": (), "Cancelling": ("Running", "Cancelling")}.get(state, (state,)):
            await client.set_flow_run_state(run.id, RunState(type=StateType[name.upper()]), force=True)
        return run.id


def test_unwatched_runs_and_missing_automations_are_warnings(project: Path) -> None:
    asyncio.run(deploy("watch"))
    asyncio.run(untag("watch"))
    shutil.copytree(PROJECT / "automations", project / "automations")
    found = planned("nowhere", project)
    assert (
        found["deployment watch"].state is CheckState.WARN and "site:nowhere" in found["deployment watch"].saw
    )
    assert found["automations"].state is CheckState.WARN
    assert "vigil automations install --site nowhere" in found["automations"].do


async def untag(name: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"{name}/{name}")
        await client.update_deployment(deployment.id, DeploymentUpdate(tags=["vigil"]))


def test_a_whole_site_is_checked_and_healthy(watched: Watched, project: Path) -> None:
    asyncio.run(deploy("watch", "tidy", site=SITE))
    watched.watch(watched.made.start)
    planned(SITE, project)
    found = examine(SITE, project, now=watched.sandbox.now)
    assert {name: c for name, c in found.items() if c.state is CheckState.FAIL} == {}
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
        "webhooks",
        "ledger",
        "devices",
        "last watch",
    }
    assert looked <= found.keys()
    assert not [n for d in watched.sandbox.devices() for n in d["received"] if n["title"] == "vigil doctor"]


@pytest.mark.parametrize(
    ("state", "code"), [(CheckState.OK, 0), (CheckState.WARN, 0), (CheckState.SKIP, 0), (CheckState.FAIL, 1)]
)
def test_the_exit_code_and_the_json_say_whether_anything_failed(state: CheckState, code: int) -> None:
    out = io.StringIO()
    checks = [Check("login", state, "[seen] as it is", "do that")]
    assert show(checks, Console(file=out, width=100), as_json=False) == code
    assert "[seen] as it is" in out.getvalue() and "do that" in out.getvalue()
    out = io.StringIO()
    assert show(checks, Console(file=out, width=100), as_json=True) == code
    assert json.loads(out.getvalue())["checks"] == [
        {"name": "login", "state": state.value, "saw": "[seen] as it is", "do": "do that"}
    ]


def test_prefect_yaml_names_a_deployment_for_each_flow() -> None:
    from ruamel.yaml import YAML

    named = {d["name"] for d in YAML(typ="safe").load(PROJECT / "prefect.yaml")["deployments"]}
    assert named >= {"watch", "sweep", "backfill", "digest", "reconcile", "upkeep"}

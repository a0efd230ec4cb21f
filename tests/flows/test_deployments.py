"""The deployments of prefect.yaml: their entrypoints load, they deploy, and a process worker runs them."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from tests.flows.conftest import SITE, Watched
from tests.flows.deployed import start, until
from tests.shared import PROJECT

DEPLOYMENTS: list[dict[str, Any]] = YAML(typ="safe").load(PROJECT / "prefect.yaml")["deployments"]
NAMES = [d["name"] for d in DEPLOYMENTS]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_every_entrypoint_loads_and_takes_the_parameters_it_is_given(
    deployment: dict[str, Any], prefect_url: str
) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow: Any = load_flow_from_entrypoint(str(PROJECT / deployment["entrypoint"]))
    assert flow.name == deployment["name"]
    flow.validate_parameters({**needed(deployment["name"]), **deployment.get("parameters", {})})


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_every_deployment_has_the_tags_by_which_automations_know_its_site(deployment: dict[str, Any]) -> None:
    assert {"vigil", f"site:{deployment['parameters']['site']}"} <= set(deployment["tags"])


def needed(name: str) -> dict[str, Any]:
    """Parameters without a default, which a person fills in."""
    return {"hold": 1, "answer": "send"} if name == "guard" else {}


def test_all_of_them_deploy_with_the_packages_version_tags_zones_and_limits(worker: None) -> None:
    deployed = asyncio.run(read_deployments())
    assert set(deployed) >= set(NAMES)
    for asked in DEPLOYMENTS:
        found = deployed[asked["name"]]
        assert found.version == version("vigil")
        assert set(asked["tags"]) == set(found.tags)
        assert found.description
        limit = found.global_concurrency_limit
        assert (limit.limit if limit else None) == asked.get("concurrency_limit", {}).get("limit")
        for schedule in found.schedules:
            assert ZoneInfo(schedule.schedule.timezone).key != "UTC"
            assert schedule.slug
    assert deployed["watch"].concurrency_options.collision_strategy.value == "ENQUEUE", "decision 0007"
    assert deployed["sweep"].global_concurrency_limit is None, "a sweep and a watch may run at once"


async def read_deployments() -> dict[str, Any]:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return {d.name: d for d in await client.read_deployments()}


def test_a_worker_runs_watch_from_prefect_yaml(watched: Watched, worker: None) -> None:
    asyncio.run(watched.save())
    run = start("watch/watch", site=SITE, as_of=watched.made.start.isoformat())
    until(run, "Completed")
    assert watched.rows(), "the worker's run told nobody"

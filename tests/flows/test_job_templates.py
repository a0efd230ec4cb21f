"""The base job templates of deploy/: made from the installed Prefect's defaults, and a server takes them."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from ruamel.yaml import YAML

from tests.flows.deployed import prefect
from tests.shared import PROJECT

sys.path.insert(0, str(PROJECT / "deploy"))
templates = import_module("templates")

TYPES = sorted(templates.TEMPLATES)


@pytest.mark.parametrize("type", TYPES)
def test_the_file_is_what_the_installed_prefect_and_this_project_make_of_it(type: str) -> None:
    assert (PROJECT / "deploy" / f"{type}.json").read_text() == templates.text_of(type), (
        "run `python deploy/templates.py`"
    )


@pytest.mark.parametrize("type", TYPES)
def test_every_placeholder_is_a_variable(type: str) -> None:
    made = templates.TEMPLATES[type]()
    placed = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(made["job_configuration"])))
    assert placed == set(made["variables"]["properties"])


def test_prefect_yaml_gives_a_pool_without_templates_the_same_environment() -> None:
    deployments = YAML(typ="safe").load(PROJECT / "prefect.yaml")["deployments"]
    for deployment in deployments:
        assert deployment["work_pool"]["job_variables"]["env"] == templates.ENVIRONMENT


@pytest.mark.parametrize("type", TYPES)
def test_a_server_makes_a_pool_of_it_and_keeps_its_defaults(type: str, prefect_url: str) -> None:
    from prefect.client.orchestration import get_client

    name = f"{type}-{uuid4().hex[:6]}"
    file = str(PROJECT / "deploy" / f"{type}.json")
    prefect("work-pool", "create", name, "--type", type, "--base-job-template", file, url=prefect_url)

    async def read() -> Any:
        async with get_client() as client:
            return await client.read_work_pool(name)

    pool = asyncio.run(read())
    assert pool.type == type
    assert pool.base_job_template == templates.TEMPLATES[type]()
    assert pool.base_job_template["variables"]["properties"]["env"]["default"] == templates.ENVIRONMENT


def test_a_server_refuses_a_template_with_a_placeholder_that_is_no_variable(prefect_url: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import PrefectHTTPStatusError

    broken = templates.TEMPLATES["kubernetes"]()
    del broken["variables"]["properties"]["longest_run"]

    async def create() -> None:
        async with get_client() as client:
            await client.create_work_pool(
                WorkPoolCreate(name=f"broken-{uuid4().hex[:6]}", type="kubernetes", base_job_template=broken)
            )

    with pytest.raises(PrefectHTTPStatusError, match="longest_run"):
        asyncio.run(create())

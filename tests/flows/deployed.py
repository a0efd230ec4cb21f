"""Runs of the project's deployments by a real process worker: start one, wait for a state, answer its question."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.shared import PROJECT
from tests.support.processes import end

PATIENCE = 150.0  # seconds until a run is where it should be; a process starts for it on a busy machine


def prefect(
    *arguments: str, url: str, cwd: Path = PROJECT, environment: Mapping[str, str] = os.environ
) -> str:
    """The `prefect` command, which must end well. Gives what it printed."""
    return command("prefect", "--no-prompt", *arguments, url=url, cwd=cwd, environment=environment)


def command(
    module: str, *arguments: str, url: str, cwd: Path = PROJECT, environment: Mapping[str, str] = os.environ
) -> str:
    """The command of a module, which must end well. Gives what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env={**environment, "PREFECT_API_URL": url, "VIGIL_HOME": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def working(url: str, folder: Path) -> Iterator[None]:
    """The deployments of prefect.yaml with a worker."""
    pool("vigil")
    prefect("deploy", "--all", url=url)
    with worker(url, folder, "vigil"):
        yield


def pool(name: str) -> None:
    """A work pool of processes, as `prefect work-pool create` makes it."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    async def go() -> None:
        template = ProcessWorker.get_default_base_job_template()
        async with get_client() as client:
            await client.create_work_pool(
                WorkPoolCreate(name=name, type="process", base_job_template=template), overwrite=True
            )

    asyncio.run(go())


@contextmanager
def worker(
    url: str,
    folder: Path,
    pool: str,
    *options: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process worker, which starts elsewhere: no run may depend on where that is. Its log is worker.log in `folder`."""
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, *options],
            cwd=folder,
            env={
                **(environment or {**os.environ, "PREFECT_WORKER_QUERY_SECONDS": "1"}),
                "PREFECT_API_URL": url,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        end(process)


def start(deployment: str, **parameters: Any) -> UUID:
    """Start a deployment's run."""
    from prefect.deployments import arun_deployment

    async def go() -> UUID:
        return (await arun_deployment(deployment, timeout=0, parameters=parameters)).id

    return asyncio.run(go())


def until(run: UUID, *names: str) -> Any:
    """The run's state, once it has one of these names. Fails when it ends under another."""

    async def look(client: Any) -> Any:
        state = (await client.read_flow_run(run)).state
        if state.name in names:
            return state
        if state.is_final():
            pytest.fail(f"the run ended as {state.name}: {state.message}")
        return None

    return asyncio.run(_wait(look, f"the run was not {' or '.join(names)} within {PATIENCE:.0f} s"))


async def _wait(look: Callable[[Any], Awaitable[Any]], otherwise: str) -> Any:
    from prefect.client.orchestration import get_client

    give_up = time.monotonic() + PATIENCE
    async with get_client() as client:
        while time.monotonic() < give_up:
            if (seen := await look(client)) is not None:
                return seen
            await asyncio.sleep(0.3)  # between two looks at the run
    pytest.fail(otherwise)


def form(run: UUID) -> tuple[dict[str, Any], str]:
    """The schema of the form that a suspended run shows, and the text above it."""
    from prefect.client.orchestration import get_client
    from prefect.input import aread_flow_run_input

    async def go() -> tuple[dict[str, Any], str]:
        async with get_client() as client:
            state = (await client.read_flow_run(run)).state
            keys = state.state_details.run_input_keyset if state else None
            assert keys is not None
            schema = await aread_flow_run_input(keys["schema"], flow_run_id=run)
            return schema, await aread_flow_run_input(keys["description"], flow_run_id=run)

    return asyncio.run(go())


def resume(run: UUID, **given: Any) -> Any:
    """Resume a suspended run as the UI's form does. Gives the server's answer."""
    from prefect.client.orchestration import get_client

    async def go() -> Any:
        async with get_client() as client:
            return await client.resume_flow_run(run, run_input=given)

    return asyncio.run(go())


def called(run: Any) -> str:
    """The name of a run, which may be given by the state that it ended in."""
    from prefect.client.orchestration import get_client

    id = run if isinstance(run, UUID) else run.state_details.flow_run_id

    async def go() -> str:
        async with get_client() as client:
            return str((await client.read_flow_run(id)).name)

    return asyncio.run(go())


def logged(state: Any, level: int = logging.ERROR) -> list[str]:
    """The lines, errors where nothing else is said, of the failed run that ended in this state, once the server has them all."""
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    run = state.state_details.flow_run_id

    async def look(client: Any) -> Any:
        where = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
        found = await client.read_logs(where, limit=200)
        last = f"Finished in state {state.name}"
        whole = any(line.message.startswith(last) and line.task_run_id is None for line in found)
        return [line.message for line in found if line.level >= level] if whole else None

    return list(asyncio.run(_wait(look, "the log of the run is not whole")))


def artifact(key: str) -> Any:
    """The newest artifact of a key: a table as its rows, anything else as it is."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from prefect.client.schemas.sorting import ArtifactSort

    async def go() -> Any:
        async with get_client() as client:
            where = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
            found = await client.read_artifacts(
                artifact_filter=where, sort=ArtifactSort.CREATED_DESC, limit=1
            )
            return found[0] if found else pytest.fail(f"there is no artifact {key}")

    found = asyncio.run(go())
    return json.loads(found.data) if found.type == "table" else found.data


async def artifacts_of(since: datetime) -> list[Any]:
    """Every artifact that was made since then."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import ArtifactSort

    async with get_client() as client:
        found = await client.read_artifacts(sort=ArtifactSort.CREATED_DESC, limit=200)
    return [a for a in found if a.created and a.created >= since]


def table(key: str) -> list[dict[str, str]]:
    """The rows of the table on the newest page of a key, as its cells have them."""
    lines = [line for line in artifact(key).splitlines() if line.startswith("| ")]
    columns, _, *rows = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    return [dict(zip(columns, row, strict=True)) for row in rows]


DATA = re.compile(r"\(data:([a-z/+]+)(?:;charset=utf-8)?;base64,([A-Za-z0-9+/=]+)\)")
"""What a page holds as a data address: its kind, and its content in base 64."""


def embedded(text: str) -> tuple[str, bytes]:
    """The kind and the content of the first data address in a page."""
    found = DATA.search(text)
    assert found is not None, text[:200]
    return found[1], base64.b64decode(found[2])


def downloaded(key: str) -> list[dict[str, str]]:
    """The rows of a file that a page offers."""
    kind, content = embedded(artifact(key))
    assert kind == "text/csv"
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))

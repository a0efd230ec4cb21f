"""A real `vigil` command, stopped by a real signal in a run: one sentence, 143 or 130, and nothing lost, doubled or left running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest

from tests.flows.conftest import SITE, Watched
from vigil.cli.runs import SENDING

CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
BY = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}


def started(words: Sequence[str], **environment: str) -> subprocess.Popen[str]:
    """The command, hearing Ctrl-C also where whoever runs the tests does not."""
    return subprocess.Popen(
        [sys.executable, "-m", "vigil", *words],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> str:
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == CODES[number], out + err
    assert "Traceback" not in err
    return err


def commands(watched: Watched) -> dict[str, list[str]]:
    return {
        "watch": ["watch", "--site", SITE, "--as-of", watched.made.end.isoformat()],
        "sweep": ["sweep", "--site", SITE, "--send"],
    }


def asked(watched: Watched, process: subprocess.Popen[str]) -> None:
    """Return when the sandbox has seen a request for what is watched: the run is in the middle of it."""
    while not any("businessworkspaces" in each for each in watched.sandbox.requests()["ecm"]["by_endpoint"]):
        assert process.poll() is None
        time.sleep(0.05)  # between two looks at the condition


def runs_of_commands() -> dict[UUID, str]:
    """How each run stands that a command began itself. A worker of another test may run deployments on the same server."""

    async def go() -> dict[UUID, str]:
        from prefect import get_client
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

        of_commands = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(is_null_=True))
        async with get_client() as client:
            runs = await client.read_flow_runs(flow_run_filter=of_commands)
        return {run.id: run.state_type.value for run in runs if run.state_type}

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("name", "number"),
    [("watch", signal.SIGTERM), pytest.param("sweep", signal.SIGINT, marks=pytest.mark.soak)],
)
def test_in_the_middle_of_a_flow(
    watched: Watched, prefect_url: str, name: str, number: signal.Signals
) -> None:
    asyncio.run(watched.save())
    watched.sandbox.move(watched.made.end)
    watched.sandbox.faults(ecm={"latency_ms": 500})
    before = runs_of_commands()
    with started(commands(watched)[name], PREFECT_API_URL=prefect_url) as process:
        asked(watched, process)
        err = stopped(process, number)
    assert f"vigil {name} was stopped by {BY[number]}: {SENDING}" in err.splitlines()
    (end,) = (state for run, state in runs_of_commands().items() if run not in before)
    assert end in {"CRASHED", "CANCELLED", "FAILED"}, "it says how it ended"

    watched.sandbox.faults(ecm={"latency_ms": 0})
    assert watched.watch(watched.made.end).name == "Completed"
    assert "queued" not in {row["state"] for row in watched.rows()}
    received = Counter((d["token"], n["key"]) for d in watched.sandbox.devices() for n in d["received"])
    assert received and set(received.values()) == {1}

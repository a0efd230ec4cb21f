"""A worker and its run are killed: the shipped automations make the run Crashed and tell somebody, and leave alone what waits."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from tests.flows import deployed
from tests.flows.conftest import SITE, Watched, world
from tests.shared import PROJECT
from vigil.service.run import utc_now

POOL, RULE = "killed", "contract-status"
HEARTBEAT, WITHIN = 30, 35  # seconds: as often as Prefect allows, and a little more
SIGNS = ("prefect.flow-run.heartbeat", "vigil.run.suspended")


@dataclass(frozen=True)
class Aftermath:
    """What is there after the kill.

    `killed` is the run whose worker was killed, `waiting` one that a guard suspended before, `late` and `mute` two that are
    suspended and whose last heartbeat came in after that: `late` said so, `mute` did not. `told` is what the webhook got.
    """

    watched: Watched
    killed: UUID
    waiting: UUID
    late: UUID
    mute: UUID
    told: list[dict[str, str]]


@pytest.fixture(scope="module")
def after(prefect_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    folder, site = tmp_path_factory.mktemp("killed"), f"site-{uuid4().hex[:6]}"
    with world(folder) as watched, webhook() as (address, told):
        asyncio.run(install_shipped(folder, site, address))
        deploy(prefect_url, site)
        late, mute = (suspended_before_its_last_heartbeat(says) for says in (True, False))
        with deployed.worker(prefect_url, folder, POOL) as worker:
            waiting = guarded(watched)
            killed = caught_in_the_middle(watched, worker)
        yield Aftermath(watched, killed, waiting, late, mute, told)


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An address that takes what is posted to it, and what it got."""
    got: list[dict[str, str]] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: the test's own output is enough."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()


async def install_shipped(folder: Path, site: str, address: str) -> None:
    """The shipped automations, with a shorter wait; they tell the webhook."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    from flows.support.automations import install

    said = {"subject": "{{subject}}", "body": "{{body}}"}
    block = CustomWebhookNotificationBlock(name="ops", url=address, json_data=said)
    await block.asave(site, overwrite=True)
    (folder / "automations").mkdir()
    for file in (PROJECT / "automations").glob("run-*.yaml"):
        text = file.read_text().replace("within: 240", f"within: {WITHIN}")
        (folder / "automations" / file.name).write_text(text)
    await install(folder / "automations", site, f"custom-webhook/{site}")


def deploy(url: str, site: str) -> None:
    """`watch` with the tags, the heartbeats and the limit of prefect.yaml, in a pool of its own."""
    deployed.pool(POOL)
    known = ["--tag", "vigil", "--tag", f"site:{site}", "--concurrency-limit", "1"]
    beats = json.dumps({"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT)}})
    where = ["--name", POOL, "--pool", POOL, "--job-variable", beats]
    deployed.prefect("deploy", "flows/watch.py:watch", *where, *known, url=url)


def suspended_before_its_last_heartbeat(says: bool) -> UUID:
    """A run whose last heartbeat overtook its own suspension; it `says` after that that it waits."""
    from prefect.events import emit_event

    run = asyncio.run(suspended())
    until(lambda: asyncio.run(events(run.id, "prefect.flow-run.Suspended")))
    related = [{"prefect.resource.id": f"prefect.tag.{t}", "prefect.resource.role": "tag"} for t in run.tags]
    for event in SIGNS if says else SIGNS[:1]:
        emit_event(event, {"prefect.resource.id": f"prefect.flow-run.{run.id}"}, related=related)
    return UUID(str(run.id))


async def suspended() -> Any:
    """A run of the deployment that is suspended, without a process behind it."""
    from prefect.client.orchestration import get_client
    from prefect.states import Running, Suspended

    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"watch/{POOL}")
        run = await client.create_flow_run_from_deployment(deployment.id, state=Running())
        await client.set_flow_run_state(run.id, Suspended(timeout_seconds=3600), force=True)
        return run


def guarded(watched: Watched) -> UUID:
    """A run that a guard suspended."""
    watched.change_rule(RULE, "guard: {max_findings: 1}")
    watched.watch(watched.made.start)
    run = start(watched, watched.made.start + timedelta(days=4))
    deployed.until(run, "Suspended")
    return run


def start(watched: Watched, at: datetime) -> UUID:
    watched.sandbox.move(at)
    asyncio.run(watched.save())
    return deployed.start(f"watch/{POOL}", site=SITE, as_of=at.isoformat())


def caught_in_the_middle(watched: Watched, worker: Any) -> UUID:
    """A run that reads from a slow Extended ECM when its worker and its own process are killed."""
    watched.sandbox.faults(ecm={"latency_ms": 4000})
    run = start(watched, watched.made.start + timedelta(days=4, minutes=15))
    deployed.until(run, "Running")
    until(lambda: asyncio.run(events(run, SIGNS[0])))
    # It got its name, and reads: its first heartbeat may come before that.
    until(lambda: "watch" in deployed.called(run))
    family = [*psutil.Process(worker.pid).children(recursive=True), psutil.Process(worker.pid)]
    assert len(family) > 1, "the run has no process of its own"
    for process in family:
        process.kill()
    watched.sandbox.faults(ecm={"latency_ms": 0})
    return run


async def events(run: UUID, name: str) -> list[Any]:
    """The events of this name about a run."""
    from prefect.client.orchestration import get_client
    from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter

    about = EventResourceFilter(id=[f"prefect.flow-run.{run}"])
    async with get_client() as client:
        found = await client.read_events(
            EventFilter(event=EventNameFilter(name=[name]), resource=about), limit=50
        )
    return list(found.events)


def until(found: Callable[[], Any]) -> Any:
    give_up = time.monotonic() + deployed.PATIENCE
    while not (seen := found()):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.5)  # between two looks
    return seen


def state_of(run: UUID) -> Any:
    from prefect.client.orchestration import get_client

    async def go() -> Any:
        async with get_client() as client:
            return (await client.read_flow_run(run)).state

    return asyncio.run(go())


@pytest.mark.slow
def test_the_run_is_crashed_somebody_is_told_and_the_next_one_completes(
    after: Aftermath, prefect_url: str, tmp_path: Path
) -> None:
    assert state_of(after.killed).name == "Running", "it is a zombie"
    state = deployed.until(after.killed, "Crashed")
    assert "no sign of life" in state.message and "Nothing is lost" in state.message
    (said,) = until(lambda: [t for t in after.told if "watch" in t["subject"]])
    assert "crashed" in said["subject"] and "no sign of life" in said["body"] and POOL in said["body"]
    next_one = start(after.watched, after.watched.made.start + timedelta(days=4, minutes=30))
    with deployed.worker(prefect_url, tmp_path, POOL):
        deployed.until(next_one, "Completed", "Held")
    assert len([r for r in after.watched.rows() if r["state"] == "sent"]) > 20


@pytest.mark.slow
def test_a_run_that_waits_for_a_person_is_left_alone(after: Aftermath) -> None:
    deployed.until(after.killed, "Crashed")  # and its last heartbeat was later than theirs
    assert deployed.until(after.mute, "Crashed"), "a suspended run whose heartbeat came late looks dead"
    assert state_of(after.late).name == "Suspended"
    assert state_of(after.waiting).name == "Suspended"
    (said,) = asyncio.run(events(after.waiting, SIGNS[1]))
    tags = {r.id for r in said.related if r.role == "tag"}
    assert "prefect.tag.vigil" in tags and any(t.startswith("prefect.tag.site:") for t in tags)
    (last, *_) = asyncio.run(events(after.waiting, SIGNS[0]))
    assert utc_now() - last.occurred > timedelta(seconds=WITHIN), "its time is not over yet"

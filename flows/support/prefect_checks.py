"""The checks of Prefect in `vigil doctor`: API, pools, deployments with their planned runs, runs under way, and automations."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import __version__
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.exceptions import ObjectNotFound
from ruamel.yaml import YAML

from flows.support.automations import load
from vigil.service.doctor.health import Check, CheckState, fail, ok, skip, warn
from vigil.service.doctor.runs import Crashed, Planned, Underway, plan, underway
from vigil.service.run import utc_now
from vigil.wording import counted, listed

API, POOL, AUTOMATIONS = "prefect", "work pool", "automations"
MUST_RUN = "watch"
DEFAULT = "default"  # the site of a flow without the parameter
PROMPT, PATIENT = 3.0, 20.0  # seconds: for the health check, and for all other requests
UNDER_WAY = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
ENDED = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
LOOKED_BACK = timedelta(days=1)  # the period searched for heartbeats
MOST = 200  # runs read in one request; this sample is large enough


async def examine(site: str, project: Path, now: Callable[[], datetime] = utc_now) -> list[Check]:
    """Check the deployments of `project`'s prefect.yaml, for `site`. Returns one failed check if Prefect does not answer."""
    async with get_client() as client:
        where = str(client.api_url)
        try:
            async with asyncio.timeout(PROMPT):
                unwell = await client.api_healthcheck()
        except TimeoutError:
            return [_down(where, f"does not answer within {PROMPT:.0f} s")]
        if unwell is not None:
            return [_down(where, f"does not answer: {type(unwell).__name__}")]
        try:
            async with asyncio.timeout(PATIENT):
                return await _examine(client, site, project, now())
        except TimeoutError:
            return [_down(where, f"reports that it is healthy, but does not answer within {PATIENT:.0f} s")]


def _down(where: str, saw: str) -> Check:
    do = "start it (`prefect server start`), or check its log; PREFECT_API_URL must be its address"
    return fail(API, f"{where} {saw}", do)


async def _examine(client: PrefectClient, site: str, project: Path, now: datetime) -> list[Check]:
    file = project / "prefect.yaml"
    wanted = YAML(typ="safe").load(file.read_text())["deployments"] if file.is_file() else []
    checks = [await _version(client)]
    for pool in sorted({d["work_pool"]["name"] for d in wanted}):
        checks.append(await _pool(client, pool))
    found: dict[Any, str] = {}
    for flow, planned in _by_flow(wanted).items():
        seen, made = await _deployments(client, flow, planned, site, now)
        checks += seen
        found |= {one.id: one.name for one in made}
    return [
        *checks,
        await _runs(client, found, now),
        await _automations(client, site, project / "automations"),
    ]


async def _version(client: PrefectClient) -> Check:
    version = await client.api_version()
    if version.split(".")[:2] == __version__.split(".")[:2]:
        return ok(API, f"{client.api_url}, version {version}")
    saw = f"{client.api_url}, version {version}, while {__version__} is installed here"
    return warn(API, saw, f"use the same version on both sides, preferably {__version__}")


async def _pool(client: PrefectClient, name: str) -> Check:
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        do = f"`prefect work-pool create {name} --type process`, then deploy"
        return fail(POOL, f'there is no work pool "{name}"', do)
    if pool.is_paused:
        return fail(POOL, f'"{name}" is paused', f"`prefect work-pool resume {name}`")
    workers = await client.read_workers_for_work_pool(name)
    online = sum(w.status is WorkerStatus.ONLINE for w in workers)
    if not online:
        do = f"`prefect worker start --pool {name}`, as a service of the machine"
        return fail(POOL, f'"{name}" has no worker online', do)
    return ok(POOL, f'"{name}", {counted(online, "worker")} online')


def _by_flow(wanted: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The deployments of prefect.yaml by flow name, which Prefect derives from the function's name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in wanted:
        function = re.split("[:.]", one["entrypoint"])[-1]
        found.setdefault(function.replace("_", "-"), []).append(one)
    return found


async def _deployments(
    client: PrefectClient, flow: str, wanted: Sequence[dict[str, Any]], site: str, now: datetime
) -> tuple[list[Check], list[DeploymentResponse]]:
    """The checks of a flow's deployments for the site, and the deployments. `wanted`: those of the flow in prefect.yaml."""
    by_name = FlowFilter(name=FlowFilterName(any_=[flow]))
    made = await client.read_deployments(flow_filter=by_name, limit=MOST)
    here = [one for one in made if _site(one.parameters) == site]
    mine = [one for one in wanted if _site(one.get("parameters")) == site]
    if not here:
        return [_not_deployed(flow, site, sorted({_site(one.parameters) for one in made}), bool(mine))], []
    scheduled = any(one.get("schedules") for one in mine or wanted)
    return [await _deployment(client, flow, one, scheduled, now) for one in here], here


def _site(parameters: Mapping[str, Any] | None) -> str:
    """The site of a deployment: the flow's default if the parameters name none."""
    return str((parameters or {}).get("site", DEFAULT))


def _not_deployed(flow: str, site: str, others: Sequence[str], is_wanted: bool) -> Check:
    saw, do = "is not deployed", "`prefect --no-prompt deploy --all` from the project's folder"
    if others:
        saw = f"is deployed for {listed([f'site {json.dumps(one)}' for one in others])}, not for this one"
    if not is_wanted:
        do = f"copy it in prefect.yaml with another name, `site: {site}` and the tag `site:{site}`, then deploy"
    return _say(flow)(f"deployment {flow}", saw, do)


def _say(flow: str) -> Callable[[str, str, str], Check]:
    return fail if flow == MUST_RUN else warn


async def _deployment(
    client: PrefectClient, flow: str, found: DeploymentResponse, scheduled: bool, now: datetime
) -> Check:
    full, say = f"deployment {flow}", _say(flow)
    if not scheduled:
        check = ok(full, "is deployed, started by hand")
    elif found.paused or not any(s.active for s in found.schedules):
        do = f"`prefect deployment schedule resume {flow}/{found.name} ID`"
        check = say(full, "is deployed, and its schedule is off", do)
    else:
        check = plan(full, say, await _planned(client, found), now)
    check = _tagged(check, found)
    return check if found.name == flow else replace(check, saw=f"{found.name}: {check.saw}")


def _tagged(check: Check, deployment: DeploymentResponse) -> Check:
    """The check itself or, if it is ok, a warning about missing tags, by which automations recognise a site's runs."""
    missing = {"vigil", f"site:{_site(deployment.parameters)}"} - set(deployment.tags)
    if check.state is not CheckState.OK or not missing:
        return check
    saw = f"{check.saw}; the tags {', '.join(sorted(missing))} are missing, so no automation recognises its runs"
    return warn(check.name, saw, "add them in prefect.yaml, and deploy again")


async def _planned(client: PrefectClient, deployment: DeploymentResponse) -> list[Planned]:
    """The runs that have not begun, the earliest first, except those that wait for another run to end."""
    runs = await _read(client, [deployment.id], (StateType.SCHEDULED,))
    return [
        Planned(run.expected_start_time, run.auto_scheduled)
        for run in runs
        if run.expected_start_time and run.state_name != "AwaitingConcurrencySlot"
    ]


async def _runs(client: PrefectClient, deployments: dict[Any, str], now: datetime) -> Check:
    if not deployments:
        return underway([], now)
    runs = await _read(client, list(deployments), UNDER_WAY)
    seen = [await _underway(client, run, deployments[run.deployment_id], now) for run in runs]
    return underway(seen, now, await _crashed(client, deployments))


async def _crashed(client: PrefectClient, deployments: dict[Any, str]) -> list[Crashed]:
    """For each deployment its last ended run, if it crashed."""
    ended = await _read(client, list(deployments), ENDED, FlowRunSort.END_TIME_DESC)
    last = {run.deployment_id: run for run in reversed(ended)}
    return [
        Crashed(f"{deployments[id]}/{run.name}", run.state.timestamp, run.state.message or "")
        for id, run in last.items()
        if run.state and run.state_type is StateType.CRASHED
    ]


async def _underway(client: PrefectClient, run: FlowRun, deployment: str, now: datetime) -> Underway:
    """A run with the time of its latest event or state change."""
    where = EventFilter(
        event=EventNameFilter(prefix=["prefect.flow-run."]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        occurred=EventOccurredFilter(since=now - LOOKED_BACK, until=now),
    )
    newest = (await client.read_events(where, limit=1)).events  # newest first
    since = run.state.timestamp if run.state else now
    return Underway(
        run=f"{deployment}/{run.name}",
        state=str(run.state_name),
        begun=run.state_type is not StateType.PENDING,
        since=since,
        heard=max([since, *[e.occurred for e in newest]]),
        worker=str(run.labels.get("prefect.worker.name", "")),
    )


async def _read(
    client: PrefectClient,
    deployments: Sequence[Any],
    types: Sequence[StateType],
    sort: FlowRunSort = FlowRunSort.EXPECTED_START_TIME_ASC,
) -> list[FlowRun]:
    return await client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(deployments))),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))
        ),
        sort=sort,
        limit=MOST,
    )


async def _automations(client: PrefectClient, site: str, folder: Path) -> Check:
    """Whether the shipped automations are installed for the site: without them nobody learns that no run happens."""
    shipped = sorted(load(file, site, None).name for file in folder.glob("*.yaml"))
    if not shipped:
        return skip(AUTOMATIONS, f"there are none in {folder}")
    there = {a.name: a.enabled for a in await client.read_automations()}
    do = f"`vigil automations install --site {site} --notify TYPE/NAME`: docs/events.md describes each"
    if missing := [name for name in shipped if name not in there]:
        return warn(
            AUTOMATIONS, f"{len(missing)} of {len(shipped)} are not installed: {'; '.join(missing)}", do
        )
    if off := [name for name in shipped if not there[name]]:
        return warn(
            AUTOMATIONS, f"switched off: {'; '.join(off)}", "switch them on in Prefect, under Automations"
        )
    return ok(AUTOMATIONS, f"all {len(shipped)} are installed")

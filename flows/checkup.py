"""`vigil doctor`, where it needs Prefect: the API, the pool, the deployments, and the site's blocks. Not a flow: it must work
where no flow would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import __version__
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import WorkerStatus
from prefect.exceptions import ObjectNotFound
from ruamel.yaml import YAML

from blocks.site import Connected
from flows.sites import BrokenSite, NoSite, block_of
from vigil.delivery.errors import BadServiceAccount, CredentialRefused
from vigil.ecm import Client
from vigil.service.doctor import ecm, firebase, ledger, rules
from vigil.service.doctor.health import Check, State, fail, ok, skip, warn
from vigil.service.run import utc_now

API, POOL, SITE, MAIL = "prefect", "work pool", "site", "mail"
MUST_RUN = "watch"
TRIES, ANSWER, PATIENCE = 1, 10.0, 30.0  # retries; seconds for an answer, and for a call with its retries


async def examine(site: str, project: Path, now: Callable[[], datetime] = utc_now) -> list[Check]:
    """Look at everything that a run of `site` depends on. `project` is the folder with prefect.yaml."""
    checks = await _prefect(project / "prefect.yaml")
    if any(c.name == API and c.state is State.FAIL for c in checks):
        return checks
    try:
        block = await block_of(site)
    except NoSite:
        do = (
            "make it: `vigil connect --site " + site + " --ecm-url ... --ecm-user ... --firebase-account ...`"
        )
        return [*checks, fail(SITE, f'there is no Vigil site block "{site}"', do)]
    except BrokenSite as error:
        return [
            *checks,
            fail(SITE, str(error), f"correct it in its form, or by `vigil connect --site {site}`"),
        ]
    return [*checks, ok(SITE, f'block "{site}", for {block.site().public_url}'), *await _of_site(block, now)]


async def _of_site(block: Connected, now: Callable[[], datetime]) -> list[Check]:
    templates, families = rules.templates(Path(block.settings.templates))
    known = ledger.texts(block.ledger.url.get_secret_value())
    loaded, found = rules.rules(Path(block.settings.rules), families, known)
    checks = [templates, loaded]
    async with Client(
        replace(block.ecm.client().settings, retries=TRIES, timeout=ANSWER, total_timeout=PATIENCE)
    ) as client:
        seen = await ecm.examine(client, found, now)
        checks += seen.checks
        if found is not None:
            people = await ecm.people(client, found) if seen.schema else None
            checks.append(rules.against(Path(block.settings.rules), seen.schema, families, people))
    checks.append(await _firebase(block, now))
    checks.append(await _mail(block, now))
    return checks + ledger.examine(block.ledger.url.get_secret_value(), now(), block.name)


async def _firebase(block: Connected, now: Callable[[], datetime]) -> Check:
    try:
        transport = block.fcm.transport(now)
    except BadServiceAccount as error:
        return firebase.unusable(error)
    return await firebase.examine(transport, block.fcm.project)


async def _mail(block: Connected, now: Callable[[], datetime]) -> Check:
    if block.smtp is None:
        return skip(MAIL, "no mail server is set: people without a device are not reached")
    where = f"{block.smtp.host} as {block.smtp.username or 'nobody'}"
    try:
        wrong = await block.smtp.transport(now).probe()
    except CredentialRefused as error:
        return fail(MAIL, str(error), "correct user, password and security in the SMTP server block")
    if wrong is not None:
        return fail(
            MAIL, f"{where}: {wrong.code} {wrong.detail}", "check host, port and firewall from this machine"
        )
    return ok(MAIL, f"{where} lets us in")


async def _prefect(file: Path) -> list[Check]:
    async with get_client() as client:
        unwell = await client.api_healthcheck()
        if unwell is not None:
            do = "start it (`prefect server start`), and set PREFECT_API_URL to its address"
            return [fail(API, f"{client.api_url} does not answer: {type(unwell).__name__}", do)]
        version = await client.api_version()
        checks = [ok(API, f"{client.api_url}, version {version}")]
        if version.split(".")[:2] != __version__.split(".")[:2]:
            do = f"use the same version on both sides; this project is tested with {__version__}"
            checks = [
                warn(API, f"{client.api_url}, version {version}, while {__version__} is installed here", do)
            ]
        wanted = YAML(typ="safe").load(file.read_text())["deployments"] if file.is_file() else []
        for pool in sorted({d["work_pool"]["name"] for d in wanted}):
            checks.append(await _pool(client, pool))
        return [*checks, *[await _deployment(client, d) for d in wanted]]


async def _pool(client: PrefectClient, name: str) -> Check:
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        return fail(
            POOL,
            f'there is no work pool "{name}"',
            f"`prefect work-pool create {name} --type process`, then deploy",
        )
    if pool.is_paused:
        return fail(POOL, f'"{name}" is paused', f"`prefect work-pool resume {name}`")
    workers = await client.read_workers_for_work_pool(name)
    online = sum(w.status is WorkerStatus.ONLINE for w in workers)
    if not online:
        return fail(
            POOL,
            f'"{name}" has no worker that is up',
            f"`prefect worker start --pool {name}`, as a service of the machine",
        )
    return ok(POOL, f'"{name}", {online} workers up')


async def _deployment(client: PrefectClient, wanted: dict[str, Any]) -> Check:
    name = wanted["name"]
    full, say = f"deployment {name}", fail if name == MUST_RUN else warn
    try:
        found = await client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound:
        return say(full, "is not deployed", "`prefect --no-prompt deploy --all` from the project's folder")
    asleep = wanted.get("schedules") and (found.paused or not any(s.active for s in found.schedules))
    if asleep:
        return say(
            full,
            "is deployed, and its schedule is off",
            f"`prefect deployment schedule resume {name}/{name} ID`",
        )
    return ok(
        full, "is deployed" + (", its schedule is on" if wanted.get("schedules") else ", started by hand")
    )

"""The tasks of all flows, and their order: one task for each page or batch, never for a single item.

The work itself is in vigil.service. Retries happen in the clients: a failed task is not retried. Prefect does not store results; the
ledger does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.utilities.annotations import opaque

from flows.support import artifacts, events
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.in_force import Revision
from vigil.delivery.worker import Worker
from vigil.ecm.located import Located
from vigil.ecm.model import ListedWorkspace
from vigil.ledger.engine import chunks
from vigil.ledger.observed.observations import DeletedItem
from vigil.service import (
    account_text,
    accounting,
    backfill,
    change_feed,
    delivery,
    evaluation,
    extraction,
    instants,
    manifest_diff,
    subscriptions,
    upkeep,
)
from vigil.service.accounting import Account
from vigil.service.change_feed import Hints
from vigil.service.extraction import Extracted, Extraction
from vigil.service.plan import Plan
from vigil.service.reasons import of_row
from vigil.service.reports import frames, writers
from vigil.service.reports.frames import About, Frame
from vigil.service.run import Run
from vigil.service.sweep import Scope, evaluate_scope
from vigil.wording import counted, instant

T = TypeVar("T")
Rows = list[dict[str, Any]]

TOLD = ("name", "why", "person", "outcome", "reason", "rule")
SWEPT = ("name", "why", "person", "outcome", "rule")
MANIFEST = ("name", "why", "person", "standing", "reason", "title")
CHANGED = ("name", "changed", "person", "title", "rule")
"""Columns of the tables in the UI, as many as fit. The files have all columns."""


PAGE = 100  # workspaces or workflows that one task reads
LOGGED = 20  # the most failed or unroutable findings that a run's log names


def whole(argument: T) -> T:
    """Mark an argument so that Prefect passes it unchanged, without searching every item for futures."""
    return cast(T, opaque(argument))


@task(task_run_name="read the workspace types", cache_policy=NO_CACHE, persist_result=False)
async def read_schema(reading: Extraction) -> None:
    await extraction.read_schema(reading)


@task(task_run_name="read workspaces: {n}", cache_policy=NO_CACHE, persist_result=False)
async def read_page(run: Run, rows: Sequence[ListedWorkspace], located: Located | None, n: int) -> None:
    await extraction.read_page(run, rows, located)


@task(task_run_name="find documents by search", cache_policy=NO_CACHE, persist_result=False)
async def locate(reading: Extraction) -> Located | None:
    return await change_feed.locate(reading.run)


@task(task_run_name="follow search and recycle bin", cache_policy=NO_CACHE, persist_result=False)
async def follow(run: Run, just_read: Collection[int]) -> Hints:
    return await change_feed.follow(run, just_read)


@task(task_run_name="read documents: {n}", cache_policy=NO_CACHE, persist_result=False)
async def read_documents(run: Run, hints: Hints, some: Sequence[int], n: int) -> frozenset[int]:
    return await change_feed.read_documents(run, hints, some)


@task(task_run_name="verify what is known, slice {n}", cache_policy=NO_CACHE, persist_result=False)
async def verify(reading: Extraction, part: extraction.NodeSlice, n: int) -> set[int]:
    return await extraction.verify(reading, part)


@task(task_run_name="look for what is gone: {n}", cache_policy=NO_CACHE, persist_result=False)
async def look_for(run: Run, some: Sequence[DeletedItem], n: int) -> list[ListedWorkspace]:
    return await extraction.existing_again(run, some)


@task(task_run_name="read roles of workspaces: {n}", cache_policy=NO_CACHE, persist_result=False)
async def read_roles(run: Run, workspaces: Sequence[int], n: int) -> None:
    await extraction.read_roles(run, workspaces)


@task(task_run_name="read relations of workspaces: {n}", cache_policy=NO_CACHE, persist_result=False)
async def read_related(run: Run, workspaces: Sequence[int], n: int) -> None:
    await extraction.read_related(run, workspaces)


@task(task_run_name="list the workflows", cache_policy=NO_CACHE, persist_result=False)
async def list_processes(reading: Extraction) -> list[int]:
    return await extraction.changed_processes(reading)


@task(task_run_name="read workflows: {n}", cache_policy=NO_CACHE, persist_result=False)
async def read_processes(reading: Extraction, ids: Sequence[int], n: int) -> None:
    await extraction.read_processes(reading, ids)


@task(task_run_name="evaluate and queue batch {n} of {of}", cache_policy=NO_CACHE, persist_result=False)
async def evaluate_batch(run: Run, plan: Plan, n: int, of: int) -> set[str]:
    return await evaluation.process_batch(run, plan, n)


@task(task_run_name="deliver batch {n}", cache_policy=NO_CACHE, persist_result=False)
async def deliver_batch(run: Run, worker: Worker, n: int) -> bool:
    """Deliver a batch. Returns whether a further batch may find work."""
    done = await delivery.deliver_batch(run, worker)
    for refused in done.refused.values():
        get_run_logger().error("run %d: %s", run.id, refused)
    return done.more


@task(task_run_name="sweep", cache_policy=NO_CACHE, persist_result=False)
async def sweep_scope(run: Run, read: Extracted, scope: Scope, dry_run: bool) -> Rows:
    return await evaluate_scope(run, read.schema, scope, dry_run)


@task(task_run_name="work out the manifest", cache_policy=NO_CACHE, persist_result=False)
async def make_manifest(run: Run, after: datetime, upto: datetime) -> tuple[str, list[backfill.Line]]:
    return await backfill.manifest(run, after, upto)


async def read_pages(run: Run, rows: Sequence[ListedWorkspace], located: Located | None = None) -> None:
    """Read workspaces, one page in each task; more than one page in Dask's processes, if the site has them."""

    def part(some: Sequence[ListedWorkspace]) -> Located | None:
        return None if located is None else located.of([row.id for row in some])

    pages = list(chunks(rows, PAGE))
    if run.remote is not None and len(pages) > 1 and not run.counters.stopped:
        await asyncio.gather(*(run.remote.read_page(some, part(some)) for some in pages))
    else:
        await asyncio.gather(*(read_page(run, whole(some), whole(part(some)), len(some)) for some in pages))


async def extract_unless_known(run: Run) -> tuple[Extracted, str]:
    """Read what changed. A run before the ledger's newest data reads nothing, and returns a sentence about that."""
    known = instants.known_after(run.ledger, run.as_of)
    if known is None:
        return await extract(run), ""
    run.records = False
    reading = Extraction(run)
    extraction.known_schema(reading)
    return reading.done(), f"nothing was read: the ledger already has data of {instant(known, run.site.zone)}"


async def extract(run: Run, accept_fewer: bool = False) -> Extracted:
    """Read what changed: first the lists, then known items whose changes no list shows, then workflows."""
    reading = Extraction(run, accept_fewer)
    full = extraction.full_scan_due(reading)
    if full:
        await read_schema(reading)
    else:
        extraction.known_schema(reading)
    read: set[int] = set()
    located = await locate(reading) if extraction.reads_everything(reading) else None
    progress = artifacts.Progress(f"{run.flow}-reading", "workspaces read")
    expected = (
        extraction.expected(run) if reading.reread else 0
    )  # the number of changes is unknown in advance
    async for rows in extraction.changed_pages(reading, full):
        read |= {r.id for r in rows}
        await read_pages(run, rows, located)
        await progress.show(len(read), expected)
    await progress.show(len(read), len(read))
    hints = await follow(run, whole(read))
    for some in chunks(sorted(hints.documents), PAGE):
        hints.workspaces |= await read_documents(run, whole(hints), whole(some), len(some))
    slices = extraction.verify_slices(reading, read)
    found = await asyncio.gather(*(verify(reading, whole(part), n) for n, part in enumerate(slices, start=1)))
    extraction.believe_verified(reading)
    back = [
        r for some in extraction.deleted_slices(reading) for r in await look_for(run, whole(some), len(some))
    ]
    again = extraction.again(run, hints.workspaces.union(*found), [*hints.found, *back], read)
    await read_pages(run, again)
    for some in extraction.related_slices(reading, read | {r.id for r in again}):
        await read_related(run, whole(some), len(some))
    if run.needs.steps:
        changed = await list_processes(reading)
        await asyncio.gather(
            *(read_processes(reading, whole(some), len(some)) for some in chunks(changed, PAGE))
        )
        extraction.processes_done(reading)
    for some in extraction.role_slices(reading, read | {r.id for r in again}):
        await read_roles(run, whole(some), len(some))
    extraction.keep_cursors(reading)
    return reading.done()


async def evaluate(run: Run, read: Extracted) -> Sequence[Revision]:
    """Evaluate what changed and what is due, batch by batch, and queue the notices.

    Returns the rules that earlier runs left out: the account names them.
    """
    plan = evaluation.plan(run)
    progress = artifacts.Progress(f"{run.flow}-evaluating", "workspaces evaluated")
    total, done = sum(len(some) for some in plan.batches), 0

    remote = run.remote if len(plan.batches) > 1 else None

    first: set[str] = set()  # rules with first findings

    async def batch(n: int, some: Sequence[int]) -> None:
        nonlocal done
        if remote is not None:
            first.update(await remote.evaluate_batch(plan, n))
        else:
            first.update(await evaluate_batch(run, whole(plan), n, len(plan.batches)))
        done += len(some)
        await progress.show(done, total)

    batches = [batch(n, some) for n, some in enumerate(plan.batches, start=1)]
    if remote is not None:
        await asyncio.gather(*batches)
    else:
        for one in batches:  # sequentially: they compute, and the process has one processor
            await one
    evaluation.finish(run, plan, first, read)
    return plan.returned


async def deliver(run: Run) -> None:
    """Send what is due, and retry failed sends for a while. The account lists what is left."""
    logger, zone = get_run_logger(), run.site.zone
    await delivery.deliver(
        run,
        deliver_batch,
        lambda waits: logger.info("run %d: %s", run.id, account_text.waiting(waits, zone)),
    )
    await subscriptions.subscribe(run)


async def sweep(run: Run, read: Extracted, scope: Scope, dry_run: bool) -> Frame:
    """Evaluate a whole scope; show the table, files and a summary in the UI. Returns the table."""
    rows = await sweep_scope(run, whole(read), whole(scope), dry_run)
    found = frames.findings(
        run, rows, scope=scope.sentence(), dry_run=dry_run, said=counted(len(rows), "finding")
    )
    said = writers.head(found)
    await artifacts.table("sweep-findings", found, SWEPT, said)
    await artifacts.files("sweep-files", found, said)
    await artifacts.page("sweep-summary", writers.summary(found), said)
    return found


async def manifest(run: Run, after: datetime | None, upto: datetime | None) -> Frame:
    """Compute what a window should have sent, show the manifest with its id in the UI, and return it."""
    after, upto = instants.refuse_window(after, upto, run.as_of, run.site.zone)
    since = upkeep.earliest(run)
    if since is not None and after < since:
        raise instants.BadWindow(
            f"data from before {since:%Y-%m-%d} was deleted (docs/decisions/0009): begin the window then or later"
        )
    id, lines = await make_manifest(run, after, upto)
    counts = ", ".join(f"{n} {name}" for name, n in backfill.summary(lines).items()) or "no notices in it"
    said = f"manifest {id}: {counts}"
    unsure = {line.entry.workspace for line in lines if line.standing is backfill.ManifestStatus.UNSURE}
    if unsure:
        places = counted(len(unsure), "workspace")
        said += f". For {places} this cannot be known: their data was recorded out of order"
    zone = ZoneInfo(run.site.zone)
    window = " to ".join(writers.minute(at.astimezone(zone)) for at in (after, upto))
    made = frames.manifest(run, lines, manifest=id, said=said, scope=f"{window} {zone.key}")
    first = made.sort_values(
        "sends", ascending=False, kind="stable"
    )  # the notices that an approval sends come first
    of = f"{said}; window {About.of(made).scope}"
    await artifacts.table("backfill-manifest", first, MANIFEST, of)
    await artifacts.files("backfill-files", made, of)
    return made


async def approve(run: Run, id: str) -> str:
    """Queue exactly the notices that a manifest lists as due; show those about something that changed since."""
    try:
        changed = manifest_diff.changes(run, id)
        done = backfill.approve(run, id)
    except KeyError:
        raise instants.BadWindow(
            f'there is no manifest "{id}": a backfill of a window shows its id'
        ) from None
    if done.before is not None:
        before = instant(done.before.replace(second=0), run.site.zone)
        return f"manifest {id} was approved before, {before}: nothing was sent again"
    said = f"manifest {id}: {done.queued} queued"
    said += f", {done.told_meanwhile} sent by other runs since it was shown" if done.told_meanwhile else ""
    if not changed:
        return said
    about = f"{len(changed)} of them about something that changed since they were shown"
    await artifacts.table(
        "backfill-changed", frames.changed(run, changed), CHANGED, f"manifest {id}: {about}"
    )
    return f"{said}, {about}"


def report(run: Run, made: Account) -> None:
    """Log the account and, by rule and workspace, the findings that need a person."""
    logger = get_run_logger()
    level = logging.ERROR if made.undelivered or made.gaps else logging.INFO
    logger.log(level, "run %d: %s", run.id, account_text.sentence(made))
    for said in made.refused_rules:
        logger.error("run %d: %s", run.id, said)
    for t in made.holds:
        held, why = counted(t.notices, "notice"), "; ".join(t.reasons)
        logger.warning("run %d, rule %s: guard %d holds %s: %s", run.id, t.rule, t.id, held, why)
    wrong = [n for n in made.notices if n["state"] in (NoticeState.UNROUTABLE, NoticeState.FAILED)]
    for n in wrong[:LOGGED]:
        why = of_row(n)
        logger.warning(
            "run %d, rule %s, workspace %d: %s: %s", run.id, n["rule"], n["workspace"], n["state"], why
        )
    if len(wrong) > LOGGED:
        logger.warning("run %d: and %d more, see the findings", run.id, len(wrong) - LOGGED)


async def account(run: Run, returned: Sequence[Revision] = ()) -> Account:
    """Prove that every finding was sent or explained, and show the account in the UI. `returned` is what `evaluate` returned."""
    made = accounting.account(run, returned)
    events.of_account(run, made)
    report(run, made)
    shown = [artifacts.page(f"{run.flow}-account", account_text.page(made), account_text.sentence(made))]
    if made.notices:
        first = frames.of_account(run, made, artifacts.SHOWN)
        said = f"Notices and reasons: {counted(len(made.notices), 'notice')}"
        shown += [
            artifacts.table(f"{run.flow}-findings", first, TOLD, said, len(made.notices)),
            artifacts.chart(run),
        ]
    await asyncio.gather(*shown)
    return made

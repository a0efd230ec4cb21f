"""The tasks of every flow, and their order: one task a page or a batch, never one an item.

What they do is in vigil.service. Retries live in the clients: a task that fails has been tried. Results are not kept by
Prefect, the ledger is where they are; arguments are opaque, so that Prefect does not search them item by item for futures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prefect import task
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.utilities.annotations import opaque

from vigil.delivery.worker import Worker
from vigil.ecm.model import Row
from vigil.ledger.engine import chunks
from vigil.service import accounting, extraction, judgement, sending
from vigil.service.accounting import Account
from vigil.service.judgement import Plan
from vigil.service.run import Run

PAGE = 100  # workspaces or workflows that one task reads


@task(task_run_name="read the workspace types", cache_policy=NO_CACHE, persist_result=False)
async def read_schema(run: Run) -> None:
    await extraction.read_schema(run)


@task(task_run_name="read {n} workspaces", cache_policy=NO_CACHE, persist_result=False)
async def read_page(run: Run, rows: Sequence[Row], n: int) -> None:
    await extraction.read_page(run, rows)


@task(task_run_name="verify what is known, slice {n}", cache_policy=NO_CACHE, persist_result=False)
async def verify(run: Run, part: extraction.Slice, n: int) -> set[int]:
    return await extraction.verify(run, part)


@task(task_run_name="list the workflows", cache_policy=NO_CACHE, persist_result=False)
async def list_processes(run: Run) -> list[int]:
    return await extraction.changed_processes(run)


@task(task_run_name="read {n} workflows", cache_policy=NO_CACHE, persist_result=False)
async def read_processes(run: Run, ids: Sequence[int], n: int) -> None:
    await extraction.read_processes(run, ids)


@task(task_run_name="evaluate and queue batch {n}", cache_policy=NO_CACHE, persist_result=False)
async def judge(run: Run, plan: Plan, n: int) -> None:
    given = judgement.load(run, plan, plan.batches[n])
    result = judgement.judge(run, plan, given)
    facts, directory = await judgement.look_up(run, given, result)
    judgement.commit(run, result, facts, directory)


@task(task_run_name="deliver batch {n}", cache_policy=NO_CACHE, persist_result=False)
async def deliver_batch(run: Run, worker: Worker, n: int) -> int:
    return (await sending.deliver_batch(run, worker)).rows.total()


async def extract(run: Run) -> None:
    """Read what changed: lists first, then known items whose change no list shows, then workflows."""
    full = extraction.full_scan_due(run)
    if full:
        await read_schema(run)
    else:
        extraction.known_schema(run)
    read: set[int] = set()
    async for rows in extraction.changed_pages(run, full):
        read |= {r.id for r in rows}
        await asyncio.gather(*(read_page(run, opaque(some), len(some)) for some in chunks(rows, PAGE)))
    slices = extraction.verify_slices(run, read)
    found = await asyncio.gather(*(verify(run, opaque(part), n) for n, part in enumerate(slices, start=1)))
    again = extraction.rows_of(run, set().union(*found) - read)
    await asyncio.gather(*(read_page(run, opaque(some), len(some)) for some in chunks(again, PAGE)))
    if run.needs.steps:
        changed = await list_processes(run)
        await asyncio.gather(*(read_processes(run, opaque(some), len(some)) for some in chunks(changed, PAGE)))
        extraction.processes_done(run)


async def evaluate(run: Run) -> None:
    """Evaluate what changed and what is due, batch by batch, and queue what must be said."""
    plan = judgement.plan(run)
    for n in range(len(plan.batches)):
        await judge(run, opaque(plan), n)
    judgement.finish(run, plan)


async def deliver(run: Run) -> None:
    """Send what is due until nothing is."""
    worker, n = sending.worker(run), 1
    while sending.anything_due(run) and await deliver_batch(run, worker, n):
        n += 1


async def account(run: Run) -> Account:
    """Prove that everything found was sent or explained, and leave the account in the UI."""
    made = accounting.account(run)
    get_run_logger().info("%s", made.sentence())
    await acreate_markdown_artifact(made.markdown(), key=f"{run.flow}-account", description=made.sentence())
    if made.notices:
        await acreate_table_artifact(made.table(), key=f"{run.flow}-findings", description="Who was told what, and why")
    return made

"""Whole runs without Prefect and without sending: reading over HTTP, evaluation, the outbox, as `flows.support.tasks` does them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tests.shared import PROJECT
from vigil.compliance.notify.routing import Directory
from vigil.compliance.rules.model import RuleSet
from vigil.delivery.rendering.render import Renderer
from vigil.ecm import Client, Settings
from vigil.ledger import Ledger
from vigil.ledger.engine import chunks
from vigil.sandbox.process import SandboxClient
from vigil.service import change_feed, evaluation, extraction
from vigil.service.extraction import Extracted, Extraction
from vigil.service.pipeline import Work, first_findings
from vigil.service.plan import Plan
from vigil.service.run import Run
from vigil.service.site import Site

PAGE = 100  # as flows.support.tasks.PAGE


def run_once(ledger: Ledger, sandbox: SandboxClient, rules: RuleSet, as_of: datetime) -> Run:
    """One run over an estate in UTC. Its clock stands at `as_of`, wherever that of the sandbox is."""
    templates = PROJECT / "templates"
    site = Site("https://ecm.example", "UTC", PROJECT / "rules", templates)
    run = Run("watch", as_of, ledger, site, rules, Renderer(templates), clock=lambda: as_of)
    settings = Settings(sandbox.ecm_url, username="vigil", password="vigil", zone="UTC", retries=0)
    asyncio.run(watched(run, Client(settings)))
    return run


async def watched(run: Run, client: Client) -> None:
    """Read over HTTP, judge and queue, as `flows.watch` does before it delivers."""
    async with run.reading(client):
        read = await extract(run)
        plan = evaluation.plan(run)
        first: set[str] = set()
        for n in range(1, len(plan.batches) + 1):
            first |= await evaluation.process_batch(run, plan, n)
        evaluation.finish(run, plan, first, read)


def _evaluated(run: Run, plan: Plan, workspaces: Sequence[int], people: Directory) -> Work:
    """One batch of a plan, evaluated and queued, with the people that somebody looked up."""
    work = evaluation.evaluated(run, evaluation.load(run, plan, workspaces))
    work = evaluation.addressed(run, replace(work, directory=people))
    evaluation.commit(run, plan, work)
    return work


def evaluated_whole(run: Run, people: Directory, ends: bool = True) -> tuple[Plan, list[Work]]:
    """All batches of a run, evaluated and queued, each from its own watermarks; then the run's end, unless it is killed before."""
    plan = evaluation.plan(run)
    works = [_evaluated(run, plan.of(some), some, people) for some in plan.batches]
    if ends:
        evaluation.finish(run, plan, set().union(*map(first_findings, works)))
    return plan, works


async def extract(run: Run) -> Extracted:
    """As `flows.support.tasks.extract`, without Prefect."""
    reading = Extraction(run)
    full = extraction.full_scan_due(reading)
    await extraction.read_schema(reading) if full else extraction.known_schema(reading)
    read: set[int] = set()
    located = await change_feed.locate(run) if extraction.reads_everything(reading) else None
    async for rows in extraction.changed_pages(reading, full):
        read |= {r.id for r in rows}
        for some in chunks(rows, PAGE):
            part = None if located is None else located.of([row.id for row in some])
            await extraction.read_page(run, some, part)
    hints = await change_feed.follow(run, read)
    for documents in chunks(sorted(hints.documents), PAGE):
        hints.workspaces |= await change_feed.read_documents(run, hints, documents)
    found = [await extraction.verify(reading, part) for part in extraction.verify_slices(reading, read)]
    extraction.believe_verified(reading)
    back = [
        r for some in extraction.deleted_slices(reading) for r in await extraction.existing_again(run, some)
    ]
    again = extraction.again(run, hints.workspaces.union(*found), [*hints.found, *back], read)
    for rows_again in chunks(again, PAGE):
        await extraction.read_page(run, rows_again)
    for ids in extraction.related_slices(reading, read | {r.id for r in again}):
        await extraction.read_related(run, ids)
    if run.needs.steps:
        changed = await extraction.changed_processes(reading)
        if changed:
            await extraction.read_processes(reading, changed)
        extraction.processes_done(reading)
    for ids in extraction.role_slices(reading, read | {r.id for r in again}):
        await extraction.read_roles(run, ids)
    extraction.keep_cursors(reading)
    return reading.done()

"""Whole runs without Prefect and without sending: reading over HTTP, evaluation, the outbox, as `flows.steps` does them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from vigil.compliance.rules import RuleSet
from vigil.delivery.render import Renderer
from vigil.ecm import Client, Settings
from vigil.ledger import Ledger
from vigil.sandbox.process import SandboxClient
from vigil.service import extraction, judgement
from vigil.service.run import Run
from vigil.service.site import Site

PROJECT = Path(__file__).resolve().parents[2]


def run_once(ledger: Ledger, sandbox: SandboxClient, rules: RuleSet, as_of: datetime) -> Run:
    """One run over an estate in UTC. Its clock stands at `as_of`, wherever that of the sandbox is."""
    templates = PROJECT / "templates"
    site = Site("https://ecm.example", "UTC", PROJECT / "rules", templates)
    run = Run("watch", as_of, ledger, site, rules, Renderer(templates), clock=lambda: as_of)
    settings = Settings(sandbox.ecm_url, username="vigil", password="vigil", zone="UTC", retries=0)
    asyncio.run(_whole(run, settings))
    return run


async def _whole(run: Run, settings: Settings) -> None:
    async with run.reading(Client(settings)):
        await _read(run)
        plan = judgement.plan(run)
        for n in range(1, len(plan.batches) + 1):
            await judgement.whole(run, plan, n)
        judgement.finish(run, plan)


async def _read(run: Run) -> None:
    full = extraction.full_scan_due(run)
    if full:
        await extraction.read_schema(run)
    else:
        extraction.known_schema(run)
    read: set[int] = set()
    async for rows in extraction.changed_pages(run, full):
        read |= {r.id for r in rows}
        await extraction.read_page(run, rows)
    for part in extraction.verify_slices(run, read):
        await extraction.read_page(run, extraction.rows_of(run, await extraction.verify(run, part)))
    if run.needs.steps:
        await extraction.read_processes(run, await extraction.changed_processes(run))
        extraction.processes_done(run)
    extraction.walked(run)

"""The requests that docs/connecting.md and `vigil connect --read-only` expect are those that runs make."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.shared import PROJECT
from tests.support.plain_runs import extract, run_once
from vigil.delivery.rendering.render import Renderer
from vigil.ecm import Client, Settings
from vigil.ecm.dialect import DateFilter, Dialect, NodesForm, SearchDialect, StepEnds
from vigil.ledger import Ledger
from vigil.ledger.in_memory import InMemoryLedger
from vigil.ledger.observed import folders, observations
from vigil.rulefiles import read_rules
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.service import change_feed, dialects
from vigil.service.expected_load import EstateSize, of_a_first_run, of_a_run, total
from vigil.service.needs import needs_of, types_of
from vigil.service.run import Run
from vigil.service.site import Site

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
RULES = PROJECT / "rules"
PAGE = PROJECT / "docs" / "connecting.md"
HOURLY = 4  # runs, as in prefect.yaml
LOOKUPS = 64


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(
        generate(tmp_path_factory.mktemp("load") / "estate").folder, start=NOON
    ) as running:
        yield running


def quiet_run(ledger: Ledger, sandbox: SandboxProcess) -> tuple[Run, int, Dialect]:
    """A run a quarter of an hour after the first, in which nothing changed: its requests, and the dialect."""
    templates, at = PROJECT / "templates", NOON + timedelta(minutes=15)
    site = Site("https://ecm.example", "UTC", RULES, templates, verify_requests=LOOKUPS)
    run = Run("watch", at, ledger, site, read_rules(RULES), Renderer(templates), clock=lambda: at)
    client = Client(Settings(sandbox.ecm_url, username="vigil", password="vigil", zone="UTC", retries=0))

    async def go() -> None:
        async with run.reading(client):
            await change_feed.follow(run, ())
            await extract(run)

    asyncio.run(go())
    return run, client.requests, client.dialect


@pytest.mark.parametrize("dialect", ["2016", "2019", "ce23", "strict", "poor"])
def test_a_quiet_run_makes_about_the_requests_that_are_expected(
    sandbox: SandboxProcess, dialect: str
) -> None:
    sandbox.faults(ecm={"clear": True})
    sandbox.faults(ecm={"dialect": dialect})
    ledger = InMemoryLedger().fresh()
    rules = read_rules(RULES)
    first = run_once(ledger, sandbox, rules, NOON)
    before = sandbox.requests()["ecm"]["by_endpoint"]
    run, requests, found = quiet_run(ledger, sandbox)
    after = sandbox.requests()["ecm"]["by_endpoint"]
    print({k: n - before.get(k, 0) for k, n in after.items() if n != before.get(k, 0)}, run.numbers())
    with ledger.read() as connection:
        known = observations.totals(connection)
        size = EstateSize(dialects.estate(ledger), known["document"], folders.count(connection), open_workflows=5)
    expected = of_a_run(found, run.needs, size, LOOKUPS)
    print(dialect, requests, sum(expected.values()), expected, first.numbers(), of_a_first_run(found, run.needs, size))
    assert 0.7 * requests <= sum(expected.values()) <= 1.5 * requests

"""The requests that docs/connecting.md and `vigil connect --read-only` expect are those that runs make."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.shared import PROJECT
from tests.support.plain_runs import extract
from vigil.compliance.facts import Step
from vigil.delivery.rendering.render import Renderer
from vigil.ecm import Client, Settings
from vigil.ecm.dialect import DateFilter, Dialect, NodesForm, RelatedForm, SearchDialect, StepEnds
from vigil.ledger import Ledger
from vigil.ledger.in_memory import InMemoryLedger
from vigil.ledger.observed import folders, observations
from vigil.rulefiles import read_rules
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.service import change_feed, dialects
from vigil.service.expected_load import EstateSize, of_a_run, total
from vigil.service.needs import needs_of, types_of
from vigil.service.run import Run
from vigil.service.site import Site

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
RULES = PROJECT / "rules"
PAGE = PROJECT / "docs" / "connecting.md"
ZONE = "Europe/Berlin"
HOURLY = 4  # runs, as in prefect.yaml
LOOKUPS = 64
PEOPLE = 26  # users of the demo's estate


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(generate(tmp_path_factory.mktemp("load") / "estate").folder, start=NOON) as running:
        yield running


def quiet_run(ledger: Ledger, sandbox: SandboxProcess, minutes: int) -> tuple[Run, int, Dialect]:
    """A run some minutes after noon, in which nothing changed since: its requests, and the dialect. The first one reads everything."""
    templates, at = PROJECT / "templates", NOON + timedelta(minutes=minutes)
    site = Site("https://ecm.example", ZONE, RULES, templates, verify_requests=LOOKUPS)
    run = Run("watch", at, ledger, site, read_rules(RULES), Renderer(templates), clock=lambda: at)
    client = Client(Settings(sandbox.ecm_url, username="vigil", password="vigil", zone=ZONE, retries=0))

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
    quiet_run(ledger, sandbox, 0)
    quiet_run(ledger, sandbox, 15)
    run, requests, found = quiet_run(ledger, sandbox, 30)
    with ledger.read() as connection:
        known = observations.totals(connection)
        steps = [fact for _, fact in observations.bodies(connection, "step", "", 1000)]
        active = {s.process for s in steps if isinstance(s, Step) and s.completed_at is None}
        size = EstateSize(
            dialects.estate(ledger, LOOKUPS),
            known["document"],
            folders.count(connection),
            len(active),
            PEOPLE,
        )
    expected = of_a_run(found, run.needs, size, LOOKUPS)
    assert 0.65 * requests <= sum(expected.values()) <= 1.5 * requests


SEARCHED = Dialect(
    nodes=NodesForm.FORM,
    sorted=True,
    dates=DateFilter.PLAIN,
    step_ends=StepEnds.INFO,
    role_members=True,
    related=RelatedForm.COMMA,
    search=SearchDialect(),
    search_known=True,
    bin="anyone_deleted",
)
SCANNED = replace(SEARCHED, search=None, bin="")
BARE = replace(
    SCANNED,
    nodes=NodesForm.NONE,
    sorted=False,
    dates=DateFilter.NONE,
    step_ends=StepEnds.UNKNOWN,
    role_members=False,
    related=RelatedForm.EACH,
)
"""The servers of the columns of the table: with search and recycle bin, without both, and one that has as little as may be."""


def size_of(workspaces: int) -> EstateSize:
    """An estate as the page describes it: types of one size with four roles, 5 documents and a folder each, 1 % changed a day."""
    types = types_of(read_rules(RULES))
    counts = {name: workspaces // len(types) for name in types}
    changed = workspaces // 100
    return EstateSize(
        listed=dialects.Estate(counts, dict.fromkeys(types, 4)),
        documents=5 * workspaces,
        folders=workspaces,
        open_workflows=workspaces // 10,
        people=workspaces // 5,
        changed_a_day=changed,
        changed_a_run=-(-changed // (24 * HOURLY)),
    )


def row(workspaces: int) -> str:
    """The row of the page's table: requests a run and an hour, for each server."""
    needs = needs_of(read_rules(RULES))
    cells = [f"{workspaces:,}"]
    for found in (SEARCHED, SCANNED, BARE):
        parts = of_a_run(found, needs, size_of(workspaces), LOOKUPS)
        cells.append(f"{sum(parts.values()):,} ({total(parts, HOURLY):,})")
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("workspaces", [1_000, 10_000, 100_000])
def test_the_page_shows_the_load_of_each_size(workspaces: int) -> None:
    assert row(workspaces) in PAGE.read_text().splitlines()


def test_a_larger_estate_costs_more_until_the_limit_of_lookups_is_reached() -> None:
    needs = needs_of(read_rules(RULES))
    loads = [
        total(of_a_run(SCANNED, needs, size_of(n), LOOKUPS), HOURLY) for n in (100, 1_000, 10_000, 100_000)
    ]
    assert loads == sorted(loads) and loads[0] < loads[-1]
    fewer = total(of_a_run(SCANNED, needs, size_of(100_000), LOOKUPS // 4), HOURLY)
    assert fewer < loads[-1] / 2

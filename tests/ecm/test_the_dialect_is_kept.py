"""The dialect of a server: probed at first and daily, kept in the ledger, corrected by answers, and told with its cost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ecm import contracts
from tests.shared import PROJECT
from vigil.compliance.facts import WorkspaceType
from vigil.delivery.rendering.render import Renderer
from vigil.ecm import Client, Settings
from vigil.ecm.dialect import DateFilter, Dialect, NodesForm, RelatedForm, SearchDialect, StepEnds, read
from vigil.ecm.probes import MOST_REQUESTS, PROBED
from vigil.ledger import Ledger, watermarks
from vigil.ledger.in_memory import InMemoryLedger
from vigil.ledger.watermarks import Listed, Watermark, WatermarkName, list_of
from vigil.rulefiles import read_rules
from vigil.sandbox.process import SandboxProcess
from vigil.service import dialects, snapshot
from vigil.service.dialects import Estate
from vigil.service.run import Run
from vigil.service.site import Site

NOON = contracts.NOON
MINUTES = timedelta(minutes=1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(contracts.save(tmp_path_factory.mktemp("dialects")), start=NOON) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: SandboxProcess) -> SandboxProcess:
    running.faults(ecm={"clear": True})
    return running


@pytest.fixture
def ledger() -> Ledger:
    return InMemoryLedger().fresh()


def connected(sandbox: SandboxProcess, ledger: Ledger, at: datetime, **settings: str) -> tuple[Client, int]:
    """A run that connects and reads nothing: its client, and how many requests it made beside the login."""
    client = Client(
        Settings(settings.get("url", sandbox.ecm_url), "vigil", "vigil", zone=contracts.ZONE, retries=0)
    )

    async def go() -> None:
        site = Site("https://ecm.example", contracts.ZONE, PROJECT / "rules", PROJECT / "templates")
        rules = read_rules(PROJECT / "rules")
        run = Run("watch", at, ledger, site, rules, Renderer(PROJECT / "templates"), clock=lambda: at)
        async with run.reading(client):
            pass

    asyncio.run(go())
    return client, client.requests


def test_the_first_run_probes_and_the_next_ones_of_the_day_make_no_request(
    sandbox: SandboxProcess, ledger: Ledger
) -> None:
    first, asked = connected(sandbox, ledger, NOON)
    assert first.dialect.nodes is NodesForm.FORM
    assert first.dialect.sorted is True
    assert 0 < asked <= MOST_REQUESTS
    for minutes in (15, 120, 23 * 60):
        later, asked = connected(sandbox, ledger, NOON + minutes * MINUTES)
        assert (later.dialect, asked) == (first.dialect, 0)
    assert connected(sandbox, ledger, NOON + timedelta(days=1))[1] > 0


def test_another_server_is_probed_anew(sandbox: SandboxProcess, ledger: Ledger) -> None:
    connected(sandbox, ledger, NOON)
    assert dialects.load(ledger, sandbox.ecm_url).at == NOON
    assert dialects.load(ledger, "https://elsewhere/cs/cs") == Dialect()


def test_what_an_answer_contradicts_is_known_to_the_next_run(
    sandbox: SandboxProcess, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vigil.run")
    client, _ = connected(sandbox, ledger, NOON)
    client.learn(sorted=False, why="Contract: page 2 has a row of today")
    dialects.finish(client, ledger, 1)
    assert "learned about Extended ECM: Contract: page 2 has a row of today" in caplog.text
    soon, asked = connected(sandbox, ledger, NOON + 15 * MINUTES)
    assert (soon.dialect.sorted, asked) == (False, 0)
    later, asked = connected(sandbox, ledger, NOON + 120 * MINUTES)
    assert later.dialect.sorted is False, "a probe does not overrule what answers have shown"
    assert asked > 0
    assert connected(sandbox, ledger, NOON + 135 * MINUTES)[1] == 0
    assert connected(sandbox, ledger, NOON + timedelta(days=1))[0].dialect.sorted is True


def test_a_probe_that_failed_is_made_again_after_an_hour_and_no_other(
    sandbox: SandboxProcess, ledger: Ledger
) -> None:
    sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/volumes/recyclebin/nodes", "what": "503", "times": 99}]}
    )
    assert connected(sandbox, ledger, NOON)[0].dialect.unanswered == {"bin", "bin_sorted"}
    sandbox.faults(ecm={"clear": True})
    later, asked = connected(sandbox, ledger, NOON + 61 * MINUTES)
    assert later.dialect.bin == "anyone_deleted_today"
    assert later.dialect.unanswered == frozenset()
    assert asked <= 2  # the login, and one row of the bin


@pytest.mark.parametrize("name", ["2016", "2019", "ce23", "strict", "poor"])
def test_no_named_dialect_takes_more_requests_than_probes_may(
    sandbox: SandboxProcess, ledger: Ledger, name: str
) -> None:
    sandbox.faults(ecm={"dialect": name})
    client, asked = connected(sandbox, ledger, NOON)
    assert asked <= MOST_REQUESTS
    found = client.dialect
    assert found.sorted is (name not in ("2019", "poor"))
    assert found.nodes is {"2019": NodesForm.BODY, "ce23": NodesForm.FORM}.get(name, NodesForm.NONE)
    assert found.role_members is (name not in ("2016", "poor"))
    assert (found.dates is DateFilter.PLAIN) == (name in ("ce23", "strict"))


def test_a_dialect_is_the_same_after_it_was_stored() -> None:
    found = Dialect(
        at=NOON,
        tried=NOON,
        nodes=NodesForm.BODY,
        dates=DateFilter.QUOTED,
        why={"nodes": "x"},
        learned=frozenset({"nodes"}),
    )
    assert read(found.plain()) == found
    assert read({"nodes": "a form of a later version"}) == Dialect()
    assert read({"unheard of": 1}) == Dialect()


def test_the_log_says_what_was_found_and_what_it_costs(
    sandbox: SandboxProcess, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vigil.run")
    sandbox.faults(ecm={"dialect": "poor"})
    connected(sandbox, ledger, NOON)
    assert "probed what Extended ECM understands" in caplog.text
    assert "sorted lists: lists are not sorted" in caplog.text
    assert "more requests, as many as there are workspaces" in caplog.text  # nothing was listed yet
    with ledger.write() as connection:
        kind = WorkspaceType("Contract", (), ("owner",), (), 1)
        watermarks.set_watermark(
            connection, WatermarkName.SCHEMA, Watermark(at=NOON, data=snapshot.written([kind]))
        )
        watermarks.set_watermark(
            connection, list_of("Contract"), Watermark(at=NOON, data=Listed(1_240).plain())
        )
    caplog.clear()
    connected(sandbox, ledger, NOON + 15 * MINUTES)
    assert "3 requests a run instead of 1" in caplog.text
    assert (
        "role members" in caplog.text
        and "2480 requests for the roles of all workspaces instead of 1240" in caplog.text
    )
    assert "own workflows" not in caplog.text  # costs nothing, and was told when it was probed


def test_costs_follow_from_the_size_of_the_estate() -> None:
    of = Estate({"Contract": 106_900, "Supplier": 20, "Permit": 7}, {"Contract": 2, "Supplier": 1})
    poor = Dialect(
        at=NOON,
        sorted=False,
        dates=DateFilter.NONE,
        nodes=NodesForm.NONE,
        role_members=False,
        related=RelatedForm.EACH,
        step_ends=StepEnds.INFO,
        wall=100_000,
    )
    costs = {line.name: line.costs for line in dialects.described(poor, of) if line.costs}
    assert costs["sorted lists"] == "216 requests a run instead of 3"
    assert costs["attributes"] == "107355 requests for all workspaces instead of 428"
    assert costs["role members"] == "320747 requests for the roles of all workspaces instead of 106927"
    assert costs["relations"] == "2 requests a workspace instead of 1"
    assert costs["end of lists"].startswith("214 requests and one for each start of names")
    able = Dialect(at=NOON, sorted=True, dates=DateFilter.PLAIN, nodes=NodesForm.FORM, role_members=True)
    assert [line.costs for line in dialects.described(able, of) if line.costs] == []


def test_unsorted_lists_cost_a_part_of_them_where_the_search_is_followed() -> None:
    def costs(lookups: int = 64, workspaces: int = 100_000, **given: Any) -> str:
        found = Dialect(sorted=False, **{"dates": DateFilter.NONE, "search": SearchDialect(), **given})
        lines = dialects.described(found, Estate({"Contract": workspaces}, {}, lookups))
        return next(line.costs for line in lines if line.name == "sorted lists")

    assert (
        costs()
        == "16 requests a run instead of 1; a workspace that the search lacks is found within 14 runs or so"
    )
    assert costs(lookups=128).startswith("32 requests a run")
    assert costs(workspaces=5_000_000).startswith("625 requests a run instead of 1"), (
        "a round has 16 runs at most"
    )
    assert costs(workspaces=8_000) == "16 requests a run instead of 1", "the whole list"
    assert costs(search=None) == "200 requests a run instead of 1"
    assert costs(dates=DateFilter.PLAIN) == "2 requests a run instead of 1"


def test_what_costs_no_more_requests_in_an_estate_has_no_cost() -> None:
    of = Estate({"Contract": 400, "Supplier": 0}, {"Contract": 0})
    unsorted = Dialect(at=NOON, sorted=False, dates=DateFilter.NONE)
    assert [line.costs for line in dialects.described(unsorted, of) if line.costs] == []
    empty = Estate({"Contract": 0}, {"Contract": 2})
    poor = Dialect(at=NOON, sorted=False, nodes=NodesForm.NONE, role_members=False)
    assert [line.costs for line in dialects.described(poor, empty) if line.costs] == []


def test_what_is_lost_is_told_apart_from_what_costs_requests() -> None:
    of = Estate({"Contract": 400}, {})
    able = Dialect(
        at=NOON, search=SearchDialect(), search_known=True, bin="anyone_deleted", classifications=True
    )
    assert not [line for line in dialects.described(able, of) if line.loses]
    poor = Dialect(at=NOON, search_known=True, bin="", classifications=False, step_ends=StepEnds.UNKNOWN)
    lost = {line.name for line in dialects.described(poor, of) if line.loses}
    assert lost == {"search", "recycle bin", "document types", "ends of steps"}
    assert not [line for line in dialects.described(Dialect(), of) if line.loses], "unknown is not lost"


def test_every_probed_field_has_a_line() -> None:
    """A field that the probes find and no line shows would be known to nobody."""
    shown = {field for field, _, _ in dialects._parts(Dialect(), Estate())}
    assert shown | {"offset", "search_known", "wall"} >= PROBED


def test_an_unprobed_dialect_says_so_in_every_line(tmp_path: Path) -> None:
    lines = dialects.described(Dialect(), Estate())
    assert {line.saw for line in lines if not line.known} == {"not probed yet"}

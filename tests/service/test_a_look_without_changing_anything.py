"""`vigil connect --read-only`: each dialect's page names what the dialect lacks, and nothing is written to Extended ECM."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.shared import PROJECT
from tests.support import vendor
from vigil.ecm import Settings
from vigil.ecm.dialect import Dialect
from vigil.ecm.survey import OpenWorkflow
from vigil.ledger.in_memory import InMemoryLedger
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.sandbox.request_log import LoggedRequest, from_file
from vigil.service import dialects
from vigil.service.connecting import survey_page
from vigil.service.connecting.mends import MENDS
from vigil.service.connecting.survey import NotReached, Survey, Workflows, look
from vigil.service.doctor.health import CheckState
from vigil.service.site import Site

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
DIALECTS = ("2016", "2019", "ce23", "strict", "poor")
READING_POSTS = {"/v1/auth", "/v2/nodes/list", "/v2/search"}
PASSWORD = "of-the-service-user"

LACKS: dict[str, set[str]] = {
    "2016": {"attributes", "date filter", "ends of steps", "role members", "recycle bin"},
    "2019": {"sorted lists", "date filter"},
    "ce23": set(),
    "strict": {"attributes", "recycle bin"},
    "poor": {
        "attributes",
        "sorted lists",
        "date filter",
        "ends of steps",
        "role members",
        "document types",
        "search",
        "recycle bin",
    },
}
"""The parts that a dialect lacks, by the names of the lines on the page."""

MISSING: dict[str, set[str]] = {"poor": {"missing documents", "types of documents"}}
"""What the shipped rules need and a dialect does not have."""


@dataclass
class Bench:
    """A sandbox of the demo's estate, and the requests that it got."""

    sandbox: SandboxProcess
    log: Path

    def look(
        self, dialect: str = "ce23", script: Sequence[dict[str, object]] = (), **quirks: object
    ) -> tuple[Survey, Sequence[LoggedRequest]]:
        """A survey, and the requests that it made."""
        self.sandbox.faults(ecm={"clear": True})
        self.sandbox.faults(ecm={"dialect": dialect, "quirks": quirks, "script": list(script)})
        before = len(from_file(self.log)) if self.log.exists() else 0
        found = self._look(PASSWORD_OF_THE_SANDBOX)
        return found, from_file(self.log)[before:]

    def _look(self, password: str, url: str = "") -> Survey:
        zone = "Europe/Berlin"
        address = url or self.sandbox.ecm_url
        settings = Settings(address, username="vigil", password=password, zone=zone, retries=0)
        site = Site("https://ecm.example", zone, PROJECT / "rules", PROJECT / "templates")
        return asyncio.run(look(settings, site, InMemoryLedger().fresh(), lambda: NOON))


PASSWORD_OF_THE_SANDBOX = "vigil"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("look")
    log = folder / "requests.jsonl"
    with SandboxProcess(generate(folder / "estate").folder, start=NOON, log_requests=log) as sandbox:
        yield Bench(sandbox, log)


def _rows(page: str, heading: str) -> dict[str, str]:
    """The rows of the first table below a heading, by their first cell."""
    _, _, below = page.partition(f"\n## {heading}\n")
    table = [line for line in below.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in table[2:]}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_page_names_what_a_dialect_lacks_and_the_rules_need(bench: Bench, dialect: str) -> None:
    found, requests = bench.look(dialect)
    page = survey_page.page(found, minutes=15)
    rows = _rows(page, "What this server understands")
    mended = {name for name, line in rows.items() if name in MENDS and MENDS[name].do[:20] in line}
    assert mended == LACKS[dialect]
    assert {check.name for check in found.missing} == MISSING.get(dialect, set())
    assert all(f"**{name}**" in page for name in MISSING.get(dialect, set()))
    assert found.swept is not None and not found.swept.failed
    assert found.known["workspace"] == 51 == sum(one.came or 0 for one in found.types if one.used)

    written = {(r.method, r.path) for r in requests if r.method != "GET" and r.path not in READING_POSTS}
    assert not written
    assert len(requests) == found.requests


def test_the_costs_column_says_nothing_only_where_nothing_is_lost(bench: Bench) -> None:
    found, _ = bench.look("poor")
    page = survey_page.page(found, minutes=15)
    costs = {name: line.split(" | ")[2] for name, line in _rows(page, "What this server understands").items()}
    for name in ("search", "recycle bin", "document types"):
        assert " later: " in costs[name] or " not known: " in costs[name]
    assert costs["sorted lists"] == "nothing", "each list of this estate is one page"
    assert costs["role members"].endswith(f"instead of {found.estate.total}")
    lines = dialects.described(found.dialect, found.estate)
    assert {line.name for line in lines if not line.known} == {
        n for n, c in costs.items() if c == "not known"
    }
    assert not re.search(r"(\d+) requests a run instead of \1\b", page)
    assert "modify_date.sort" not in page


@pytest.mark.shared
@pytest.mark.parametrize("dialect", ["ce23", "poor"])
def test_every_request_of_a_look_is_in_the_vendors_documents(bench: Bench, dialect: str) -> None:
    _, requests = bench.look(dialect)
    refused = {
        reason: request
        for request in requests
        for reason in vendor.refused(
            request.method, request.path, request.query, request.form, request.query | request.form
        )
    }
    assert requests and not refused


def test_the_page_counts_what_this_user_cannot_see(bench: Bench) -> None:
    """An unreadable workspace is counted by its list and does not come."""
    found, _ = bench.look(unreadable=[100001], unreadable_counted=True)
    [contract] = [one for one in found.types if one.name == "Contract"]
    assert (contract.counted, contract.came) == (15, 14)
    to_do, _, _ = survey_page.page(found, minutes=15).partition("## What is there")
    assert "of Contract 14 of 15" in to_do


def test_a_page_is_written_where_calls_are_refused(bench: Bench) -> None:
    """Audit, workflows, regions, members and the server's own information may be refused: the page says so of each."""
    refused = ["GET /v2/nodes/{id}/audit", "GET /v1/regions", "GET /v2/members", "GET /v1/serverinfo"]
    found, _ = bench.look(modules_absent=["workflow"], routes_absent=refused)
    page = survey_page.page(found, minutes=15)
    assert {"workflows", "audit trail"} <= {check.name for check in found.missing}
    assert "status/active could not be read" in page
    assert "Refused: queryable search regions" in page
    assert "Refused: audit of node" in page
    assert _rows(page, "What is there")["Contract"].startswith("| Contract | 15 | 15 |")
    assert "| users | could not be read: /v2/members: this server has no such call" in page


@pytest.mark.parametrize(
    "endpoint",
    [
        "GET /v2/businessworkspacetypes",
        "GET /v2/businessworkspaces",
        "POST /v2/search",
        "GET /v2/workflows/status",
        "GET /v2/workflows/status/active",
        "GET /v2/nodes/{id}/audit",
    ],
)
def test_a_call_that_gives_no_usable_answer_is_named_on_the_page(bench: Bench, endpoint: str) -> None:
    """Whatever comes for one call, a page is written; it says why, and the other parts are there."""
    found, _ = bench.look(script=[{"endpoint": endpoint, "what": "html_200", "times": 10_000}])
    page = survey_page.page(found, minutes=15)
    assert "## How this was found" in page
    assert endpoint.split()[1].partition("/{")[0] in page.replace("\u2060", "")


def test_open_workflows_in_no_list_of_this_user_are_named_with_their_map() -> None:
    """The simulator shows in `status/active` what the user manages or started: here one more is shown."""
    some = Workflows(managed={"ontime": 1}, mine={801}, asked=3, maps={77: "Approval"})
    some.shown = {801: OpenWorkflow(801, 77), 802: OpenWorkflow(802, 77), 803: OpenWorkflow(803, 78)}
    settings = Settings("https://ecm.example/cs/cs", username="vigil")
    site = Site("https://ecm.example", "UTC", PROJECT / "rules", PROJECT / "templates")
    page = survey_page.page(Survey(settings, site, NOON, workflows=some), minutes=15)
    rows = _rows(page, "Workflows")
    assert rows["Approval (77)"].endswith("| 2 | 1 |") and rows["map 78"].endswith("| 1 | 0 |")
    to_do, _, _ = page.partition("## What is there")
    assert "2 open workflows in no list of this user" in to_do
    assert "Make the service user a manager of Approval (77) and map 78" in to_do


def test_regions_that_are_not_queryable_are_named(bench: Bench) -> None:
    found, _ = bench.look("2016")
    page = survey_page.page(found, minutes=15)
    assert "OTModifyDate and OTModifyTime are not queryable" in page.partition("## What is there")[0]
    rows = _rows(page, "Search regions")
    assert rows["OTModifyDate"].endswith("| no |") and rows["OTObjectDate"].endswith("| yes |")


def test_no_secret_and_no_person_is_on_the_page(bench: Bench) -> None:
    """The page goes to an administrator: neither a login such as ada.berg nor the name of a workspace is needed on it."""
    found, _ = bench.look()
    found.settings = replace(found.settings, password=PASSWORD)
    page = survey_page.page(found, minutes=15)
    assert PASSWORD not in page
    assert found.swept is not None and found.swept.rows
    people = {str(row["person"]) for row in found.swept.rows}
    assert people and not any(login in page for login in people)
    names = {str(row["name"]) for row in found.swept.rows}
    assert not any(name in page for name in names)


def test_texts_of_a_server_that_are_no_errors_are_not_on_the_page_either(bench: Bench) -> None:
    """A version, a date or an event may be anything that somebody wrote: only those of the product are named."""
    found, _ = bench.look()
    found.version = "16.2 of Hans Mueller"
    found.events.update(["Comment Added", "Seen by Hans Mueller", "Signed by Ada"])
    page = survey_page.page(found, minutes=15)
    assert "Mueller" not in page and "Ada" not in page
    assert "and 2 other events" in page
    assert "of a version that it does not tell" in page


def test_a_wrong_password_is_said_with_what_to_do(bench: Bench) -> None:
    bench.sandbox.faults(ecm={"clear": True})
    with pytest.raises(NotReached, match="VIGIL_ECM_PASSWORD") as refused:
        bench._look(PASSWORD)
    assert PASSWORD not in str(refused.value)


def test_a_dead_server_is_said_with_what_to_do(bench: Bench) -> None:
    with pytest.raises(NotReached, match=r"connection refused.*\n.*check the address"):
        bench._look(PASSWORD, "http://127.0.0.1:9/cs/cs")


def test_each_mend_is_for_a_line_of_the_dialect() -> None:
    lines = {line.name for line in dialects.described(Dialect(), dialects.Estate())}
    assert MENDS.keys() <= lines


def test_a_finding_is_what_a_person_with_a_device_would_be_told(bench: Bench) -> None:
    """Nobody has a device in the temporary ledger: the page shows what would be told all the same."""
    found, _ = bench.look()
    page = survey_page.page(found, minutes=15)
    assert "| would be told |" in page and "neither a device" not in page
    assert all(check.state is not CheckState.FAIL for check in found.checks)

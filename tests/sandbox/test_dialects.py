"""Dialects: named sets of switches, at the sandbox's start and from its control endpoint; switches beside a name win."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Ecm, Running
from vigil.cli.app import app
from vigil.sandbox.dialects import DEFAULT, DIALECTS
from vigil.sandbox.process import SandboxError, SandboxProcess
from vigil.sandbox.quirks import EcmFaults, Quirks

DAY = "2024-01-10T00:00:00Z"


@pytest.fixture
def one(draft: Draft, start: Start) -> Running:
    draft.case(100, related=[101])
    draft.case(101)
    draft.event(
        "2024-01-02T08:00:00Z", "document_added", workspace=100, id=900, name="c", type="Contract", by="ada"
    )
    running = start(draft)
    running.at(DAY)
    return running


def speak(running: Running, dialect: str, **quirks: Any) -> dict[str, Any]:
    """The switches once a sandbox speaks a dialect."""
    set_then: dict[str, Any] = running.sandbox.faults({"dialect": dialect, "quirks": quirks})["ecm"]["quirks"]
    running.ecm.ticket = ""
    running.ecm.ticket = running.ecm.login()
    return set_then


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_names_switches_that_there_are_and_changes_each_that_it_names(name: str) -> None:
    defaults = Quirks()
    Quirks().update(DIALECTS[name])
    same = [switch for switch, value in DIALECTS[name].items() if getattr(defaults, switch) == value]
    assert same == []


def test_the_default_dialect_is_what_the_sandbox_speaks_without_one() -> None:
    faults = EcmFaults()
    faults.configure({"dialect": DEFAULT})
    assert faults.quirks == Quirks()


def test_a_dialect_sets_every_switch_and_switches_beside_it_win(one: Running) -> None:
    one.set(wall=7)
    found = speak(one, "2019", detail_as_list=True)
    assert (found["mixed_dates"], found["detail_as_list"], found["wall"]) == (False, True, 100_000)
    assert one.sandbox.faults({})["ecm"]["dialect"] == "2019"
    cleared = one.sandbox.faults({"clear": True})["ecm"]
    assert (cleared["dialect"], cleared["quirks"]["mixed_dates"]) == ("", True)


def test_an_unknown_dialect_is_refused_and_changes_nothing(one: Running) -> None:
    one.set(wall=7)
    with pytest.raises(SandboxError, match=r"unknown dialect '2018' .*2016, 2019, ce23"):
        one.sandbox.faults({"dialect": "2018"})
    assert one.sandbox.faults({})["ecm"]["quirks"]["wall"] == 7


def test_a_sandbox_starts_in_a_dialect(draft: Draft, tmp_path: Path) -> None:
    draft.case(100)
    folder = draft.save(tmp_path / "estate")
    with SandboxProcess(folder, dialect="2016", faults={"quirks": {"server_version": "16.0.9"}}) as sandbox:
        told = Ecm(sandbox).get("/v1/serverinfo")
    assert told["server"]["version"] == "16.0.9" and "sessions" not in told


def dates(running: Running) -> set[bool]:
    """Whether the dates of a node, a version and an audit row end in Z."""
    node = running.ecm.get("/v2/nodes/900")["results"]["data"]
    audit = running.ecm.get("/v2/nodes/900/audit")["results"]["data"]["audit"][0]
    versions = running.ecm.get("/v2/nodes/900/versions")["results"][0]["data"]["versions"]
    texts = (node["properties"]["modify_date"], audit["audit_date"], versions["modify_date"])
    return {text.endswith("Z") for text in texts}


@pytest.mark.parametrize(("name", "zulu"), [("2016", {False}), ("2019", {False}), ("ce23", {True})])
def test_dates_of_a_dialect(one: Running, name: str, zulu: set[bool]) -> None:
    speak(one, name)
    assert dates(one) == zulu


MORE_CALLS = (
    "/v2/businessworkspaces?expanded_view=true&sort=desc_modify_date&where_workspace_type_id=1",
    "/v2/businessworkspaces/100?fields=categories",
    "/v2/businessworkspaces/100/roles",
    "/v2/businessworkspaces/100/relateditems?where_relationtype=child",
    "/v2/nodes/100/nodes?fields=properties&fields=categories",
    "/v2/nodes/900?fields=properties&fields=categories",
    "/v2/nodes/900/categories?metadata",
    "/v2/nodes/900/audit?limit=10&sort=desc_audit_date",
    "/v2/members?where_type=0&limit=20",
    "/v2/workflows/status?wstatus=ontime",
    "/v1/serverinfo",
)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_answers_what_the_vendor_documents(one: Running, name: str) -> None:
    speak(one, name)
    one.ecm.status("/v2/nodes/900")  # a fresh ticket may be refused once
    assert {path: one.ecm.status(path) for path in MORE_CALLS} == dict.fromkeys(MORE_CALLS, 200)


def test_a_poor_server_has_neither_search_nor_modules(one: Running) -> None:
    speak(one, "poor")
    one.ecm.status("/v2/nodes/900")
    paths = ("/v1/regions", "/v1/nodes/900/classifications", "/v2/nodes/900/followups",
             "/v2/businessworkspaces/100/missingdocuments", "/v2/businessworkspaces/100/doctypes")  # fmt: skip
    assert {one.ecm.status(path) for path in paths} == {400}
    speak(one, "ce23")
    assert {one.ecm.status(path) for path in paths} == {200}


def test_every_switch_is_a_dialect_s_or_has_a_number_of_the_contract() -> None:
    """A switch that nothing names is one that nobody finds."""
    named = {switch for dialect in DIALECTS.values() for switch in dialect}
    lonely = {f.name for f in fields(Quirks) if "quirk" not in f.metadata} - named
    assert lonely == {"slow_seconds", "folders", "folders_except", "newest_version_only", "domains"}


def test_the_command_takes_a_dialect_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served: list[Any] = []
    monkeypatch.setattr("vigil.sandbox.server.serve", served.append)
    arguments = ["sandbox", "--estate", str(tmp_path), "--dialect"]
    assert CliRunner().invoke(app, [*arguments, "2016"]).exit_code == 0
    assert [options.faults for options in served] == [{"dialect": "2016"}]
    refused = CliRunner().invoke(app, [*arguments, "2018"])
    assert refused.exit_code == 2 and "'2018' is none of 2016, 2019" in refused.output

"""Each thing that the doctor looks at, well and ill. The illness is provoked in the sandbox, never mocked."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.webhook import WebhookSender
from tests.shared import PROJECT
from tests.support.webhooks import NEW, OLD
from vigil.compliance.rules.in_force import Revision
from vigil.compliance.rules.model import RuleSet
from vigil.compliance.rules.normalised_text import hash_of, written
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.ecm import Client, Settings
from vigil.ecm.dialect import Dialect
from vigil.ecm.queries import ServerInfo
from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.ledger.people import devices
from vigil.ledger.people.device_stats import DeviceStats
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import RunState
from vigil.rulefiles import read_rules
from vigil.sandbox.generate.generator import Generated, generate
from vigil.sandbox.process import SandboxProcess
from vigil.service.doctor import clocks, ecm, firebase, ledger, rules
from vigil.service.doctor.health import Check, CheckState, well
from vigil.service.run import utc_now

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(tmp_path_factory.mktemp("doctor") / "estate")


@pytest.fixture(scope="module")
def running(made: Generated) -> Iterator[SandboxProcess]:
    with SandboxProcess(made.folder, start=NOON) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: SandboxProcess) -> SandboxProcess:
    running.faults(ecm={"clear": True}, fcm={"clear": True})
    return running


@pytest.fixture(scope="module")
def shipped() -> RuleSet:
    return read_rules(PROJECT / "rules")


def examine(sandbox: SandboxProcess, given: RuleSet | None, **settings: Any) -> dict[str, Check]:
    """What the doctor finds in the sandbox's ECM, by name."""
    now = settings.pop("now", sandbox.now)
    connection = {
        "url": sandbox.ecm_url,
        "username": "vigil",
        "password": "vigil",
        "zone": "Europe/Berlin",
        "retries": 0,
    }

    async def go() -> ecm.EcmChecks:
        async with Client(Settings(**{**connection, **settings})) as client:
            return await ecm.examine(client, given, now)

    return {c.name: c for c in asyncio.run(go()).checks}


def quirk(sandbox: SandboxProcess, **quirks: Any) -> None:
    sandbox.faults(ecm={"quirks": quirks})


def fault(sandbox: SandboxProcess, endpoint: str, what: str) -> None:
    sandbox.faults(ecm={"script": [{"endpoint": endpoint, "what": what, "times": 1000}]})


# -- Extended ECM


def test_a_healthy_system_has_nothing_to_do(sandbox: SandboxProcess, shipped: RuleSet) -> None:
    found = examine(sandbox, shipped)
    of_server = {
        name for name in found if name.startswith("ecm: ")
    }  # what it costs, or has nothing to be tried with
    assert {n: c.saw for n, c in found.items() if c.state is not CheckState.OK and n not in of_server} == {}
    assert not any(c.do for n, c in found.items() if n not in of_server)
    assert found["ecm: sorted lists"].state is CheckState.OK
    assert found[ecm.LOGIN].saw == "logged in as vigil"
    assert found[ecm.CAPS].saw == "rows in a page: workspaces 500, children of a node 1000"
    assert "which matches Europe/Berlin" in found[clocks.ZONE].saw


def test_a_server_that_is_not_there_is_the_connection_and_nothing_else(
    shipped: RuleSet, sandbox: SandboxProcess
) -> None:
    found = examine(sandbox, shipped, url="http://127.0.0.1:9/cs/cs")
    assert [(c.name, c.state) for c in found.values()] == [(ecm.CONNECTION, CheckState.FAIL)]
    assert "firewall" in found[ecm.CONNECTION].do


def test_an_address_without_rest_api_is_told_from_a_dead_server(
    sandbox: SandboxProcess, shipped: RuleSet
) -> None:
    fault(sandbox, "POST /v1/auth", "html_200")
    found = examine(sandbox, shipped)
    assert found[ecm.CONNECTION].state is CheckState.FAIL
    assert "CGI path" in found[ecm.CONNECTION].do


def test_a_wrong_password_is_the_login_and_is_not_tried_again(
    sandbox: SandboxProcess, shipped: RuleSet
) -> None:
    before = sandbox.requests()["ecm"]["by_endpoint"].get("POST /v1/auth", 0)
    found = examine(sandbox, shipped, password="wrong")
    assert (found[ecm.CONNECTION].state, found[ecm.LOGIN].state) == (CheckState.OK, CheckState.FAIL)
    assert "wrong" not in found[ecm.LOGIN].saw
    assert sandbox.requests()["ecm"]["by_endpoint"]["POST /v1/auth"] == before + 1


def test_a_type_that_rules_are_about_and_the_user_does_not_see_fails(
    sandbox: SandboxProcess, tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(
        "rule: lease\nkind: condition\nsubject: {workspace_type: Lease}\nrequire: {field: name, op: present}\nto: [user: ada]\n"
    )
    found = examine(sandbox, read_rules(tmp_path))
    assert found["type Lease"].state is CheckState.FAIL
    assert "Contract" in found["type Lease"].saw  # what can be seen is named


def test_no_workspace_type_at_all_fails(sandbox: SandboxProcess, shipped: RuleSet) -> None:
    fault(sandbox, "GET /v2/businessworkspacetypes", "400")
    assert examine(sandbox, shipped)[ecm.TYPES].state is CheckState.FAIL


def test_a_type_without_a_readable_workspace_is_a_warning(
    sandbox: SandboxProcess, shipped: RuleSet, made: Generated
) -> None:
    hidden = [json.loads(line) for line in (made.folder / "workspaces.jsonl").read_text().splitlines()]
    quirk(sandbox, unreadable=[w["id"] for w in hidden if w["type"] == "Permit"])
    found = examine(sandbox, shipped)
    assert found["type Permit"].state is CheckState.WARN
    assert "without a message" in found["type Permit"].do
    assert found["type Contract"].state is CheckState.OK


def test_a_user_of_few_rights_sees_it_in_every_line(sandbox: SandboxProcess, shipped: RuleSet) -> None:
    found = examine(sandbox, shipped, username="ada.berg", password="ada.berg")
    assert found[ecm.LOGIN].state is CheckState.OK
    assert any(
        c.state is CheckState.WARN
        for name, c in found.items()
        if name.startswith("type ") or name == ecm.WORKFLOWS
    )


@pytest.mark.parametrize(
    ("caps", "state"),
    [
        ({"workspaces": 500, "children of a node": 100}, CheckState.OK),
        ({"workspaces": 1000, "children of a node": 1000}, CheckState.OK),
        ({"workspaces": 100, "children of a node": 100}, CheckState.WARN),
    ],
)
def test_pages_that_are_shorter_than_planned_cost_requests_and_lose_nothing(
    caps: dict[str, int], state: CheckState
) -> None:
    assert ecm.judge_caps(caps).state is state


def test_a_server_without_caps_is_well(sandbox: SandboxProcess, shipped: RuleSet) -> None:
    quirk(sandbox, caps_clamp=False)
    found = examine(sandbox, shipped)[ecm.CAPS]
    assert found.state is CheckState.OK and "workspaces 1000" in found.saw


def test_a_list_that_cannot_be_read_is_its_own_failure(sandbox: SandboxProcess, shipped: RuleSet) -> None:
    fault(sandbox, "GET /v2/nodes/*/nodes", "500")
    found = examine(sandbox, shipped)
    assert found[ecm.CAPS].state is CheckState.FAIL
    assert found[ecm.AUDIT].state is CheckState.OK


def test_the_wrong_zone_is_seen_by_two_dates_of_one_workspace(
    sandbox: SandboxProcess, shipped: RuleSet
) -> None:
    found = examine(sandbox, shipped, zone="UTC")[clocks.ZONE]
    assert found.state is CheckState.FAIL
    assert "UTC+01:00" in found.saw and "UTC+00:00" in found.saw
    assert "set the zone of the Extended ECM block" in found.do and "UTC+01:00" in found.do


def test_without_two_ways_of_writing_a_date_the_server_s_clock_shows_its_offset(
    sandbox: SandboxProcess, shipped: RuleSet
) -> None:
    quirk(sandbox, mixed_dates=False)
    assert "the server's clock shows" in examine(sandbox, shipped)[clocks.ZONE].saw
    assert examine(sandbox, shipped)[clocks.ZONE].state is CheckState.OK
    assert examine(sandbox, shipped, zone="America/New_York")[clocks.ZONE].state is CheckState.FAIL


def test_a_server_that_says_nothing_of_its_clock_gets_no_verdict() -> None:
    assert clocks.zone(ServerInfo("24.4", None), None, "UTC", NOON).state is CheckState.SKIP
    assert clocks.clock(ServerInfo("24.4", None), "UTC", NOON, NOON).state is CheckState.SKIP


def test_a_server_that_may_show_dates_in_the_zone_of_each_user_is_a_warning() -> None:
    assert (
        clocks.zone(ServerInfo("16.0", None, shifts_dates=True), None, "UTC", NOON).state is CheckState.WARN
    )


@pytest.mark.parametrize(
    ("off", "state"),
    [
        (0, CheckState.OK),
        (25, CheckState.OK),
        (-90, CheckState.WARN),
        (90, CheckState.WARN),
        (900, CheckState.FAIL),
        (-900, CheckState.FAIL),
    ],
)
def test_a_clock_that_differs_is_seen(
    sandbox: SandboxProcess, shipped: RuleSet, off: int, state: CheckState
) -> None:
    ours = sandbox.now() + timedelta(seconds=off)
    found = examine(sandbox, shipped, now=lambda: ours)[clocks.CLOCK]
    assert found.state is state
    if state is not CheckState.OK:
        assert ("behind" if off > 0 else "ahead of") in found.saw


@pytest.mark.parametrize("endpoint", ["audit", "workflows", "missing", "roles"])
def test_a_part_that_rules_read_and_that_cannot_be_read_fails(
    sandbox: SandboxProcess, tmp_path: Path, endpoint: str
) -> None:
    rule = {
        "audit": "kind: transition\nevents: [comment_added]\n",
        "workflows": "kind: transition\nevents: [step_assigned]\n",
        "missing": "kind: condition\nrequire: {missing_documents: none}\n",
        "roles": "kind: condition\nrequire: {field: role.owner, op: present}\n",
    }[endpoint]
    (tmp_path / "r.yaml").write_text(
        f"rule: r\nsubject: {{workspace_type: Contract}}\nto: [role: owner]\n{rule}"
    )
    path, name = {
        "audit": ("GET /v2/nodes/*/audit*", ecm.AUDIT),
        "workflows": ("GET /v2/workflows/status", ecm.WORKFLOWS),
        "missing": ("GET /v2/businessworkspaces/*/missingdocuments", ecm.MISSING),
        "roles": ("GET /v2/businessworkspaces/*/roles", ecm.ROLES),
    }[endpoint]
    needed = read_rules(tmp_path)
    assert examine(sandbox, needed)[name].state is CheckState.OK
    fault(sandbox, path, "400")
    assert examine(sandbox, needed)[name].state is CheckState.FAIL


def test_an_absent_module_that_no_rule_needs_is_left_out(sandbox: SandboxProcess, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "rule: r\nkind: condition\nsubject: {workspace_type: Contract}\nrequire: {field: name, op: present}\nto: [role: owner]\n"
    )
    quirk(sandbox, modules_absent=["workflow", "missingdocuments"])
    found = examine(sandbox, read_rules(tmp_path))
    assert (found[ecm.WORKFLOWS].state, found[ecm.MISSING].state) == (CheckState.SKIP, CheckState.SKIP)


def test_an_absent_workflow_module_fails_where_rules_wait_for_steps(
    sandbox: SandboxProcess, shipped: RuleSet
) -> None:
    quirk(sandbox, modules_absent=["workflow"])
    found = examine(sandbox, shipped)[ecm.WORKFLOWS]
    assert found.state is CheckState.FAIL and "workflow module" in found.do


@pytest.mark.parametrize(
    ("quirks", "line", "costs"),
    [
        (
            {"roles_ignore_members": True},
            "role members",
            "requests for the roles of all workspaces instead of",
        ),
        ({"nodes_list_fields": "none"}, "attributes", "requests for all workspaces instead of"),
    ],
)
def test_what_a_server_does_not_do_is_a_warning_with_its_cost_in_requests(
    sandbox: SandboxProcess, shipped: RuleSet, quirks: dict[str, object], line: str, costs: str
) -> None:
    quirk(sandbox, **quirks)
    found = examine(sandbox, shipped)[f"ecm: {line}"]
    assert found.state is CheckState.WARN
    assert costs in found.do


@pytest.mark.parametrize(
    ("quirks", "line", "loses"),
    [
        ({"modules_absent": ["search"]}, "search", "are noticed later"),
        ({"modules_absent": ["recyclebin"]}, "recycle bin", "a deletion is noticed later"),
        (
            {"bin_modes_off": ["anyone_deleted", "anyone_deleted_today"]},
            "recycle bin",
            "a deletion is noticed later",
        ),
        ({"modules_absent": ["classifications"]}, "document types", "do not judge"),
        ({"nodes_list_fields": "none"}, "attributes", "an expiry date that changed"),
    ],
)
def test_what_is_lost_is_a_warning_that_says_what_and_not_that_nothing_is(
    sandbox: SandboxProcess, shipped: RuleSet, quirks: dict[str, object], line: str, loses: str
) -> None:
    quirk(sandbox, **quirks)
    checks = examine(sandbox, shipped)
    found = checks[f"ecm: {line}"]
    assert found.state is CheckState.WARN
    assert loses in found.do and "nothing is lost" not in found.do
    assert well([found]), "the doctor does not fail for it"


def test_lists_of_one_page_that_are_not_sorted_cost_nothing(
    sandbox: SandboxProcess, shipped: RuleSet
) -> None:
    quirk(sandbox, date_sort=False)
    found = examine(sandbox, shipped)["ecm: sorted lists"]
    assert found.state is CheckState.OK
    assert found.saw.startswith("lists are not sorted (") and "instead of" not in found.do


def test_a_wall_that_runs_met_is_shown_with_both_numbers(sandbox: SandboxProcess, shipped: RuleSet) -> None:
    """No probe can find it: it stands in the dialect that the ledger keeps."""
    before = Dialect(wall=5, why={"wall": "the list of Contract: no further page is offered"})

    async def go() -> ecm.EcmChecks:
        async with Client(Settings(sandbox.ecm_url, "vigil", "vigil", zone="Europe/Berlin")) as client:
            return await ecm.examine(client, shipped, sandbox.now, before=before)

    (found,) = (c for c in asyncio.run(go()).checks if c.name == "ecm: end of lists")
    assert found.state is CheckState.WARN
    assert "a list stops after 5 rows" in found.saw and "Contract: 5 of " in found.saw
    assert "is not seen" in found.do and "it costs requests: " in found.do
    assert "nothing is lost" not in found.do, "whether the parts bring every row nobody knows"


# -- Firebase


def push(
    sandbox: SandboxProcess, project: str = "", account: dict[str, Any] | None = None, endpoint: str = ""
) -> Check:
    held = json.loads(Path(sandbox.service_account).read_text())
    project = project or held["project_id"]
    settings = FcmSettings(project, account or held, endpoint=endpoint or sandbox.fcm_url)

    async def go() -> Check:
        return await firebase.examine(FcmHttp(settings), project)

    return asyncio.run(go())


def test_an_account_that_may_send_is_well_and_nobody_is_told(sandbox: SandboxProcess) -> None:
    found = push(sandbox)
    assert found.state is CheckState.OK
    assert not any(d["received"] for d in sandbox.devices())


def test_an_account_of_another_project_fails_and_says_what_to_allow(sandbox: SandboxProcess) -> None:
    found = push(sandbox, project="another-project")
    assert found.state is CheckState.FAIL and "another-project" in found.do


@pytest.mark.parametrize("kind", ["permission_denied", "unauthenticated", "third_party_auth"])
def test_a_credential_that_fcm_refuses_fails(sandbox: SandboxProcess, kind: str) -> None:
    sandbox.faults(fcm={"add": [{"kind": kind}]})
    assert push(sandbox).state is CheckState.FAIL


def test_a_token_endpoint_that_refuses_fails_without_showing_the_key(
    sandbox: SandboxProcess,
) -> None:
    account = json.loads(Path(sandbox.service_account).read_text())
    found = push(sandbox, account={**account, "client_email": "stranger@example.org"})
    assert found.state is CheckState.FAIL
    assert account["private_key"][40:80] not in found.saw + found.do


def test_fcm_that_cannot_be_reached_fails(sandbox: SandboxProcess) -> None:
    found = push(sandbox, endpoint="http://127.0.0.1:9")
    assert found.state is CheckState.FAIL and "firewall" in found.do


def test_fcm_that_is_unwell_is_a_warning(sandbox: SandboxProcess) -> None:
    sandbox.faults(fcm={"add": [{"kind": "unavailable"}]})
    assert push(sandbox).state is CheckState.WARN


# -- rules and templates


def hooks(**changes: Any) -> Check:
    return asyncio.run(WebhookSender(**{"secrets": OLD} | changes).examine(utc_now))


def test_secrets_that_sign_are_well_and_nothing_is_posted() -> None:
    found = hooks(secrets=f"{OLD} {NEW}")
    assert (found.name, found.state, found.saw) == (
        "webhooks",
        CheckState.OK,
        "posts are signed with 2 secrets; no receiver was asked",
    )


def test_a_certificate_authority_that_cannot_be_read_fails(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for file in ("nowhere.pem", "ca.pem"):
        found = hooks(ca=str(tmp_path / file))
        assert (
            found.state is CheckState.FAIL and "certificate authority" in found.saw and OLD not in str(found)
        )


def test_shipped_templates_and_rules_are_well() -> None:
    said, families = rules.templates(PROJECT / "templates")
    loaded, found = rules.rules(PROJECT / "rules", families)
    assert (said.state, loaded.state) == (CheckState.OK, CheckState.OK)
    assert found is not None and len(found) > 10


def test_a_template_that_does_not_parse_fails_with_file_and_line(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "templates", tmp_path / "t")
    (tmp_path / "t" / "condition" / "body.j2").write_text("fine\n{% if %}")
    said, families = rules.templates(tmp_path / "t")
    assert said.state is CheckState.FAIL and "condition/body.j2:2" in said.saw and families is None
    assert rules.templates(tmp_path / "none")[0].state is CheckState.FAIL


def test_a_rule_that_is_refused_fails_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("rule: r\nkind: condtion\n")
    said, found = rules.rules(tmp_path, None)
    assert said.state is CheckState.FAIL and "r.yaml:2" in said.saw and found is None


def test_a_refused_rule_fails_and_what_goes_on_meanwhile_is_said(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "rules", tmp_path / "rules")
    file = tmp_path / "rules" / "2-approvals.yaml"
    good = read_rules(file)
    known = [Revision(r.name, hash_of(r), written(r), "rules/2-approvals.yaml", NOON, NOON) for r in good]
    file.write_text("rule: [\n")
    (tmp_path / "rules" / "new.yaml").write_text("rule: new\nkind: condtion\n")
    said, found = rules.rules(tmp_path / "rules", None, known)
    assert (
        said.state is CheckState.FAIL
        and f"Rules refused: {len(good) + 1}: rules/2-approvals.yaml:" in said.saw
    )
    assert (
        f"{good.rules[0].name}, " in said.saw
        and "go on by their texts of 3 March 2026 12:00 (UTC)" in said.saw
    )
    assert "(and 1 more): new is left out" in said.saw
    assert found is not None and good.rules[0].name in found.by_name


def test_a_group_or_user_that_extended_ecm_does_not_know_fails(
    sandbox: SandboxProcess, tmp_path: Path
) -> None:
    text = "rule: r\nkind: condition\nsubject: {workspace_type: Contract}\nwhen: {field: name, op: present}\n"
    (tmp_path / "r.yaml").write_text(f"{text}to: [user: nobody-at-all]\nfallback: [group: records-ofice]\n")

    async def look(folder: Path) -> Check:
        async with Client(Settings(sandbox.ecm_url, "vigil", "vigil", zone="Europe/Berlin")) as client:
            schema = (await ecm.examine(client, None, sandbox.now)).schema
            return rules.against(folder, schema, None, await ecm.people(client, read_rules(folder)))

    said = asyncio.run(look(tmp_path))
    assert said.state is CheckState.FAIL
    assert 'unknown user "nobody-at-all"' in said.saw and 'unknown group "records-ofice"' in said.saw
    assert asyncio.run(look(PROJECT / "rules")).state is CheckState.OK


def test_a_name_that_ecm_does_not_have_fails_against_the_live_schema(
    sandbox: SandboxProcess, tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(
        "rule: r\nkind: condition\nsubject: {workspace_type: Contract}\nrequire: {field: attr.expiry, op: present}\nto: [user: ada]\n"
    )

    async def schema() -> Any:
        async with Client(Settings(sandbox.ecm_url, "vigil", "vigil", zone="Europe/Berlin")) as client:
            return (await ecm.examine(client, None, sandbox.now)).schema

    live = asyncio.run(schema())
    said = rules.against(tmp_path, live, None)
    assert said.state is CheckState.FAIL and "expiry" in said.saw
    assert rules.against(PROJECT / "rules", live, None).state is CheckState.OK
    assert rules.against(PROJECT / "rules", (), None).state is CheckState.SKIP


# -- the ledger


def test_a_ledger_that_is_not_there_is_no_failure_and_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "var" / "ledger.sqlite"
    (found,) = ledger.examine(f"sqlite:///{file}", NOON, "default")
    assert found.state is CheckState.WARN and not file.parent.exists()


def test_a_ledger_at_the_newest_schema_is_well(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    Ledger.open(url).close()
    found = {c.name: c.state for c in ledger.examine(url, NOON, "default")}
    assert found == {
        ledger.SCHEMA: CheckState.OK,
        ledger.DEVICES: CheckState.WARN,
        ledger.RUNS: CheckState.SKIP,
    }


@pytest.mark.parametrize(("revision", "state"), [("0001", CheckState.WARN), ("9999", CheckState.FAIL)])
def test_an_old_schema_is_named_and_left_alone_and_a_newer_one_fails(
    tmp_path: Path, revision: str, state: CheckState
) -> None:
    file = tmp_path / "ledger.sqlite"
    Ledger.open(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    (found,) = ledger.examine(f"sqlite:///{file}", NOON, "default")
    assert found.state is state and revision in found.saw
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)


def test_a_file_that_is_no_database_fails_and_a_database_that_is_not_there_too(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("not a database, long enough to be looked at as one" * 10)
    assert ledger.examine(f"sqlite:///{tmp_path}/ledger.sqlite", NOON, "default")[0].state is CheckState.FAIL
    (found,) = ledger.examine("postgresql+psycopg://vigil:secret@127.0.0.1:9/vigil", NOON, "default")
    assert found.state is CheckState.FAIL and "secret" not in found.saw


def test_one_device_of_one_person_is_said_in_the_singular() -> None:
    taken = DeviceStats({"android": 1}, people=1)
    assert ledger.devices(taken).saw == "1 android, of 1 person"


def test_devices_that_nobody_refreshes_are_a_warning(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    opened = Ledger.open(url)
    with opened.write() as connection:
        devices.register(
            connection, [NewDevice("ada", "a-1", "android"), NewDevice("bob", "b-1", "ios")], NOON
        )
    found = {c.name: c for c in ledger.examine(url, NOON, "default")}[ledger.DEVICES]
    assert found == Check(ledger.DEVICES, CheckState.OK, "1 android, 1 ios, of 2 people")
    old = {c.name: c for c in ledger.examine(url, NOON + timedelta(days=40), "default")}[ledger.DEVICES]
    assert old.state is CheckState.WARN and "2 not refreshed for a month" in old.saw


@pytest.mark.parametrize(
    ("state", "hours", "expected"),
    [
        (RunState.DONE, 1, CheckState.OK),
        (RunState.FAILED, 1, CheckState.WARN),
        (RunState.DONE, 30, CheckState.WARN),
    ],
)
def test_a_last_run_that_failed_or_is_long_ago_is_a_warning(
    tmp_path: Path, state: RunState, hours: int, expected: CheckState
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    with Ledger.open(url).write() as connection:
        runs.end(connection, runs.begin(connection, "watch", NOON, NOON), state, {}, NOON)
    found = {c.name: c for c in ledger.examine(url, NOON + timedelta(hours=hours), "default")}[ledger.RUNS]
    assert found.state is expected

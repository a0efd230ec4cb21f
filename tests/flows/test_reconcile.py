"""What `reconcile` promises: each thing that is wrong is found and named, nothing is changed unless asked, and nothing is silent."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flows.conftest import SITE, Watched
from vigil.compliance import facts as f
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeState
from vigil.ecm.followups import FollowUp
from vigil.ledger.observed import observations
from vigil.ledger.outbox.audits import LatestNotice
from vigil.ledger.people import accounts
from vigil.service.reconcile import accounts as accounts_check
from vigil.service.reconcile import follow_ups, missing_documents

OUTCOMES, UNPROVEN, DEVICES = "outcomes that stayed unknown", "sent without proof", "devices"
PEOPLE, READABLE = "people without a device", "workspaces that cannot be read"
MISSING, FOLLOW_UPS = "missing documents", "follow-ups"


class Answer:
    """What one run of the flow gave: its state, and for each check its own line and what it found."""

    def __init__(self, state: Any, rows: list[dict[str, Any]]) -> None:
        self.state = state
        self.line = {r["check"]: r for r in reversed(rows)}  # the first of a check is its own
        own = {id(r) for r in self.line.values()}
        self.found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.line}
        for r in rows:
            if id(r) not in own:
                self.found[r["check"]].append(r)


def run_reconcile(watched: Watched, at: datetime, mend: bool = False) -> Answer:
    from flows.reconcile import reconcile

    async def go() -> Any:
        await watched.save()
        return await reconcile(site=SITE, mend=mend, as_of=at, return_state=True)

    state = asyncio.run(go())
    found = asyncio.run(state.aresult(raise_on_failure=False))
    return Answer(state, found if state.is_completed() else found.data)


def soon(week: Watched) -> datetime:
    return week.made.end + timedelta(minutes=5)


def execute(week: Watched, statement: str) -> None:
    with sqlite3.connect(f"{week.folder}/ledger.sqlite") as connection:
        assert connection.execute(statement).rowcount


@pytest.mark.quick
def test_after_a_good_week_nothing_is_wrong_and_every_check_was_made(week: Watched) -> None:
    told = week.told()
    answer = run_reconcile(week, soon(week))
    assert [r["what"] for some in answer.found.values() for r in some] == []
    assert answer.state.name == "Completed"
    assert not [r for r in answer.line.values() if r["what"].startswith("not looked at")]
    for name in (UNPROVEN, DEVICES, READABLE, MISSING, FOLLOW_UPS):
        assert answer.line[name]["number"] > 0, f"{name} looked at nothing"
    assert week.told() == told


def test_a_notice_that_is_no_longer_retried_is_given_up_only_when_asked(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.faults(fcm={"add": [{"kind": "reset_after"}]})
    watched.watch(watched.made.end)
    # Those that were never tried wait behind another notice to their person: they come when that one is done.
    queued = [r for r in watched.rows() if r["state"] == "queued" and r["first_tried_at"] is not None]
    assert queued
    assert not run_reconcile(watched, soon(watched)).found[OUTCOMES], "it may still be tried"
    later = watched.made.end + timedelta(hours=2)
    seen = run_reconcile(watched, later)
    assert seen.state.name == "Findings"
    assert [r["workspace"] for r in seen.found[OUTCOMES]] == [r["workspace"] for r in queued]
    assert all(r["changed"] == "" and "last unknown RESET" in r["what"] for r in seen.found[OUTCOMES])
    assert [r for r in watched.rows() if r["id"] in {q["id"] for q in queued}] == queued
    mended = run_reconcile(watched, later, mend=True)
    assert {r["changed"] for r in mended.found[OUTCOMES]} == {"failed: expired: unknown RESET"}
    ids = {r["id"] for r in queued}
    assert {(r["state"], r["reason"]) for r in watched.rows() if r["id"] in ids} == {
        ("failed", "expired: unknown RESET")
    }
    assert not run_reconcile(watched, later).found[OUTCOMES]


def test_a_notice_that_is_marked_as_sent_and_was_not_is_found(week: Watched) -> None:
    execute(week, "DELETE FROM attempt WHERE notice = (SELECT min(id) FROM notice WHERE state = 'sent')")
    first = next(r for r in week.rows() if r["state"] == "sent")
    (found,) = run_reconcile(week, soon(week)).found[UNPROVEN]
    assert (found["workspace"], found["person"]) == (first["workspace"], first["person"])


def test_attempts_that_upkeep_forgot_are_no_missing_proof(week: Watched) -> None:
    from flows.upkeep import Upkeep, upkeep

    at = week.made.end + timedelta(days=100)
    keep = Upkeep(attempts=1, dry_run=False)

    async def forget() -> Any:
        await week.save()
        return await upkeep(site=SITE, keep=keep, as_of=at, return_state=True)

    assert asyncio.run(forget()).is_completed()
    assert not run_reconcile(week, at).found[UNPROVEN]


def test_missing_and_old_devices_are_named_by_their_owner_and_not_by_address(watched: Watched) -> None:
    token = watched.sandbox.devices()[0]["token"]
    watched.watch(watched.made.start)
    watched.sandbox.device(token, "unregister")
    watched.watch(watched.made.end)
    gone = run_reconcile(watched, soon(watched)).found[DEVICES]
    assert any("UNREGISTERED" in r["what"] for r in gone) is any(r["state"] == "sent" for r in watched.rows())
    month = run_reconcile(watched, watched.made.start + timedelta(days=31)).found[DEVICES]
    assert any("not refreshed for a month" in r["what"] for r in month)
    year = run_reconcile(watched, watched.made.start + timedelta(days=271)).found[DEVICES]
    assert any("270 days" in r["what"] and "upkeep" in r["to do"] for r in year)
    addresses = [d["token"] for d in watched.sandbox.devices()]
    assert not [a for a in addresses for r in (*gone, *month, *year) if a in r["what"]]


def test_people_who_had_notices_and_no_device_for_a_week_are_named(week: Watched) -> None:
    without = {r["person"] for r in week.rows() if r["reason"] == Why.NO_DEVICE.value}
    assert without
    assert not run_reconcile(week, soon(week)).found[PEOPLE], "a week has not gone by"
    later = run_reconcile(week, week.made.end + timedelta(days=8))
    assert {r["person"] for r in later.found[PEOPLE]} == without
    from vigil.ledger.people import devices

    with week.ledger.write() as connection:
        some = [devices.NewDevice(p, f"new-{p}", "android") for p in without]
        devices.register(connection, some, week.made.end)
    assert not run_reconcile(week, week.made.end + timedelta(days=8)).found[PEOPLE]


def test_workspaces_that_can_no_longer_be_read_are_named_and_not_buried(week: Watched) -> None:
    with week.ledger.read() as connection:
        known = observations.known_workspaces(connection)
    week.sandbox.faults(ecm={"quirks": {"unreadable": known[:2]}})
    found = run_reconcile(week, soon(week)).found[READABLE]
    assert [r["workspace"] for r in found] == known[:2]
    with week.ledger.read() as connection:
        assert observations.known_workspaces(connection) == known


def test_a_document_that_only_one_of_the_two_lists_knows_is_named(week: Watched) -> None:
    with week.ledger.write() as connection:
        required = {
            (r.workspace_type, r.type)
            for r in observations.directory(connection, ("required",))
            if isinstance(r, f.RequiredDocument) and r.required
        }
        facts = list(observations.current(connection, observations.known_workspaces(connection)))
        types = {w.id: w.type for w in facts if isinstance(w, f.Workspace)}
        held = [d for d in facts if isinstance(d, f.Document) and (types[d.workspace], d.type) in required]
        alone = next(
            d for d in held if sum(x.workspace == d.workspace and x.type == d.type for x in held) == 1
        )
        observations.record(connection, (), soon(week), None, [("document", str(alone.id))])
    (found,) = run_reconcile(week, soon(week)).found[MISSING]
    assert found["workspace"] == alone.workspace
    assert f"the ledger has no {alone.type}, Extended ECM does not miss it" in found["what"]


def test_modules_that_are_not_there_are_an_explained_skip_and_no_finding(week: Watched) -> None:
    week.sandbox.faults(ecm={"quirks": {"modules_absent": ["missingdocuments", "followups"]}})
    answer = run_reconcile(week, soon(week))
    assert answer.state.name == "Completed"
    for name in (MISSING, FOLLOW_UPS):
        assert answer.line[name]["what"].startswith("not looked at: Extended ECM gives no ")


def test_an_ecm_that_is_down_leaves_gaps_while_the_ledger_is_checked(week: Watched, impatient: None) -> None:
    execute(week, "DELETE FROM attempt WHERE notice = (SELECT min(id) FROM notice WHERE state = 'sent')")
    week.sandbox.faults(ecm={"script": [{"endpoint": "GET *", "what": "400", "times": 10_000}]})
    week.sandbox.faults(
        ecm={"script": [{"endpoint": "POST /v2/nodes/list", "what": "html_200", "times": 10_000}]}
    )
    answer = run_reconcile(week, soon(week))
    assert (
        (answer.state.type.value, answer.state.name) == ("FAILED", "Gaps")
        and "1 finding in" in answer.state.message
        and "gaps" in answer.state.message
    )
    assert len(answer.found[UNPROVEN]) == 1
    assert answer.line[READABLE]["what"].startswith("not looked at")
    healed = run_reconcile(week, soon(week), mend=True)  # nothing here can be mended
    assert len(healed.found[UNPROVEN]) == 1 and healed.found[UNPROVEN][0]["changed"] == ""


NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CERTIFICATE = f.Document(7, 100, "Certificate", "Safety certificate", NOON, "ada", NOON)
DUE = FollowUp(7, NOON, "Certificate expires", ("ada", "bob"))


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ([], "no notice was sent"),
        ([LatestNotice("bob", 100, NoticeState.SENT, NOON - 80 * DAY)], ""),
        ([LatestNotice("bob", 100, NoticeState.SENT, NOON - 100 * DAY)], "no notice was sent"),
        ([LatestNotice("eve", 100, NoticeState.SENT, NOON)], ""),
        ([LatestNotice("eve", 100, NoticeState.SENT, NOON - 2 * DAY)], "no notice was sent"),
        ([LatestNotice("ada", 999, NoticeState.SENT, NOON)], "no notice was sent"),
        (
            [
                LatestNotice("ada", 100, NoticeState.NO_DEVICE, NOON),
                LatestNotice("bob", 100, NoticeState.FAILED, NOON),
            ],
            "its people's notices are failed, no_device",
        ),
    ],
)
def test_an_overdue_reminder_is_named_when_nobody_was_told(said: list[LatestNotice], says: str) -> None:
    found = follow_ups.unsaid([DUE], {7: CERTIFICATE}, said, UTC)
    assert [says in x.what for x in found] == ([True] if says else [])
    assert all(x.workspace == 100 and x.person == "ada, bob" and "vigil why 100" in x.do for x in found)


def test_a_reminder_for_nobody_is_no_finding() -> None:
    assert follow_ups.unsaid([FollowUp(7, NOON, "", ())], {7: CERTIFICATE}, [], UTC) == []


def test_two_lists_that_differ_both_ways_are_named_both_ways() -> None:
    place = f.Workspace(5, "Permit", "Kiln", NOON, NOON)
    found = missing_documents.compare(place, {"A", "B"}, {"B", "C"})
    assert [x.what for x in found] == [
        "Permit Kiln: Extended ECM misses C, the ledger has one",
        "Permit Kiln: the ledger has no A, Extended ECM does not miss it",
    ]


def test_every_account_is_read_and_who_shares_a_mailbox_is_named(week: Watched) -> None:
    with week.ledger.read() as connection:
        before = accounts.known(connection)
    answer = run_reconcile(week, soon(week))
    assert (before.by_address, answer.line["accounts"]["what"]) == ({}, "nothing wrong")
    with week.ledger.read() as connection:
        known = accounts.known(connection)
    alive = {login: u.email for login, u in week.estate.users.items() if not u.deleted and u.email}
    assert {login for some in known.by_address.values() for login in some} == alive.keys()
    found = [
        f.User(x, n, x, email=e)
        for n, (x, e) in enumerate(
            [("ada", "Office@example.org"), ("bob", "office@example.org"), ("eve", "eve@example.org")]
        )
    ]
    gone = f.User("zoe", 9, "zoe", email="eve@example.org", deleted=True)
    assert accounts_check.shared([*found, gone]) == [["ada", "bob"]]

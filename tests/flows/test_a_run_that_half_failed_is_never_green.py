"""Each system in turn fails or lies: the run is Failed, under a name that says what is missing, and the next one goes on."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from datetime import timedelta
from typing import Any

import pytest

from flows.support import tasks
from tests.flows.conftest import SITE, Watched
from tests.flows.deployed import artifact, called, logged
from vigil.ecm import Refused
from vigil.ledger import engine
from vigil.ledger.observed import runs
from vigil.service import delivery, extraction, resources


@pytest.fixture(autouse=True)
def asked_twice(watched: Watched, impatient: None) -> None:
    """The patience of a client with a server that is unwell has tests of its own."""
    watched.settings["ecm"] = {"retries": 1}


def one_day_in(watched: Watched) -> Any:
    return watched.watch(watched.made.start + timedelta(days=1))


def caught_up(watched: Watched) -> None:
    """After the fault is over, the next run tells what the failed one did not, and is whole."""
    watched.sandbox.faults(ecm={"clear": True}, fcm={"clear": True})
    state = watched.watch(watched.made.start + timedelta(days=2))
    assert state.name == "Completed", state.message
    assert len([r for r in watched.rows() if r["state"] == "sent"]) > 20
    assert not [r for r in watched.rows() if r["state"] == "queued"]


def test_an_ecm_that_gives_no_list_fails_the_run_and_says_which(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/businessworkspaces*", "what": "503", "times": 1000}]}
    )
    state = one_day_in(watched)
    assert (state.type.value, state.name) == ("FAILED", "Gaps")
    assert 'could not read /v2/businessworkspaces: the list of Contract: a web page "503 ' in state.message
    assert called(state).endswith(" gaps")
    assert any(state.message in line for line in logged(state)), "the log does not say what was wrong"
    assert not [line for line in logged(state, logging.NOTSET) if "Traceback" in line]
    with watched.ledger.read() as connection:
        assert runs.latest(connection, "watch", 1)[0]["state"] == "gaps"
    caught_up(watched)


def test_half_a_page_fails_the_run_and_nothing_of_it_is_taken_as_whole(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/businessworkspaces*", "what": "cut", "times": 1000}]}
    )
    assert one_day_in(watched).is_failed()
    caught_up(watched)


def test_workspaces_that_cannot_be_read_are_gaps_in_the_name_of_the_state(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/nodes/*/nodes", "what": "500", "times": 1000}]}
    )
    state = one_day_in(watched)
    assert (state.type.value, state.name) == ("FAILED", "Gaps")
    assert " gaps" in state.message
    caught_up(watched)


@pytest.mark.quick
def test_a_dead_fcm_leaves_the_notices_queued_and_the_state_says_undelivered(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.faults(fcm={"add": [{"kind": "unavailable"}]})
    state = one_day_in(watched)
    waiting = len([r for r in watched.rows() if r["state"] == "queued"])
    assert (state.type.value, state.name) == ("FAILED", "Undelivered")
    cause = f"{waiting} notices wait for another try: FCM answered 503 UNAVAILABLE"
    assert state.message.startswith(cause) and waiting > 5
    assert any(cause in line for line in logged(state)), "the log does not say why"
    assert artifact("watch-account").splitlines()[2].startswith(f"- {cause}")
    assert called(state).endswith(f"00:00 · {waiting} wait, 1 reached nobody")
    still = watched.watch(watched.made.start + timedelta(days=1, seconds=1))  # before the next try is due
    assert still.name == "Undelivered", "a run that has nothing to try yet looks green while notices wait"
    assert cause in still.message
    watched.sandbox.faults(fcm={"clear": True})
    later = watched.watch(watched.made.start + timedelta(days=1, minutes=20))
    assert (later.name, later.message) == ("Completed", f"{waiting} delivered from earlier runs")
    assert called(later).endswith(f"00:20 · {waiting} told")
    assert artifact("watch-account").splitlines()[2] == f"- {waiting} delivered from earlier runs"
    assert not [r for r in watched.rows() if r["state"] == "queued"]


def test_without_an_access_token_the_run_is_undelivered_with_nothing_tried(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.faults(fcm={"add": [{"kind": "html", "at": "token"}]})
    state = one_day_in(watched)
    waiting = len([r for r in watched.rows() if r["state"] == "queued"])
    assert (state.type.value, state.name) == ("FAILED", "Undelivered")
    assert f"{waiting} notices wait for another try: no access token for service account " in state.message
    assert "the token endpoint 127.0.0.1" in state.message and "answered 502" in state.message
    still = watched.watch(watched.made.start + timedelta(days=1, seconds=1))
    assert (still.name, waiting > 5) == ("Undelivered", True), "what was never tried does not wait"
    caught_up(watched)


def test_an_error_of_a_task_is_its_sentence_too_and_nowhere_a_traceback(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(run: Any) -> None:
        raise Refused("/v1/auth", "Authentication failed", 401)

    monkeypatch.setattr(extraction, "read_schema", refused)
    state = watched.watch(watched.made.start)
    assert state.message == str(Refused("/v1/auth", "Authentication failed", 401))
    assert called(state).endswith(" · failed: Extended ECM refused the login")
    task, finished, flow, _ = logged(state)
    assert (task, flow) == (state.message, state.message)
    assert finished.startswith("Finished in state Failed('Task run encountered an exception")
    assert not [line for line in logged(state, logging.NOTSET) if "Traceback" in line]


def test_a_fault_of_our_own_says_so_and_keeps_its_traceback(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(run: Any, accept_fewer: Any) -> None:
        raise KeyError("no such thing")

    monkeypatch.setattr(tasks, "extract", broken)
    state = watched.watch(watched.made.start)
    lines = logged(state)
    assert lines[0].startswith("KeyError: 'no such thing'. This is a fault in Vigil")
    assert "Traceback" in lines[1] and "in broken" in lines[1], "where it happened is lost"
    assert called(state).endswith(" · failed: KeyError, a fault of Vigil's")
    with watched.ledger.read() as connection:
        assert runs.latest(connection, "watch", 1)[0]["state"] == "failed"


def test_a_run_that_cannot_be_named_goes_on(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: Any, **__: Any) -> None:
        raise RuntimeError("not now")

    monkeypatch.setattr("prefect.client.orchestration.PrefectClient.update_flow_run", refused)
    state = watched.watch(watched.made.start)
    assert state.name == "Completed"
    assert not called(state).startswith("watch")


def test_a_refused_credential_leaves_the_run_undelivered_and_is_named(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.faults(fcm={"add": [{"kind": "permission_denied"}]})
    state = one_day_in(watched)
    assert (state.type.value, state.name) == ("FAILED", "Undelivered")
    assert "was refused: HTTP 403" in state.message
    with watched.ledger.read() as connection:
        (refused,) = runs.latest(connection, "watch", 1)[0]["account"]["refused"]
    assert refused in state.message
    assert [r for r in watched.rows() if r["state"] == "queued"], "what could not be sent is gone"
    caught_up(watched)


def test_a_credential_of_one_platform_stops_that_platform_alone(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 3)  # many batches: one that is held back whole must not end them
    watched.past(0)
    watched.sandbox.faults(fcm={"add": [{"kind": "third_party_auth", "match": {"platform": "ios"}}]})
    state = one_day_in(watched)
    assert (state.type.value, state.name) == ("FAILED", "Undelivered")
    assert "APNs authentication key" in state.message and "was refused" in state.message
    devices = watched.sandbox.devices()
    reached = {d["owner"] for d in devices if d["platform"] != "ios" and d["received"]}
    assert reached and not [d for d in devices if d["platform"] == "ios" and d["received"]]
    apples = {d["owner"] for d in devices if d["platform"] == "ios"}
    waiting = {r["person"] for r in watched.rows() if r["state"] == "queued"}
    assert waiting and waiting <= apples, "a notice that needs no iOS device waits for its credential"
    caught_up(watched)


def test_what_a_run_with_holes_found_is_still_to_be_had(watched: Watched) -> None:
    from flows.support.states import IncompleteRun
    from flows.sweep import sweep

    watched.past(0)
    watched.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/nodes/*/nodes", "what": "500", "times": 1000}]}
    )
    at = watched.made.start + timedelta(days=1)
    watched.sandbox.move(at)
    with pytest.raises(IncompleteRun, match="gaps") as incomplete:
        asyncio.run(sweep(site=SITE, as_of=at))
    assert len(incomplete.value.data) > 5


def test_a_locked_ledger_fails_the_run_and_says_so(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.past(0)
    monkeypatch.setattr(engine, "LOCK_WAIT", 1)
    resources.ledger_at.cache_clear()  # the next run opens it anew, and waits a second for a writer
    blocker = sqlite3.connect(watched.folder / "ledger.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        state = one_day_in(watched)
    finally:
        blocker.close()
    assert state.is_failed()
    assert "locked by another writer" in state.message
    caught_up(watched)

"""What `watch` promises, over the real simulators and a real Prefect server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.conftest import Watched, world
from vigil.ledger.observed import runs


@pytest.mark.quick
def test_a_second_watch_over_unchanged_data_sends_nothing(watched: Watched) -> None:
    watched.watch(watched.made.start)
    assert watched.watch(watched.made.start + timedelta(days=2)).is_completed()
    rows, received = watched.told(), watched.received()
    assert received > 20
    assert watched.watch(watched.made.start + timedelta(days=2)).is_completed()
    assert watched.told() == rows
    assert watched.received() == received


@pytest.mark.quick
def test_every_run_accounts_for_everything_it_found(watched: Watched) -> None:
    for days in (0, 1, 3):
        watched.watch(watched.made.start + timedelta(days=days))
    with watched.ledger.read() as connection:
        accounts = [r["account"] for r in runs.latest(connection, "watch")]
    assert len(accounts) == 3
    assert all(a["difference"] == 0 for a in accounts)
    assert sum(sum(a["rows"].values()) for a in accounts) == len(watched.rows()) > 20


def test_a_quiet_run_costs_a_handful_of_requests(watched: Watched) -> None:
    at = watched.made.start + timedelta(days=2)
    watched.watch(watched.made.start)
    watched.watch(at)
    watched.watch(at + timedelta(minutes=10))
    with watched.ledger.read() as connection:
        quiet, _, first = [r["account"]["numbers"]["requests"] for r in runs.latest(connection, "watch")]
    assert quiet < first / 3, f"{quiet} requests where the first run made {first}"


def test_every_push_names_its_rule_and_leads_to_its_item(watched: Watched) -> None:
    watched.watch(watched.made.start)
    watched.watch(watched.made.end)
    pushes = [n for d in watched.sandbox.devices() for n in d["received"]]
    assert pushes
    sent = {r["message"].key: r for r in watched.rows() if r["state"] == "sent"}
    for push in pushes:
        row = sent[push["key"]]
        assert push["link"] == row["message"].link
        assert push["link"].startswith("https://ecm.example.org/cs/cs/app/")
        assert push["data"]["rule"] == row["rule"]


def test_the_same_people_are_told_of_documents_that_lie_deep_in_folders(
    watched: Watched, tmp_path: Path
) -> None:
    """Also of those that were added since, which touch the size of the innermost folder and nothing else."""
    with world(tmp_path / "deep") as deep:
        deep.sandbox.faults(ecm={"quirks": {"folders": 3}})
        for days in (0, 3):
            for one in (watched, deep):
                assert one.watch(one.made.start + timedelta(days=days)).is_completed()
        assert deep.told() == watched.told()
    documents = [r for r in watched.rows() if "document" in str(r["occurrence"])]
    assert len(documents) > 3


@pytest.mark.quick
def test_a_run_whose_ecm_is_down_fails_and_the_next_one_goes_on(watched: Watched, impatient: None) -> None:
    watched.past(0)
    down = {"endpoint": "GET /v2/businessworkspaces*", "what": "503", "times": 1000}
    watched.sandbox.faults(ecm={"script": [down]})
    assert watched.watch(watched.made.start + timedelta(days=1)).is_failed()
    watched.sandbox.faults(ecm={"clear": True})
    assert watched.watch(watched.made.start + timedelta(days=2)).is_completed()
    assert len([r for r in watched.rows() if r["state"] == "sent"]) > 20

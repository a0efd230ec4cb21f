"""Events that are sent to a running sandbox: checked as an estate's are. The demo's estate goes by this machine's clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vigil.delivery.device_csv import read_devices
from vigil.sandbox.generate.generator import behind

STATUS = {"kind": "attribute_changed", "workspace": 100003, "attr": "Contract.status"}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The ready line of `vigil sandbox`, for which no estate was named."""
    environment = {**os.environ, "VIGIL_HOME": str(tmp_path_factory.mktemp("home"))}
    command = [sys.executable, "-m", "vigil", "sandbox"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())
        child.terminate()


def ask(ready: dict[str, str], path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(f"{ready['control']}{path}", data) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_without_an_estate_the_demo_week_is_over_and_the_clock_is_the_machines(
    ready: dict[str, str],
) -> None:
    _, clock = ask(ready, "/sandbox/clock")
    assert abs(datetime.fromisoformat(clock["now"]) - datetime.now(UTC)) < timedelta(seconds=5)
    folder = Path(ready["devices"]).parent
    events = (folder / "estate" / "events.jsonl").read_text().splitlines()
    assert datetime.fromisoformat(json.loads(events[-1])["ts"]) < datetime.now(UTC) - timedelta(days=7)
    assert Path(ready["service_account"]).parent == folder and folder.name == "sandbox"


def test_its_devices_can_be_imported(ready: dict[str, str]) -> None:
    devices = read_devices(Path(ready["devices"]))
    assert len(devices) == 30
    assert {d.person for d in devices} >= {"ada.berg", "bruno.conti"}


def test_an_event_that_is_sent_happens_now(ready: dict[str, str]) -> None:
    status, said = ask(ready, "/sandbox/events", {**STATUS, "value": "terminated", "by": "bruno.conti"})
    assert (status, said["happened"]) == (200, "attribute_changed")
    assert abs(datetime.fromisoformat(said["ts"]) - datetime.now(UTC)) < timedelta(seconds=5)
    status, again = ask(ready, "/sandbox/events", {**STATUS, "value": "active"})
    assert status == 200 and again["ts"] >= said["ts"]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({**STATUS, "value": "ended"}, '"ended" is not a value of status'),
        ({**STATUS, "value": "active", "by": "ada.burg"}, 'Did you mean "ada.berg"?'),
        ({"kind": "attribute_change"}, 'Did you mean "attribute_changed"?'),
        ({"kind": "comment_added", "workspace": 5, "text": "x"}, "unknown workspace 5"),
        ({"kind": "version_added", "workspace": 100001, "id": 7}, "unknown document 7"),
        (
            {"kind": "document_added", "workspace": 100001, "id": 9, "name": "x", "type": "Poem"},
            "'Poem' is no document type",
        ),
        (
            {"kind": "document_added", "workspace": 100001, "id": 10**12, "name": "x", "type": None},
            "ids of an estate are below",
        ),
        ({"kind": "comment_added", "workspace": 100001, "text": "x", "ts": "2020-01-01T00:00Z"}, "before"),
        (
            {"kind": "user_deleted", "login": "ada.berg", "ts": "2099-01-01T00:00Z"},
            "an event does not lie ahead",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_an_event_that_cannot_be_is_refused_and_nothing_happens(
    ready: dict[str, str], event: dict[str, Any], said: str
) -> None:
    status, answer = ask(ready, "/sandbox/events", event)
    assert (status, said in answer["error"]) == (400, True), answer
    status, answer = ask(
        ready, "/sandbox/events", {"kind": "comment_added", "workspace": 100002, "text": "x"}
    )
    assert status == 200


@pytest.mark.parametrize("weekday", range(7))
def test_the_week_that_is_over_began_two_mondays_before_this_week_s(weekday: int) -> None:
    now = datetime(2026, 3, 16, 12, tzinfo=UTC) + timedelta(days=weekday)
    assert behind(now).isoformat() == "2026-03-02"

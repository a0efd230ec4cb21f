"""The sandbox as a process of its own: ready line, clock, devices, faults, counts, and its end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft
from vigil.errors import BadInput
from vigil.sandbox.process import SandboxError, SandboxProcess

DAY = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture
def folder(draft: Draft, tmp_path: Path) -> Path:
    draft.case()
    draft.event("2024-01-01T09:00:00Z", "comment_added", workspace=100, by="ada", text="x")
    return draft.save(tmp_path / "estate")


def test_the_clock_begins_at_the_estate_s_start_and_moves_forward_only(folder: Path) -> None:
    with SandboxProcess(folder) as sandbox:
        assert sandbox.now() == datetime(2024, 1, 1, tzinfo=UTC)
        assert sandbox.move(DAY) == 2  # the creation and the comment
        assert (sandbox.move(DAY), sandbox.now()) == (0, DAY)
        with pytest.raises(SandboxError, match="goes forward only"):
            sandbox.move(datetime(2024, 1, 1, tzinfo=UTC))


def test_the_clock_may_begin_elsewhere(folder: Path) -> None:
    with SandboxProcess(folder, start=DAY) as sandbox:
        assert sandbox.now() == DAY


def test_every_device_of_the_estate_is_there_and_can_be_handled(folder: Path) -> None:
    with SandboxProcess(folder) as sandbox:
        (device,) = sandbox.devices()
        assert (device["token"], device["platform"], device["owner"], device["shows"]) == (
            "ada-1",
            "android",
            "ada",
            [],
        )
        assert sandbox.device("ada-1", "offline")["online"] is False
        sandbox.device("bob-1", "add", platform="web", owner="bob")
        assert [d["token"] for d in sandbox.devices()] == ["ada-1", "bob-1"]
        with pytest.raises(SandboxError, match="unknown device token"):
            sandbox.device("nope", "online")
        with pytest.raises(SandboxError, match="unknown action"):
            sandbox.device("ada-1", "smash")


def test_the_service_account_is_the_one_that_the_fcm_simulator_believes_in(folder: Path) -> None:
    with SandboxProcess(folder) as sandbox:
        account = json.loads(Path(sandbox.service_account).read_text())
        assert account["token_uri"] == f"{sandbox.fcm_url}/token"
        path = Path(sandbox.service_account)
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_requests_are_counted_by_endpoint_and_status(start: Start, draft: Draft) -> None:
    draft.case()
    running = start(draft)
    running.at("2024-01-02T00:00:00Z")
    for path in ("/v2/nodes/100", "/v2/nodes/100", "/v2/nodes/7"):
        running.ecm.call("GET", path)
    counted = running.sandbox.requests()["ecm"]
    assert counted["by_endpoint"] == {"POST /v1/auth": 1, "GET /v2/nodes/{id}": 3}
    assert (counted["total"], counted["by_status"]) == (4, {"200": 3, "400": 1})
    assert counted["bytes"] > 1000


def test_a_scripted_fault_hits_the_request_it_names_and_no_other(start: Start, draft: Draft) -> None:
    draft.case()
    running = start(draft)
    running.at("2024-01-02T00:00:00Z")
    running.script({"endpoint": "GET /v2/nodes/{id}", "what": "503", "nth": 2, "times": 2},
                   {"endpoint": "GET /v2/nodes/100/audit", "what": "malformed"})  # fmt: skip
    assert [running.ecm.status("/v2/nodes/100") for _ in range(4)] == [200, 503, 503, 200]
    broken = running.ecm.call("GET", "/v2/nodes/100/audit")
    with pytest.raises(json.JSONDecodeError):
        assert broken.json
    assert running.ecm.status("/v2/nodes/100/audit") == 200
    running.script({"endpoint": "POST /v1/auth", "what": "500"})
    assert running.ecm.call("POST", "/v1/auth", {"username": "vigil", "password": "vigil"}).status == 500


@pytest.mark.parametrize(
    ("ecm", "says"),
    [
        ({"quirks": {"caps_clmp": True}}, 'Did you mean "caps_clamp"?'),
        ({"quirks": {"caps_clamp": "yes"}}, "caps_clamp takes bool"),
        ({"quirks": {"modules_absent": ["doctype"]}}, "unknown modules"),
        ({"script": [{"endpoint": "*", "what": "explode"}]}, "unknown fault 'explode'"),
        ({"script": [{"what": "500"}]}, "a scripted fault has endpoint"),
        ({"latency": 5}, 'Did you mean "latency_ms"?'),
    ],
)
def test_unknown_faults_are_refused_and_nothing_is_changed(
    folder: Path, ecm: dict[str, object], says: str
) -> None:
    with SandboxProcess(folder) as sandbox:
        before = sandbox.faults()
        with pytest.raises(SandboxError) as refused:
            sandbox.faults(ecm)
        assert says in str(refused.value)
        assert sandbox.faults() == before


def test_faults_can_be_given_at_the_start_and_cleared(folder: Path) -> None:
    with SandboxProcess(folder, faults={"latency_ms": 5, "quirks": {"mixed_dates": False}}) as sandbox:
        found = sandbox.faults()["ecm"]
        assert (found["latency_ms"], found["quirks"]["mixed_dates"]) == (5, False)
        found = sandbox.faults({"clear": True}, {"clear": True})["ecm"]
        assert (found["latency_ms"], found["quirks"]["mixed_dates"]) == (0, True)


def test_a_refused_estate_is_refused_to_whoever_starts_it_with_all_its_problems(folder: Path) -> None:
    with (folder / "events.jsonl").open("a") as events:
        events.write(
            '{"ts": "2024-01-02", "kind": "comment_added", "workspace": 1, "by": "ada", "text": "x"}\n'
        )
        events.write('{"ts": "2024-01-02T00:00:00Z", "kind": "nothing"}\n')
    with pytest.raises(BadInput) as refused, SandboxProcess(folder):
        pytest.fail("it started")
    first, second = refused.value.problems
    assert (Path(first.file).name, first.line, first.column) == ("events.jsonl", 2, 8)
    assert (second.line, second.column) == (3, 40) and "unknown kind" in second.message


def test_it_ends_when_whoever_started_it_is_killed(folder: Path) -> None:
    script = (
        "import sys, time\nfrom vigil.sandbox.process import SandboxProcess\n"
        f"s = SandboxProcess({str(folder)!r}).__enter__()\n"
        "print(s._child.pid, s.control, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, control = parent.stdout.readline().decode().split()
        assert json.load(urllib.request.urlopen(f"{control}/sandbox/clock"))["now"]
        # A handle on the sandbox that outlives its parent: it is readable once the process has ended.
        handle = os.pidfd_open(int(pid))
        parent.send_signal(signal.SIGKILL)
    ended = readable(handle, seconds=15)
    os.close(handle)
    assert ended


def readable(handle: int, seconds: float) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])


def test_it_ends_with_its_with_block_and_says_so_afterwards(folder: Path) -> None:
    with SandboxProcess(folder) as sandbox:
        handle = os.pidfd_open(sandbox._child.pid) if sandbox._child else -1
    assert readable(handle, seconds=0)
    os.close(handle)
    with pytest.raises(SandboxError, match="is not running"):
        sandbox.now()


def test_a_taken_port_is_said(folder: Path) -> None:
    with SandboxProcess(folder) as sandbox:
        port = int(sandbox.control.rpartition(":")[2])
        with pytest.raises(SandboxError, match="cannot listen"), SandboxProcess(folder, ecm_port=port):
            pytest.fail("it started")

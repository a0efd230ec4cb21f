"""A `watch` that is killed at some instant and run again: what is missing is sent, once, and nothing is shown twice."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.conftest import PROJECT, Watched
from vigil.sandbox.generate import generate
from vigil.sandbox.process import SandboxProcess

PATIENCE = 60.0


def kill_when(child: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """SIGKILL the run as soon as the condition holds. Fails when the run ends before."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert child.poll() is None, "the run ended before it could be killed: the test proves nothing"
        assert time.monotonic() < give_up, "what should have been waited for did not come"
        time.sleep(0.005)  # between two looks at the sandbox
    child.kill()
    child.wait()


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, prefect_url: str
) -> list[tuple[str, int, str, str, str, str]]:
    """What the same two runs tell when nobody kills them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = generate(folder / "estate")
    with SandboxProcess(made.folder, start=made.start) as sandbox:
        watched = Watched(folder, sandbox, made, PROJECT / "rules")
        watched.watch(made.start)
        watched.watch(made.start + timedelta(days=2))
        return watched.told()


def test_killed_while_it_reads(watched: Watched, prefect_url: str, undisturbed: list[object]) -> None:
    watched.watch(watched.made.start)
    at = watched.made.start + timedelta(days=2)
    before = watched.sandbox.requests()["ecm"]["total"]
    watched.sandbox.faults(ecm={"latency_ms": 100})
    child = watched.watch_elsewhere(at, prefect_url)
    kill_when(child, lambda: watched.sandbox.requests()["ecm"]["total"] > before + 4)
    watched.sandbox.faults(ecm={"clear": True, "latency_ms": 0})
    assert watched.watch(at).is_completed()
    assert watched.told() == undisturbed


def test_killed_after_fcm_accepted_some(
    watched: Watched, prefect_url: str, undisturbed: list[object]
) -> None:
    watched.watch(watched.made.start)
    at = watched.made.start + timedelta(days=2)
    received = watched.received()
    watched.sandbox.faults(fcm={"add": [{"kind": "slow", "seconds": 8, "skip": 5}]})
    child = watched.watch_elsewhere(at, prefect_url)
    kill_when(child, lambda: watched.received() > received + 3)
    watched.sandbox.faults(fcm={"clear": True})
    later = at + timedelta(minutes=6)  # the killed worker's lease has run out by then
    assert watched.watch(later).is_completed()
    assert watched.told() == undisturbed
    shown = watched.shown()
    assert len(shown) == len(set(shown)), "a device shows a notice twice"
    keys = {r["message"]["key"] for r in watched.rows() if r["state"] == "sent"}
    assert {key for _, key in shown} == keys


def test_the_reference_tells_something(undisturbed: list[object], tmp_path: Path) -> None:
    assert len(undisturbed) > 20

"""Processes that a test starts."""

from __future__ import annotations

import subprocess

import pytest


def end(worker: subprocess.Popen[bytes]) -> None:
    """End a worker. The first signal lets it finish its runs, and it may wait for one that is suspended; the second ends it."""
    for stop in (worker.terminate, worker.terminate, worker.kill):
        stop()
        try:
            worker.wait(timeout=15)
            return
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("the worker cannot be ended")

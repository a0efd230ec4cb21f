"""A worker of this machine whose process is gone is known to be dead; of every other the lease decides."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vigil.delivery import owners


def test_a_process_that_lives_is_not_dead_and_one_that_ended_is() -> None:
    asks = "import sys; from vigil.delivery.owners import owner_name; print(owner_name(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", asks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        assert not owners.is_dead(owner)
        child.kill()
        child.wait()
    assert owners.is_dead(owner)
    assert not owners.is_dead(owners.owner_name())


@pytest.mark.parametrize(
    "owner",
    [
        f"elsewhere:{owners.place().rpartition(':')[2]}:1:a1b2c3d4",  # another machine
        f"{owners.place().rpartition(':')[0]}:00000000:999999:a1b2c3d4",  # this one before it was started anew, or another container
        f"{owners.place().rpartition(':')[0]}:999999:a1b2c3d4",  # as earlier versions named themselves
        "me",
        "",
    ],
)
def test_of_what_is_not_of_this_place_nothing_is_known(owner: str) -> None:
    assert not owners.is_dead(owner)

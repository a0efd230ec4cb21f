"""A worker of this machine whose process is gone is known to be dead; of every other the lease decides."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vigil.delivery import lease_owners


def test_a_process_that_lives_is_not_dead_and_one_that_ended_is() -> None:
    asks = "import sys; from vigil.delivery.lease_owners import owner_name; print(owner_name(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", asks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        assert not lease_owners.is_dead(owner)
        child.kill()
        child.wait()
    assert lease_owners.is_dead(owner)
    assert not lease_owners.is_dead(lease_owners.owner_name())


MACHINE, _, INSTANCE = lease_owners.place().rpartition(":")


@pytest.mark.parametrize(
    "owner",
    [
        f"elsewhere:{INSTANCE}:1:a1b2c3d4",  # another machine
        f"{MACHINE}:00000000:999999:a1b2c3d4",  # this one before it was started anew, or another container
        f"{MACHINE}:999999:a1b2c3d4",  # as earlier versions named themselves
        "me",
        "",
    ],
)
def test_of_what_is_not_of_this_place_nothing_is_known(owner: str) -> None:
    assert not lease_owners.is_dead(owner)

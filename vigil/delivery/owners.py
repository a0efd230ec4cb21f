"""Names of workers in the leases, and which of them are known to be dead.

A worker that was killed would hold its rows until their lease runs out. One of this machine can be told at once: its process is gone.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4


def owner_name() -> str:
    """A name for this worker that no other has: where it runs, its process, and a random part."""
    return f"{place()}:{os.getpid()}:{uuid4().hex[:8]}"


def is_dead(owner: str) -> bool:
    """Whether a worker was of this place and its process is gone. False where that cannot be known: its lease runs out by itself."""
    where, _, rest = owner.rpartition(":")[0].rpartition(":")
    if where != place() or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)  # signal 0 only asks whether the process is there
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@cache
def place() -> str:
    """The host, with a mark of this start of the machine and of this container: in it a process number means one process."""
    mark = sha256("".join((_boot(), _container())).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}:{mark}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""  # not Linux: a machine has one start and no containers that share its name


def _container() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""

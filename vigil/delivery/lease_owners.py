"""Names of workers in leases, and the check which of them are known to be dead.

A killed worker would hold its rows until their lease expires. For a worker of this machine the check is immediate: its process no
longer exists.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4


def owner_name() -> str:
    """A unique name for this worker: where it runs, its process, and a random part."""
    return f"{place()}:{os.getpid()}:{uuid4().hex[:8]}"


def is_dead(owner: str) -> bool:
    """Whether a worker ran here and its process no longer exists. False if that cannot be known: its lease expires anyway."""
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
    """The host, with a mark of this boot of the machine and of this container: within it, a process number identifies one process."""
    mark = sha256("".join((_boot(), _container())).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}:{mark}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""  # not Linux: there are no containers that share the machine's name


def _container() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""

"""A port of this machine at which nobody listens."""

from __future__ import annotations

import socket


def closed_port() -> int:
    """A free TCP port of the loopback interface: whoever connects is refused, until something is started there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])

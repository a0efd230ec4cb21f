"""What the block of a channel gives beside its form: its transport, and its check in `vigil doctor`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from vigil.delivery.transport import Transport
from vigil.service.doctor.health import Check


class Sender(ABC):
    """Base of the blocks that send, beside Prefect's `Block`.

    `channel` is a name of `vigil.compliance.channels.CHANNELS`, `check` the name of its check, and `absent` what the doctor says of a
    site without it.
    """

    channel: ClassVar[str]
    check: ClassVar[str]
    absent: ClassVar[str] = ""

    @abstractmethod
    def transport(self, now: Callable[[], datetime]) -> Transport:
        """A closed transport: enter it with `async with`, in the event loop that sends. `now` dates its attempts."""

    @abstractmethod
    async def examine(self, now: Callable[[], datetime]) -> Check:
        """Check whether it can send, without telling anybody anything."""

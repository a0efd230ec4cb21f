"""The Firebase project as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from prefect.blocks.core import Block

from blocks.schema import SchemaOnce
from blocks.sender import Sender
from vigil.compliance.channels import PUSH
from vigil.delivery.errors import BadServiceAccount
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.topics import TopicClient
from vigil.service.connecting.forms import FirebaseForm
from vigil.service.doctor import firebase
from vigil.service.doctor.health import Check


class FirebaseProject(FirebaseForm, Sender, SchemaOnce, Block):
    """The Firebase project that sends push notices, and its service account."""

    _block_type_name = "Firebase project"
    _block_type_slug = "firebase-project"
    channel: ClassVar[str] = PUSH
    check: ClassVar[str] = firebase.NAME

    def transport(self, now: Callable[[], datetime]) -> FcmHttp:
        """A closed transport: enter it with `async with`, in the event loop that sends."""
        return FcmHttp(self.settings(), now)

    def topics(self) -> TopicClient:
        """A closed client for topic subscriptions."""
        return TopicClient(self.settings())

    async def examine(self, now: Callable[[], datetime]) -> Check:
        """See `Sender.examine`."""
        try:
            transport = self.transport(now)
        except BadServiceAccount as error:
            return firebase.unusable(error)
        return await firebase.examine(transport, self.project)

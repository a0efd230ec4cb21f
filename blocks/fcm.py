"""The Firebase project as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prefect.blocks.core import Block

from vigil.delivery.fcm_http import FcmHttp
from vigil.delivery.topics import TopicClient
from vigil.service.connecting.forms import FirebaseForm


class FirebaseProject(FirebaseForm, Block):
    """The Firebase project that sends push notices, and its service account."""

    _block_type_name = "Firebase project"
    _block_type_slug = "firebase-project"

    def transport(self, now: Callable[[], datetime]) -> FcmHttp:
        """A closed transport: enter it with `async with`, in the event loop that sends."""
        return FcmHttp(self.settings(), now)

    def topics(self) -> TopicClient:
        """A closed client for topic subscriptions."""
        return TopicClient(self.settings())

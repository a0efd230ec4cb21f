"""The Firebase project as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vigil.delivery.fcm_http import FcmHttp
from vigil.delivery.settings import ENDPOINT, FcmSettings
from vigil.delivery.topics import TopicClient


class FirebaseProject(Block):
    """Which Firebase project sends, and with which service account."""

    _block_type_name = "Firebase project"
    _block_type_slug = "firebase-project"

    project: str = Field(description="The project's id")
    service_account: SecretStr = Field(description="The service account's JSON, whole")
    endpoint: str = Field(default=ENDPOINT, description="Address of FCM; another one only for the sandbox")
    concurrency: int = Field(default=200, ge=1, le=1000, description="Messages under way at once")
    ca: str | None = Field(default=None, description="File of a certificate authority of your own")
    proxy: str | None = Field(default=None, description="Proxy to go through, such as http://proxy:3128")

    def transport(self, now: Callable[[], datetime]) -> FcmHttp:
        """A transport that is not yet open: enter it with `async with`, in the event loop that sends."""
        return FcmHttp(self._settings(), now)

    def topics(self) -> TopicClient:
        """What subscribes devices to topics, not yet open."""
        return TopicClient(self._settings())

    def _settings(self) -> FcmSettings:
        return FcmSettings(
            project=self.project,
            service_account_info=self.service_account,
            endpoint=self.endpoint,
            concurrency=self.concurrency,
            ca_file=self.ca,
            proxy=self.proxy,
        )

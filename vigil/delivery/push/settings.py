"""The settings of the push transports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from vigil.delivery.settings import Secret
from vigil.redaction import learn_url

ENDPOINT = "https://fcm.googleapis.com"
TOPICS = "https://iid.googleapis.com"
SHORTEST_TIMEOUT = 10.0  # contract: a request is given at least this long
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class FcmSettings:
    """Settings of `FcmHttp` and `FcmAdmin`. Rates are those of the contract; times are in seconds.

    `service_account_info` is the account's JSON as a mapping or text, or a secret that wraps either. `endpoint` may point at the
    simulator. `concurrency` bounds the requests in flight; a message that would have to wait longer than `max_wait` for the project's
    rate is deferred instead. `device_per_minute` None: no limit by Vigil.
    """

    project: str
    service_account_info: Mapping[str, Any] | str | Secret = field(repr=False)
    endpoint: str = ENDPOINT
    concurrency: int = 200
    timeout: float = 20.0
    project_per_second: float = 10_000.0
    device_per_minute: int | None = 240
    device_per_hour: int | None = 5_000
    max_wait: float = 10.0
    ca_file: str | None = None  # a private certificate authority, PEM
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        learn_url(self.proxy)
        url = urlsplit(self.endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"endpoint {self.endpoint!r}: an http or https URL such as {ENDPOINT}")
        loopback = url.hostname in _LOOPBACK
        if url.scheme == "http" and not loopback:
            raise ValueError(
                f"endpoint {self.endpoint!r}: access tokens go over https only, except to loopback"
            )
        if self.timeout < SHORTEST_TIMEOUT and not loopback:
            raise ValueError(
                f"timeout {self.timeout:g} s: FCM is given at least {SHORTEST_TIMEOUT:g} s to answer"
            )
        if self.concurrency < 1:
            raise ValueError(f"concurrency {self.concurrency}: at least 1")

    @property
    def topics_url(self) -> str:
        """The Instance ID service: Google's for Google's FCM, else that of the simulator."""
        return TOPICS if self.endpoint == ENDPOINT else self.endpoint.rstrip("/")

    @property
    def send_url(self) -> str:
        return f"{self.endpoint.rstrip('/')}/v1/projects/{self.project}/messages:send"

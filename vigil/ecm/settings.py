"""The settings of one Extended ECM system: how to reach it, and the limits of its use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from vigil.redaction import learn, learn_url


@dataclass(frozen=True)
class ClientCredentials:
    """An OAuth client of OTDS (docs/contracts/ecm.md#login): `token_url` ends in ``/otdsws/oauth2/token``."""

    token_url: str
    client_id: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        learn(self.secret)


@dataclass(frozen=True)
class Settings:
    """One connection. Either `username` and `password`, with a `domain` where the server has several, or `otds`.

    With `otds_login`, OTDS's address that ends in ``/otdsws/v1/authentication/credentials``, the user logs in there, and Extended ECM
    gets neither password nor `domain`.

    `url` is the site's path with the CGI: ``https://ecm.example.com/cs/cs``. `zone` is the IANA name of the server's own zone, which
    applies to its dates without a zone. Times are seconds: `timeout` for one attempt, `total_timeout` for a call with all of its
    retries. `concurrency` bounds open requests, `requests_per_second` the rate (None: no limit). `ca` is a PEM file, `proxy` a URL.
    `overlap` is how far behind its watermark a run reads again: changes are committed a little after the instant that they carry.
    `largest_answer` is in bytes: of an answer that does not end no more is read.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    otds: ClientCredentials | None = None
    zone: str = "UTC"
    concurrency: int = 32
    requests_per_second: float | None = None
    timeout: float = 30.0
    total_timeout: float = 180.0
    retries: int = 5
    ca: str | None = None
    proxy: str | None = field(default=None, repr=False)
    overlap: timedelta = timedelta(minutes=1)
    domain: str = ""
    largest_answer: int = 128 * 2**20
    otds_login: str = ""

    def __post_init__(self) -> None:
        learn(self.password)
        learn_url(self.proxy)
        if bool(self.username) == (self.otds is not None):
            raise ValueError("give either username and password, or otds, not both and not neither")
        if self.otds_login and not self.username:
            raise ValueError("otds_login is for a username and its password: otds has an address of its own")
        if self.concurrency < 1 or self.retries < 0 or self.timeout <= 0 or self.total_timeout <= 0:
            raise ValueError("concurrency must be 1 or more, retries 0 or more, timeouts more than 0 seconds")
        if self.requests_per_second is not None and self.requests_per_second <= 0:
            raise ValueError("requests_per_second must be more than 0, or None for no limit")
        _ = self.tz  # refuses an unknown zone now, not in the middle of a run

    @cached_property
    def tz(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.zone)
        except (KeyError, ValueError) as error:
            raise ValueError(f"zone {self.zone!r} is no IANA time zone, such as Europe/Berlin") from error

    @property
    def api(self) -> str:
        """The base of all REST paths."""
        return f"{self.url.rstrip('/')}/api"

"""The connection to Extended ECM as a Prefect block."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from prefect.blocks.core import Block
from pydantic import BaseModel, Field, SecretStr, model_validator

from vigil.ecm import Client, ClientCredentials, Settings


class OtdsClient(BaseModel):
    """An OAuth client of OpenText Directory Services, in place of a user with a password."""

    token_url: str = Field(
        description="Where OTDS gives tokens, such as https://otds.example.org/otdsws/oauth2/token"
    )
    client_id: str = Field(description="The OAuth client's id")
    secret: SecretStr = Field(description="The OAuth client's secret")

    def credentials(self) -> ClientCredentials:
        return ClientCredentials(self.token_url, self.client_id, self.secret.get_secret_value())


class ExtendedEcm(Block):
    """How to reach an Extended ECM, and as whom: a user with a password, or an OAuth client of OTDS."""

    _block_type_name = "Extended ECM"
    _block_type_slug = "extended-ecm"

    url: str = Field(description="Base address with the CGI path, such as https://ecm.example.org/cs/cs")
    username: str = Field(
        default="",
        description="The service user; a workflow manager who may read what rules speak about. Empty with OTDS",
    )
    password: SecretStr = Field(default=SecretStr(""), description="Its password")
    otds: OtdsClient | None = Field(default=None, description="An OAuth client of OTDS, in the user's place")
    zone: str = Field(
        default="UTC", description="Time zone of the server, in which its dates without a zone are read"
    )
    concurrency: int = Field(default=32, ge=1, le=256, description="Requests under way at once")
    requests_per_second: float | None = Field(
        default=None, gt=0, description="Politeness limit; none when empty"
    )
    timeout: float = Field(default=30.0, gt=0, description="Seconds for one attempt of a request")
    total_timeout: float = Field(default=180.0, gt=0, description="Seconds for a request with its retries")
    retries: int = Field(default=5, ge=0, le=20, description="Further attempts after one that failed")
    overlap: float = Field(
        default=60.0, ge=0, description="Seconds before the newest change seen that are read again"
    )
    ca: str | None = Field(default=None, description="File of a certificate authority of your own")
    proxy: SecretStr | None = Field(
        default=None, description="Proxy to go through, such as http://user:password@proxy:3128"
    )

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        self.settings()
        return self

    def settings(self) -> Settings:
        """What the client takes. Raises ValueError for two logins or none, and for a zone that is none."""
        return Settings(
            url=self.url,
            username=self.username,
            password=self.password.get_secret_value(),
            otds=self.otds.credentials() if self.otds else None,
            zone=self.zone,
            concurrency=self.concurrency,
            requests_per_second=self.requests_per_second,
            timeout=self.timeout,
            total_timeout=self.total_timeout,
            retries=self.retries,
            overlap=timedelta(seconds=self.overlap),
            ca=self.ca,
            proxy=self.proxy.get_secret_value() if self.proxy else None,
        )

    def client(self) -> Client:
        """A client that is not yet connected: enter it with `async with`."""
        return Client(self.settings())

"""The connection to Extended ECM as a Prefect block."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vigil.ecm import Client, Settings


class ExtendedEcm(Block):
    """How to reach an Extended ECM, and as whom."""

    _block_type_name = "Extended ECM"
    _block_type_slug = "extended-ecm"

    url: str = Field(description="Base address with the CGI path, such as https://ecm.example.org/cs/cs")
    username: str = Field(
        description="The service user; a workflow manager who may read what rules speak about"
    )
    password: SecretStr = Field(description="Its password")
    zone: str = Field(
        default="UTC", description="Time zone of the server, in which its dates without a zone are read"
    )
    concurrency: int = Field(default=32, ge=1, le=256, description="Requests under way at once")
    requests_per_second: float | None = Field(
        default=None, gt=0, description="Politeness limit; none when empty"
    )
    ca: str | None = Field(default=None, description="File of a certificate authority of your own")
    proxy: str | None = Field(default=None, description="Proxy to go through, such as http://proxy:3128")

    def client(self) -> Client:
        """A client that is not yet connected: enter it with `async with`."""
        return Client(
            Settings(
                url=self.url,
                username=self.username,
                password=self.password.get_secret_value(),
                zone=self.zone,
                concurrency=self.concurrency,
                requests_per_second=self.requests_per_second,
                ca=self.ca,
                proxy=self.proxy,
            )
        )

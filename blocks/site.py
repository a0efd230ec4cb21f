"""One site as a Prefect block: the three connections, and where rules and templates lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.ecm import ExtendedEcm
from blocks.fcm import FirebaseProject
from blocks.ledger import LedgerDatabase
from blocks.smtp import SmtpServer
from vigil.delivery.router import ByAddress
from vigil.delivery.settings import ENDPOINT
from vigil.delivery.transport import Transport
from vigil.ecm.model import EXPIRY
from vigil.errors import BadInput, Problem
from vigil.service.site import Site


class VigilSite(Block):
    """A site that Vigil watches. Flows take its name."""

    _block_type_name = "Vigil site"
    _block_type_slug = "vigil-site"

    ecm: ExtendedEcm = Field(description="The Extended ECM that is watched")
    fcm: FirebaseProject = Field(description="The Firebase project that notices go through")
    ledger: LedgerDatabase = Field(description="The ledger")
    smtp: SmtpServer | None = Field(
        default=None, description="The mail server for people without a device; none when empty"
    )
    public_url: str = Field(
        description="Address of Extended ECM in people's browsers, such as https://ecm.example.org"
    )
    rules: str = Field(
        default="rules", description="Folder of the rules, absolute or below the project's folder"
    )
    templates: str = Field(default="templates", description="Folder of the templates")
    verify_requests: int = Field(
        default=64, ge=1, description="Look-ups of known items a run, 250 items each"
    )
    rescan_days: int = Field(default=7, ge=1, description="Days between two complete readings of the lists")
    expiry: str = Field(
        default=EXPIRY,
        description="Attribute of documents that says until when they are valid, as Category.attribute",
    )
    guard_hours: int = Field(
        default=24, ge=1, le=720, description="Hours in which a guard that tripped may be answered"
    )
    dask: str = Field(
        default="",
        description="Dask that reads and evaluates: the address of a scheduler, such as tcp://dask:8786, or local:2 for two processes "
        "beside each run; empty for none",
    )
    sensitive: list[str] = Field(
        default_factory=list, description="Attributes, as Category.attribute, that never leave in a message"
    )

    def site(self) -> Site:
        """What the runs need to know of it."""
        return Site(
            public_url=self.public_url,
            zone=self.ecm.zone,
            rules=Path(self.rules),
            templates=Path(self.templates),
            cgi=Site.cgi_of(self.ecm.url),
            verify_requests=self.verify_requests,
            rescan_every=timedelta(days=self.rescan_days),
            sensitive=frozenset(self.sensitive),
            expiry=self.expiry,
            guard_patience=timedelta(hours=self.guard_hours),
        )

    def transport(self, now: Callable[[], datetime]) -> Transport:
        """What notices go through: Firebase, and where there is a mail server that, too. Not yet open."""
        push = self.fcm.transport(now)
        return push if self.smtp is None else ByAddress(push, self.smtp.transport(now))


async def build(
    name: str,
    ecm: ExtendedEcm,
    public_url: str,
    account: str,
    ledger_url: str,
    rules: Path,
    templates: Path,
    endpoint: str = ENDPOINT,
    verify_requests: int = 64,
) -> None:
    """Save the blocks of a site under `name`, over those that are there. Raises BadInput when the account is not one."""
    try:
        project = json.loads(account)["project_id"]
    except (ValueError, KeyError, TypeError):
        problem = Problem(
            "service account", 1, 1, "not the JSON of a Firebase service account: it has no project_id"
        )
        raise BadInput([problem]) from None
    parts = urlsplit(ecm.url)
    site = VigilSite(
        ecm=ecm,
        fcm=FirebaseProject(project=project, service_account=SecretStr(account), endpoint=endpoint),
        ledger=LedgerDatabase(url=SecretStr(ledger_url)),
        public_url=public_url or f"{parts.scheme}://{parts.netloc}",
        rules=str(rules),
        templates=str(templates),
        verify_requests=verify_requests,
    )
    await site.asave(name, overwrite=True)

"""A site as Prefect blocks: its own block, and one for each of its connections, which it names.

A site refers to its connections by name, not by Prefect's references to blocks: the form of Prefect's UI shows a reference as empty,
and on saving replaces the secrets by the asterisks that it showed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prefect.blocks.core import Block
from pydantic import SecretStr

from blocks.ecm import ExtendedEcm
from blocks.fcm import FirebaseProject
from blocks.ledger import LedgerDatabase
from blocks.schema import SchemaOnce
from blocks.sender import Sender
from blocks.smtp import SmtpServer
from blocks.webhook import WebhookSender
from vigil import places
from vigil.delivery.router import ByAddress
from vigil.delivery.transport import Transport
from vigil.service.connecting.forms import SITE, SiteForm
from vigil.service.site import Site, origin


class VigilSite(SiteForm, SchemaOnce, Block):
    """A site that Vigil watches. Flows take its name as a parameter."""

    _block_type_name = "Vigil site"
    _block_type_slug = "vigil-site"


BLOCKS: Mapping[str, type[Block]] = {
    "ecm": ExtendedEcm,
    "fcm": FirebaseProject,
    "ledger": LedgerDatabase,
    "smtp": SmtpServer,
    "webhook": WebhookSender,
    SITE: VigilSite,
}
"""The block of each part of a site."""


@dataclass(frozen=True)
class Connected:
    """A site with its connections, loaded from its blocks."""

    name: str
    settings: VigilSite
    ecm: ExtendedEcm
    fcm: FirebaseProject
    ledger: LedgerDatabase
    smtp: SmtpServer | None = None
    webhook: WebhookSender | None = None

    def site(self) -> Site:
        """The settings that runs need."""
        said = self.settings
        return Site(
            public_url=said.public_url or origin(self.ecm.url),
            zone=self.ecm.zone,
            rules=places.found(said.rules),
            templates=places.found(said.templates),
            cgi=Site.cgi_of(self.ecm.url),
            verify_requests=said.verify_requests,
            rescan_every=timedelta(days=said.rescan_days),
            sensitive=frozenset(said.sensitive),
            expiry=said.expiry,
            name=self.name,
            guard_patience=timedelta(hours=said.guard_hours),
            retry_patience=timedelta(seconds=said.retry_seconds),
        )

    def in_one_process(self, ledger: str) -> Connected:
        """The site with the ledger at this address, and without Dask."""
        settings = self.settings.model_copy(update={"dask": ""})
        return replace(self, settings=settings, ledger=LedgerDatabase(url=SecretStr(ledger)))

    def senders(self) -> list[tuple[type[Sender], Sender | None]]:
        """The kinds of blocks that send, each with the site's own; None for one that the site does not have."""
        parts = ((part, kind) for part, kind in BLOCKS.items() if issubclass(kind, Sender))
        return [(kind, getattr(self, part)) for part, kind in parts]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that the site can send on."""
        return tuple(sender.channel for _, sender in self.senders() if sender is not None)

    def transport(self, now: Callable[[], datetime]) -> Transport:
        """The closed transport for notices, over those of the site's channels."""
        return ByAddress({s.channel: s.transport(now) for _, s in self.senders() if s is not None})

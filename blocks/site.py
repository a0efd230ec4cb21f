"""One site as a Prefect block: the three connections, and where rules and templates lie."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from blocks.ecm import ExtendedEcm
from blocks.fcm import FirebaseProject
from blocks.ledger import LedgerDatabase
from prefect.blocks.core import Block
from vigil.service.site import Site


class VigilSite(Block):
    """A site that Vigil watches. Flows take its name."""

    _block_type_name = "Vigil site"
    _block_type_slug = "vigil-site"

    ecm: ExtendedEcm = Field(description="The Extended ECM that is watched")
    fcm: FirebaseProject = Field(description="The Firebase project that notices go through")
    ledger: LedgerDatabase = Field(description="The ledger")
    public_url: str = Field(description="Address of Extended ECM in people's browsers, such as https://ecm.example.org")
    rules: str = Field(default="rules", description="Folder of the rules, absolute or below the project's folder")
    templates: str = Field(default="templates", description="Folder of the templates")
    verify_requests: int = Field(default=64, ge=1, description="Look-ups of known items a run, 250 items each")
    rescan_days: int = Field(default=7, ge=1, description="Days between two complete readings of the lists")
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
        )

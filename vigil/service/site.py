"""The site: a run's settings of the watched system."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from vigil.compliance.events import Event
from vigil.compliance.rules.patterns import EventKind
from vigil.ecm.model import EXPIRY
from vigil.service.budgets import LOOKUPS


@dataclass(frozen=True, slots=True)
class Site:
    """The addresses of links, the zone of dates, the folders of rules and templates. Built by the blocks.

    `public_url` is the address that people's browsers use: scheme and host, and a reverse proxy's path before the CGI path, with or
    without the CGI path itself; `verify_requests` bounds the lookups of known nodes in a run (250 in a request), so that a quiet run
    costs the same whatever the size of the estate.
    """

    public_url: str
    zone: str
    rules: Path
    templates: Path
    cgi: str = "/cs/cs"
    verify_requests: int = LOOKUPS
    rescan_every: timedelta = timedelta(days=7)
    sensitive: frozenset[str] = field(default_factory=frozenset)  # attributes that never leave in a message
    expiry: str = EXPIRY  # the attribute of documents that says until when they are valid
    name: str = "default"  # of the block, and in the events that a run emits
    guard_patience: timedelta = timedelta(days=1)  # how long a tripped guard waits for an answer
    retry_patience: timedelta = timedelta(0)  # how long a run tries again what could not be sent

    @classmethod
    def cgi_of(cls, url: str) -> str:
        """The CGI path of an Extended ECM URL: ``/cs/cs`` of ``https://host/cs/cs``."""
        return urlsplit(url).path.rstrip("/")

    @property
    def home(self) -> str:
        """Smart View's own start page: the link of a notice about several workspaces."""
        return smart_view(self.public_url, self.cgi)

    def link(self, workspace: int, event: Event | None = None) -> str:
        """The Smart View link to the item of a notice: the open step, the document, or the workspace.

        Contract: docs/contracts/ecm.md#links.
        """
        base = self.home
        match EventKind(event.kind).spec.link if event is not None and event.kind else "workspace", event:
            case "step", Event(fields=fields):
                return f"{base}/processes/{fields['process']}/{fields.get('subprocess', fields['process'])}/{fields['step']}"
            case "document", Event(fields=fields):
                return f"{base}/nodes/{fields['document_id']}"
        return f"{base}/nodes/{workspace}"


def smart_view(public_url: str, cgi: str) -> str:
    """Smart View's own address: the CGI path and /app after the address in browsers, without the part that the address already has.

    People copy the address of Extended ECM, or the one that their browser shows in Smart View. The comparison ignores case, as Windows
    does.
    """
    base, path = public_url.rstrip("/"), cgi.casefold()
    for there in (f"{path}/app", path):
        if there and base.casefold().endswith(there):
            return base + f"{path}/app".removeprefix(there)
    return f"{base}{cgi}/app"


def origin(url: str) -> str:
    """Scheme and host of an address: the default address of Extended ECM in browsers."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

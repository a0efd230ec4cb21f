"""The site: what a run must be told of the system that it watches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from vigil.compliance.events import Event
from vigil.compliance.patterns import EventKind
from vigil.ecm.model import EXPIRY


@dataclass(frozen=True, slots=True)
class Site:
    """Where links lead, which zone dates are in, where rules and templates lie. Built by the blocks.

    `public_url` is the address that people's browsers use: scheme and host, and what a reverse proxy has before the CGI path,
    which may stand at its end as well; `verify_requests` bounds the look-ups by which
    a run checks known nodes (250 a request), so that a quiet run costs the same however large the estate is.
    """

    public_url: str
    zone: str
    rules: Path
    templates: Path
    cgi: str = "/cs/cs"
    verify_requests: int = 64
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
        """Smart View's own start page: where a notice leads that is about several workspaces."""
        return smart_view(self.public_url, self.cgi)

    def link(self, workspace: int, event: Event | None = None) -> str:
        """The Smart View link to the item that a notice is about: the open step, the document, or the workspace.

        Contract: docs/contracts/ecm.md#links.
        """
        base = self.home
        match EventKind(event.kind).spec.link if event is not None else "workspace", event:
            case "step", Event(fields=fields):
                return f"{base}/processes/{fields['process']}/{fields['process']}/{fields['step']}"
            case "document", Event(fields=fields):
                return f"{base}/nodes/{fields['document_id']}"
        return f"{base}/nodes/{workspace}"


def smart_view(public_url: str, cgi: str) -> str:
    """Smart View's own address: the CGI path and /app behind the address in browsers, less what that ends with already.

    People copy the address of Extended ECM, or that which their browser shows in Smart View.
    Windows knows no small and capital letters.
    """
    base, path = public_url.rstrip("/"), cgi.casefold()
    for there in (f"{path}/app", path):
        if there and base.casefold().endswith(there):
            return base + f"{path}/app".removeprefix(there)
    return f"{base}{cgi}/app"


def origin(url: str) -> str:
    """Scheme and host of an address: where people reach an Extended ECM for which no other is named."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

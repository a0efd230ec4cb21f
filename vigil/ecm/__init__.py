"""Extended ECM over REST: the client, and the extraction of facts. Only this package imports httpx, which is loaded with the client.

`vigil.ecm.errors` has the errors. docs/architecture.md, "Extraction", describes the interface.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vigil.ecm.errors import CallFailed, EcmError, Malformed, NotAsked, NotReadable, Refused, Unavailable
from vigil.ecm.model import FactBatch, Gap, Gone, ListedWorkspace, Needs, Processes, Stamp, Verified

if TYPE_CHECKING:
    from vigil.ecm.client import Client, Counts
    from vigil.ecm.extract import Extractor
    from vigil.ecm.settings import ClientCredentials, Settings

_LATER = {
    "Client": "client",
    "ClientCredentials": "settings",
    "Counts": "client",
    "Extractor": "extract",
    "Settings": "settings",
}

__all__ = [
    "CallFailed",
    "Client",
    "ClientCredentials",
    "Counts",
    "EcmError",
    "Extractor",
    "FactBatch",
    "Gap",
    "Gone",
    "ListedWorkspace",
    "Malformed",
    "Needs",
    "NotAsked",
    "NotReadable",
    "Processes",
    "Refused",
    "Settings",
    "Stamp",
    "Unavailable",
    "Verified",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"vigil.ecm.{_LATER[name]}"), name)

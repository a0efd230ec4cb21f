"""Extended ECM over REST: the client, and the extraction of facts. The only place that knows httpx.

Errors are in `vigil.ecm.errors`. How the parts meet: docs/architecture.md, Extraction.
"""

from vigil.ecm.client import Client, Counts
from vigil.ecm.errors import EcmError, Malformed, NotReadable, Refused, Unavailable
from vigil.ecm.extract import Extractor
from vigil.ecm.model import Batch, Gap, Gone, Needs, Processes, Row, Span, Stamp, Verified
from vigil.ecm.settings import ClientCredentials, Settings

__all__ = [
    "Batch",
    "Client",
    "ClientCredentials",
    "Counts",
    "EcmError",
    "Extractor",
    "Gap",
    "Gone",
    "Malformed",
    "Needs",
    "NotReadable",
    "Processes",
    "Refused",
    "Row",
    "Settings",
    "Span",
    "Stamp",
    "Unavailable",
    "Verified",
]

"""What the status of a receiver's answer means. Its body is never read: it may be anything, and quote anything.

| answer | outcome |
|---|---|
| 2xx | accepted |
| 410 | rejected, and the address is retired |
| 408, 425, 429 | retry: the receiver's own "later"; a 429 holds the address back until then |
| any other 4xx | rejected |
| 3xx | retry: Vigil follows no redirect, and the address that answered accepted nothing |
| 502, 504 | unknown: a gateway in between answered, and the receiver may have accepted the post |
| any other 5xx | retry |
| any other | unknown |

docs/decisions/0024-webhooks.md says why.
"""

from __future__ import annotations

from vigil.delivery.responses import ParsedResponse, wait_of
from vigil.delivery.retry import QUOTA_WAIT
from vigil.delivery.transport import SendOutcome

CODE = "WEBHOOK_"
LATER = frozenset({408, 425, 429})
DOUBTFUL = frozenset({502, 504})


def read_status(status: int, retry_after: str | None) -> ParsedResponse:
    """The meaning of an answer. `retry_after` is the header of that name."""
    if 200 <= status < 300:
        return ParsedResponse("accepted", status=status)
    wait = wait_of(retry_after)
    if status == 429 and wait is None:
        wait = QUOTA_WAIT
    return ParsedResponse(_outcome(status), f"{CODE}{status}", status, retry_after=wait)


def _outcome(status: int) -> SendOutcome:
    if status in LATER or 300 <= status < 400:
        return "retry"
    if 400 <= status < 500:
        return "rejected"
    return "retry" if 500 <= status < 600 and status not in DOUBTFUL else "unknown"

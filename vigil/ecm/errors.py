"""What can go wrong between Vigil and Extended ECM.

VigilError
└── EcmError
    ├── Refused           the server will not talk to this user: wrong login, expired and not renewable, 403. It ends the run
    └── CallFailed        one call came to nothing: a gap, and the others go on
        ├── Unavailable   no usable answer in time: cut connections, 502-504, "please try again", an open circuit
        │   └── NotAsked  the server had not answered for so long that this was not asked any more
        ├── NotReadable   this one thing is not there, or not for this user (ECM answers 400, 404 or 500 in its own words)
        └── Malformed     an answer came, and it is not what the contract says: HTML with 200, broken JSON
            └── Incomplete  a list ended before the count that it gives

Each carries the URL's path (never its query, never a ticket) and ECM's own message, redacted. Contract: docs/contracts/ecm.md#errors.
"""

from __future__ import annotations

from vigil.errors import VigilError
from vigil.redaction import redacted


class EcmError(VigilError):
    """Base of all. `path` is the path of the call, `message` is ECM's own, `status` the HTTP status if
    one came."""

    advice = ""
    brief = "Extended ECM gave an error"

    def __init__(self, path: str, message: str, status: int | None = None) -> None:
        self.path = path
        self.message = redacted(message)
        self.status = status
        code = f" ({status})" if status is not None else ""
        super().__init__(f"{path}{code}: {self.message}{self.advice}")

    def __reduce__(self) -> tuple[type[EcmError], tuple[str, str, int | None]]:
        # Task runners carry errors between processes; the default would pass the finished sentence as `path`.
        return type(self), (self.path, self.message, self.status)


class CallFailed(EcmError):
    """One call came to nothing. What it would have given is a gap; the other calls of the run go on."""


class Unavailable(CallFailed):
    """No usable answer, after the retries that the settings allow. Trying again later is right."""

    advice = ". Extended ECM did not answer usably; the next run tries again"
    brief = "Extended ECM did not answer"


class NotAsked(Unavailable):
    """A call that was not made: the server had not answered for so long that nothing more is asked of it in this run."""

    advice = ""


class Refused(EcmError):
    """The login was refused. Trying again with the same credentials could lock the account."""

    advice = ". Check the user, the password or the OTDS client of the connection"
    brief = "Extended ECM refused the login"


class NotReadable(CallFailed):
    """This one thing does not exist or may not be read. Trying again does not help."""

    brief = "Extended ECM does not let something be read"


class Malformed(CallFailed):
    """An answer that the contract does not know, after retries."""

    advice = ". The answer is not what the REST API documents: look for a proxy or a login page in between"
    brief = "Extended ECM's answer could not be read"


class Incomplete(Malformed):
    """A list that ended before the count that it gives: what it holds beyond that is not known."""

    advice = ". What the list holds beyond that is not known; the next run reads it again"
    brief = "Extended ECM did not give a whole list"

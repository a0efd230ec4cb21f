"""The errors of calls to Extended ECM.

VigilError
└── EcmError
    ├── Refused           the server refuses this user: a wrong login, or a ticket that no call takes. It ends the run
    └── CallFailed        one call failed: a gap, and the other calls continue
        ├── Unavailable   no usable response in time: lost connections, 502-504, "please try again", an open circuit breaker
        │   ├── CutOff    the server took the call and broke the connection off: it may be down, or the call may break it
        │   └── NotAsked  the call was not made, because the server had not answered for too long
        ├── NotReadable   this item does not exist, or not for this user (ECM answers 400, 404 or 500 in its own words)
        │   └── CallRefused  this call is refused (401, 403) although the ticket works for others. It says nothing about an item
        └── Malformed     a response that violates the contract: HTML with 200, broken JSON
            └── IncompleteList  a list ended before its own count
                └── ListWall    the server offers no further page, though its count says that there are more

Each has the URL's path (never its query, never a ticket) and ECM's own message, redacted. Contract: docs/contracts/ecm.md#errors.
Inside `words_apart` messages have none of ECM's words, which may name people.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from vigil.errors import VigilError
from vigil.redaction import redacted

NO_ROUTE = "mappings registry"
"""In ECM's words for an address that it does not know, as of an absent module."""


MOST_HEARD = 1_000


class Said(str):
    """A text in the server's words: whatever a response gave for an error's message."""


_apart: ContextVar[dict[str, None] | None] = ContextVar(
    "the server's words that stay out of messages", default=None
)


@contextmanager
def words_apart() -> Iterator[dict[str, None]]:
    """Inside the block, and in the tasks that it starts, an error's message has the status and Vigil's own kind of error in place of
    the server's words. Gives the full texts, the first MOST_HEARD, in order.
    """
    heard: dict[str, None] = {}
    before = _apart.set(heard)
    try:
        yield heard
    finally:
        _apart.reset(before)


ErrorKind = TypeVar("ErrorKind", bound="EcmError")


class EcmError(VigilError):
    """Base of all. `path` is the path of the call, `status` the HTTP status if there was a response, `message` why, for people.

    `words` are ECM's own, or the message: what the meaning of an error is read from, and nobody is shown.
    """

    advice = ""
    brief = "Extended ECM gave an error"

    def __init__(self, path: str, message: str, status: int | None = None) -> None:
        self.path = path
        self.words = redacted(message)
        self.status = status
        self._said = isinstance(message, Said)
        apart = _apart.get() if self._said else None
        code = f" ({status})" if status is not None and apart is None else ""
        self.message = self.words if apart is None else self._without_words()
        if apart is not None and len(apart) < MOST_HEARD:
            apart[f"{path} ({status}): {self.words}"] = None
        super().__init__(f"{path}{code}: {self.message}{self.advice}")

    def __reduce__(self) -> tuple[type[EcmError], tuple[str, str, int | None]]:
        # Task runners pickle errors between processes; the default would pass the finished sentence as `path`.
        return type(self), (self.path, self._given, self.status)

    def turned_into(self, kind: type[ErrorKind]) -> ErrorKind:
        """The same failure as an error of another kind."""
        return kind(self.path, self._given, self.status)

    @property
    def _given(self) -> str:
        return Said(self.words) if self._said else self.words

    @property
    def is_no_route(self) -> bool:
        """Whether Extended ECM does not know the call's address, as of a module that is not installed or not enabled."""
        return self.status == 400 and NO_ROUTE in self.words.lower()

    def _without_words(self) -> str:
        kind = "this server has no such call, or its module is absent" if self.is_no_route else self.brief
        return f"{kind} (status {self.status})"


class CallFailed(EcmError):
    """One call failed. Its result is a gap; the other calls of the run continue."""


class Unavailable(CallFailed):
    """No usable response, after the retries that the settings allow. A later retry may succeed."""

    advice = ". Extended ECM did not answer usably; the next run tries again"
    brief = "Extended ECM did not answer"


class CutOff(Unavailable):
    """A call during whose answer the connection broke off, each time."""


class NotAsked(Unavailable):
    """A call that was not made: the server had not answered for so long that this run makes no more calls."""

    advice = ""


class Refused(EcmError):
    """The login was refused. A retry with the same credentials could lock the account."""

    advice = ". Check the user, the password or the OTDS client of the connection"
    brief = "Extended ECM refused the login"


class NotReadable(CallFailed):
    """The item does not exist or must not be read. A retry does not help."""

    brief = "Extended ECM does not let something be read"


class CallRefused(NotReadable):
    """This one call is refused, with 401 or without words of ECM's own, and the same ticket works for another call."""

    brief = "Extended ECM refuses a call"


class Malformed(CallFailed):
    """A response that violates the contract, after retries."""

    advice = ". The answer is not what the REST API documents: look for a proxy or a login page in between"
    brief = "Extended ECM's answer could not be read"


class IncompleteList(Malformed):
    """A list that ended before its own count: its other rows are unknown."""

    advice = ". What the list holds beyond that is not known; the next run reads it again"
    brief = "Extended ECM did not give a whole list"


class ListWall(IncompleteList):
    """A list of which the server offers no further page, though its count says that there are more: narrower lists reach them."""

"""Maps a verified token to a login of Extended ECM."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from vigil.delivery.identity import Claims
from vigil.ledger import Ledger
from vigil.ledger.people import accounts
from vigil.ledger.people.accounts import Accounts

FRESH = 60.0  # seconds for which the ledger's data about accounts is cached


class Logins:
    """Finds the account of a token. Thread-safe.

    The site's own claim decides if the token has it: the administrator of the Firebase project sets it. Otherwise the verified e-mail
    address decides, if exactly one account has it, after all accounts were read once. A deleted account matches no token.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = Lock()
        self._kept: Accounts | None = None
        self._read_at = 0.0

    def of(self, claims: Claims) -> str | None:
        """The login; None if no account matches, or if two share the address."""
        known = self._accounts()
        if claims.login is not None:
            return None if claims.login in known.deleted else claims.login
        if claims.email is None:
            return None
        found = known.by_address.get(accounts.folded(claims.email), frozenset())
        return next(iter(found)) if len(found) == 1 else None

    def _accounts(self) -> Accounts:
        with self._lock:
            if self._kept is None or self._clock() - self._read_at >= FRESH:
                with self._ledger.read() as connection:
                    self._kept = accounts.known(connection)
                self._read_at = self._clock()
            return self._kept

"""From a verified token to a login of Extended ECM."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from vigil.compliance import facts as f
from vigil.delivery.identity import Claims
from vigil.ledger import Ledger, observations

FRESH = 60.0  # seconds for which what the ledger knows of accounts is kept


@dataclass(frozen=True, slots=True)
class _Accounts:
    deleted: frozenset[str]
    by_email: Mapping[str, frozenset[str]]  # of accounts that are not deleted
    read_at: float


class Logins:
    """Who a token speaks for. May be used by many threads.

    The site's own claim decides where a token has it: it is set by whoever administers the Firebase project. Else the verified
    e-mail address does, where exactly one account that the ledger knows has it. A deleted account is nobody's.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = Lock()
        self._kept: _Accounts | None = None

    def of(self, claims: Claims) -> str | None:
        """The login; None when no account is, or when two share the address."""
        accounts = self._accounts()
        if claims.login is not None:
            return None if claims.login in accounts.deleted else claims.login
        if claims.email is None:
            return None
        found = accounts.by_email.get(claims.email.casefold(), frozenset())
        return next(iter(found)) if len(found) == 1 else None

    def _accounts(self) -> _Accounts:
        with self._lock:
            kept = self._kept
            if kept is None or self._clock() - kept.read_at >= FRESH:
                kept = self._kept = self._read()
            return kept

    def _read(self) -> _Accounts:
        by_email: dict[str, set[str]] = defaultdict(set)
        deleted = set()
        with self._ledger.read() as connection:
            for user in observations.directory(connection, ("user",)):
                if isinstance(user, f.User) and user.deleted:
                    deleted.add(user.login)
                elif isinstance(user, f.User) and user.email:
                    by_email[user.email.casefold()].add(user.login)
        shared = {email: frozenset(logins) for email, logins in by_email.items()}
        return _Accounts(frozenset(deleted), shared, self._clock())

"""The ledger: what was seen, what the rules said of it, what was queued, what was sent. Append-only where it is proof.

`Ledger` opens the database and gives transactions; the verbs are plain functions over a connection, one module a table family:
`observations`, `evaluations`, `outbox`, `devices`, `runs`. `values` needs no database; the library for it is loaded when `Ledger` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vigil.ledger.errors import (
        LedgerError,
        LedgerLocked,
        LedgerOfAnother,
        LedgerTooNew,
        LedgerUnavailable,
    )
    from vigil.ledger.ledger import Ledger

__all__ = ["Ledger", "LedgerError", "LedgerLocked", "LedgerOfAnother", "LedgerTooNew", "LedgerUnavailable"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vigil.ledger import errors, ledger

    return getattr(ledger if name == "Ledger" else errors, name)

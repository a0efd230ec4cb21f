"""The ledger: what was read, the states of rules, the notices that were queued, and the attempts to send them. Its proofs are
append-only.

`Ledger` opens the database and its transactions. The operations are plain functions over a connection: `observed` has what was read
and what rules remember of it, `outbox` the notices, `people` their devices and preferences, `maintenance` retention and integrity.
`watermarks` says up to where runs came. `values` needs no database; the database library is loaded with `Ledger`.
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

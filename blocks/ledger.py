"""The ledger's database as a Prefect block."""

from __future__ import annotations

from prefect.blocks.core import Block

from vigil.service.connecting.forms import LedgerForm


class LedgerDatabase(LedgerForm, Block):
    """The database of the ledger."""

    _block_type_name = "Vigil ledger"
    _block_type_slug = "vigil-ledger"

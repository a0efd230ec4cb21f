"""The ledger's database as a Prefect block."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.schema import SchemaOnce
from vigil.service.connecting.forms import LedgerForm


class LedgerDatabase(LedgerForm, SchemaOnce, Block):
    """The database of the ledger."""

    _block_type_name = "Vigil ledger"
    _block_type_slug = "vigil-ledger"

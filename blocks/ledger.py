"""The ledger's database as a Prefect block."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vigil.ledger import Ledger


class LedgerDatabase(Block):
    """Where the ledger is kept."""

    _block_type_name = "Vigil ledger"
    _block_type_slug = "vigil-ledger"

    url: SecretStr = Field(
        description="sqlite:////path/ledger.sqlite, or postgresql+psycopg://user:password@host/name"
    )

    def open(self) -> Ledger:
        """Bring the schema up to date and open it."""
        return Ledger.open(self.url.get_secret_value())

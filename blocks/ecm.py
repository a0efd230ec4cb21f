"""The connection to Extended ECM as a Prefect block."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.schema import SchemaOnce
from vigil.ecm import Client
from vigil.service.connecting.forms import EcmForm


class ExtendedEcm(EcmForm, SchemaOnce, Block):
    """The address of Extended ECM, and the login: a user with a password, there or at OTDS, or an OAuth client of OTDS."""

    _block_type_name = "Extended ECM"
    _block_type_slug = "extended-ecm"

    def client(self) -> Client:
        """A client without a connection yet: enter it with `async with`."""
        return Client(self.settings())

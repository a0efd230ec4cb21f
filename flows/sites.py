"""The site that a flow is started for: its block, by name."""

from __future__ import annotations

from typing import cast

from prefect.exceptions import ObjectNotFound

from blocks.site import VigilSite
from vigil.errors import BadRequest
from vigil.ledger import Ledger
from vigil.service.opening import ledger_at


class NoSite(BadRequest):
    """A run was started for a site that has no block."""


async def block_of(site: str) -> VigilSite:
    """The site's block, with the connections in it. Raises NoSite."""
    try:
        return cast(VigilSite, await VigilSite.aload(site))
    except ValueError as error:
        if not isinstance(error.__cause__, ObjectNotFound):
            raise
        raise NoSite(
            f'there is no Vigil site block "{site}" in this Prefect: make it with `vigil connect --site {site} ...`'
        ) from None


async def ledger_of(site: str) -> Ledger:
    """The site's ledger, without opening anything else."""
    return ledger_at((await block_of(site)).ledger.url.get_secret_value())

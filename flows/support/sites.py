"""Loads the blocks of a site, by its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from pydantic import ValidationError

from blocks import kept
from blocks.site import BLOCKS, Connected
from vigil.errors import BadRequest
from vigil.ledger import Ledger
from vigil.service.connecting.changes import Values, words
from vigil.service.connecting.forms import REQUIRED, SITE
from vigil.service.resources import ledger_of_site


class NoSite(BadRequest):
    """The site has no block."""


class BrokenSite(BadRequest):
    """The blocks of a site are invalid or incomplete."""


_other_ledger: ContextVar[str | None] = ContextVar("vigil_other_ledger", default=None)

PATIENCE = 10.0  # seconds for a response of Prefect to a command


def server() -> PrefectClient:
    """A client of the configured Prefect with a short time-out, for commands: enter it with `async with`."""
    return get_client(httpx_settings={"timeout": PATIENCE})


@asynccontextmanager
async def database_here() -> AsyncIterator[PrefectClient]:
    """A client of the database below PREFECT_HOME, served in this process: a separate server takes twice as long to start."""
    from prefect.server.api.server import create_app

    async with PrefectClient(api=create_app(webserver_only=True)) as client:
        yield client


async def names(client: PrefectClient) -> list[str]:
    """The names of all sites."""
    return await kept.names(client)


async def block_of(site: str) -> Connected:
    """The site's block, with its connections. Raises NoSite and BrokenSite."""
    async with get_client() as client:
        block = await found(client, site)
    url = _other_ledger.get()
    return block if url is None else block.in_one_process(url)


@contextmanager
def on_ledger(url: str) -> Iterator[None]:
    """Inside the block, runs use the ledger at `url` in place of their site's, and read in their own process."""
    token = _other_ledger.set(url)
    try:
        yield
    finally:
        _other_ledger.reset(token)


async def found(client: PrefectClient, site: str) -> Connected:
    """As `block_of`, with an open client."""
    values = await kept.read(client, site)
    if SITE not in values:
        raise NoSite(
            f'there is no Vigil site block "{site}" in this Prefect: create it with `vigil connect --site {site} ...`'
        )
    lost = [p for p in BLOCKS if p not in values and (p in REQUIRED or values[SITE].get(p))]
    if lost:
        raise BrokenSite("\n".join(_lost(site, part, values) for part in lost))
    parts = {part: _valid(site, part, values) for part in BLOCKS if part in values}
    return Connected(name=site, settings=parts.pop(SITE), **parts)


def _lost(site: str, part: str, values: Values) -> str:
    kind, name = BLOCKS[part].get_block_type_slug(), values[SITE].get(part)
    return f'the Vigil site block "{site}" names the block {kind}/{name}, which does not exist: correct the name, or create the block'


def _valid(site: str, part: str, values: Values) -> Any:
    try:
        return BLOCKS[part].model_validate(values[part])
    except ValidationError as error:
        name = site if part == SITE else values[SITE][part]
        wrong = "\n".join(words(part, values[part], e) for e in error.errors(include_input=False))
        block = f"{BLOCKS[part].get_block_type_slug()}/{name}"
        raise BrokenSite(
            f"the block {block} is invalid: correct it in its form, or by `vigil connect --site {site}`\n{wrong}"
        ) from None


def ledger_of(block: Connected) -> Ledger:
    """The site's ledger. Raises LedgerOfAnother if it belongs to another site."""
    return ledger_of_site(block.name, block.ledger.url.get_secret_value())

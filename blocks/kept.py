"""Reads and writes a site's blocks as plain values, by part. See `vigil.service.connecting.changes`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound

from blocks.site import BLOCKS
from vigil.service.connecting.changes import Values
from vigil.service.connecting.forms import REQUIRED, SITE

CONNECTIONS = tuple(part for part in BLOCKS if part != SITE)


async def read(client: PrefectClient, site: str, named: Mapping[str, str] | None = None) -> Values:
    """The saved values of a site. Empty for an unknown site; a part whose block is missing has no key.

    `named` overrides the block names of connections that the site's own block has.
    """
    own = await _document(client, SITE, site)
    said = _names(own, site)
    names = said | dict(named or {})
    inside = {part: own[part] for part in CONNECTIONS if isinstance(own.get(part), dict)}
    others = [part for part in CONNECTIONS if names[part] and part not in inside]
    found = await asyncio.gather(*(_document(client, part, names[part]) for part in others))
    values = inside | dict(zip(others, found, strict=True)) | {SITE: own | said if own else {}}
    return {part: _of_an_earlier_vigil(held) for part, held in values.items() if held}


def _names(own: Mapping[str, Any], site: str) -> dict[str, str]:
    """The names of a site's connections, by part, from its own block."""
    names = {part: _name(own.get(part), site) for part in CONNECTIONS}
    return names | {part: site for part in REQUIRED if not names[part]}


def _name(said: Any, site: str) -> str:
    """The name of a connection's block. An earlier version of Vigil stored the connection itself there; it gets the site's name."""
    return site if isinstance(said, dict) else str(said or "")


def _of_an_earlier_vigil(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Convert the OAuth client of OTDS, which an earlier version of Vigil stored as a nested object that no form can show."""
    otds = values.get("otds")
    rest = {name: value for name, value in values.items() if name != "otds"}
    if not isinstance(otds, dict):
        return rest
    return rest | {
        "otds_url": otds["token_url"],
        "otds_client": otds["client_id"],
        "otds_secret": otds["secret"],
    }


async def _document(client: PrefectClient, part: str, name: str) -> dict[str, Any]:
    try:
        found = await client.read_block_document_by_name(
            name, BLOCKS[part].get_block_type_slug(), include_secrets=True
        )
    except ObjectNotFound:
        return {}
    return found.data


async def save(client: PrefectClient, site: str, values: Values) -> None:
    """Save a site: first its connections, under the names in the site's values, overwriting existing blocks."""
    for part in (*CONNECTIONS, SITE):
        if part in values:
            name = site if part == SITE else values[SITE][part]
            await BLOCKS[part].model_validate(values[part]).asave(name, overwrite=True, client=client)


async def forget(client: PrefectClient, part: str, name: str) -> None:
    """Delete the block of a connection with its secrets."""
    found = await client.read_block_document_by_name(name, BLOCKS[part].get_block_type_slug())
    await client.delete_block_document(found.id)


async def names(client: PrefectClient) -> list[str]:
    """The names of all sites."""
    return sorted(str(d.name) for d in await _sites(client))


async def sharing(client: PrefectClient, site: str, values: Values) -> dict[str, list[str]]:
    """The names of the other sites that share a connection with this one, by part."""
    mine = _names(values[SITE], site)
    theirs = {str(d.name): _names(d.data, str(d.name)) for d in await _sites(client) if d.name != site}
    return {
        part: found
        for part in CONNECTIONS
        if mine[part] and (found := sorted(name for name, said in theirs.items() if said[part] == mine[part]))
    }


async def _sites(client: PrefectClient) -> list[BlockDocument]:
    slug = BLOCKS[SITE].get_block_type_slug()
    try:
        await client.read_block_type_by_slug(slug)
    except ObjectNotFound:  # no site was ever saved
        return []
    return await client.read_block_documents_by_type(slug, include_secrets=False)

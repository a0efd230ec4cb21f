"""Known nodes asked for by id: the net under the lists, which do not show every change. Contract: ecm.md, quirk 24."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import MOST_IDS, Client
from vigil.ecm.errors import EcmError, Refused
from vigil.ecm.model import Gap, Stamp, Verified

PATH = "/v2/nodes/list"
FIELDS = ("properties{id,type,container_size,modify_date}", "versions.element(0)")


class Verifier:
    """Compares stamps for one extraction."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone = client.settings.tz

    async def verify(self, nodes: Mapping[int, Stamp]) -> Verified:
        """See `Extractor.verify`. Ids of a call that failed are neither changed nor gone: they are in a gap."""
        with self._client.counting() as counts:
            found, gaps = await self._read(list(nodes))
            dropped = [number for number in nodes if number not in found and not _in(number, gaps)]
            # What is missing once may be a hiccup; what is missing twice is believed.
            again, more = await self._read(dropped)
            found.update(again)
            gaps += more
            gone = tuple(number for number in dropped if number not in again and not _in(number, more))
            with parse.shaped(PATH):
                seen = {number: self._stamp(row) for number, row in found.items()}
            changed = tuple(number for number, stamp in seen.items() if nodes[number].differs(stamp))
            return Verified(changed, gone, tuple(gaps), counts.requests)

    async def _read(self, ids: Sequence[int]) -> tuple[dict[int, Json], list[Gap]]:
        found: dict[int, Json] = {}
        gaps: list[Gap] = []
        for answer in await asyncio.gather(*map(self._some, parse.chunks(ids, MOST_IDS))):
            if isinstance(answer, Gap):
                gaps.append(answer)
            else:
                found.update((parse.node_id(row), row) for row in answer)
        return found, gaps

    async def _some(self, ids: Sequence[int]) -> list[Json] | Gap:
        try:
            return parse.rows(await self._client.nodes(ids, FIELDS), PATH)
        except Refused:
            raise
        except EcmError as error:
            return Gap(error.path, error.message, tuple(ids))

    def _stamp(self, row: Json) -> Stamp:
        found = parse.properties(row)
        modified = parse.instant(found.get("modify_date"), self._zone)
        if parse.integer(found.get("type")) != parse.DOCUMENT:
            return Stamp(modified, parse.integer(found.get("container_size")))
        versions = parse.versions(row)
        return Stamp(modified, parse.integer(versions[-1].get("version_number")) if versions else None)


def _in(number: int, gaps: Sequence[Gap]) -> bool:
    return any(number in gap.workspaces for gap in gaps)

"""Reads known nodes by id, because the lists do not show every change. Contract: docs/contracts/ecm.md#changes."""

from __future__ import annotations

from collections.abc import Mapping

from vigil.ecm import categories, parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.errors import Malformed
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Stamp, Verified
from vigil.ecm.nodes import CATEGORIES, PATH, read_nodes
from vigil.ecm.presence import gone

FIELDS = ("properties{id,type,container_size,modify_date}", "versions.element(0)")


class StampVerifier:
    """Compares stamps for one extraction."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone = client.settings.tz

    async def verify(self, nodes: Mapping[int, Stamp]) -> Verified:
        """See `Extractor.verify`. The ids of a failed call are neither changed nor deleted: they are in a gap."""
        with self._client.counting() as counts:
            compares = any(stamp.values for stamp in nodes.values())
            fields = (*FIELDS, CATEGORIES) if compares else FIELDS
            found, gaps = await read_nodes(self._client, list(nodes), fields)
            unsure = {number for gap in gaps for number in gap.workspaces}
            missing = [number for number in nodes if number not in found and number not in unsure]
            lost, doubts = await gone(self._client, missing, left_out=1, there=found)
            changed: list[int] = []
            for number, row in found.items():
                try:
                    with parse.shaped(PATH):
                        if number in nodes and nodes[number].differs(self._stamp(row)):
                            changed.append(number)
                except Malformed as error:
                    doubts.append(gap_of(error, number))
            away = tuple(number for number in missing if number in lost)
            return Verified(tuple(changed), away, (*gaps, *doubts), counts.requests)

    def _stamp(self, row: Json) -> Stamp:
        """The stamp of a row. Raises KeyError for a row without a date: it shows neither a change nor that there was none."""
        found = parse.properties(row)
        modified = parse.instant(found["modify_date"], self._zone)
        values = categories.digest(row.get("data") or {})
        if parse.integer(found.get("type")) != parse.DOCUMENT:
            return Stamp(modified, parse.integer(found.get("container_size")), values)
        versions = parse.versions(row)
        newest = parse.integer(versions[-1].get("version_number")) if versions else None
        return Stamp(modified, newest, values)

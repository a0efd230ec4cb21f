"""Rows of the recycle bin as values: `GET /v2/volumes/recyclebin/nodes`. Contract: docs/contracts/ecm.md#deletions.

A node in the bin is deleted. One that is not there says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap

PATH = "/v2/volumes/recyclebin/nodes"


@dataclass(frozen=True, slots=True)
class DeletedNode:
    """A node in the bin. `by` is the id of the person who deleted it."""

    id: int
    name: str
    type: int | None
    parent: int | None
    deleted: datetime | None
    by: int | None


def rows(answer: Json, zone: tzinfo) -> tuple[list[DeletedNode], list[Gap]]:
    """The nodes of a page of the bin, and a gap for each row that cannot be read. Raises Malformed if it is no such page."""
    found: list[DeletedNode] = []
    odd: list[Gap] = []
    for row in parse.rows(answer, PATH):
        try:
            with parse.shaped(PATH):
                found.append(_row(row, zone))
        except Malformed as error:
            odd.append(gap_of(error))
    return found, odd


def _row(row: Json, zone: tzinfo) -> DeletedNode:
    found = parse.properties(row)
    return DeletedNode(
        id=parse.identity(found["id"]),
        name=parse.clean(str(found.get("name") or "")),
        type=parse.integer(found.get("type")),
        parent=parse.integer(found.get("parent_id")),
        deleted=parse.instant(found.get("deleted_date"), zone),
        by=parse.integer(found.get("deleted_user_id")),
    )

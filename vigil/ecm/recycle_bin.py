"""Rows of the recycle bin as values: `GET /v2/volumes/recyclebin/nodes`. Contract: docs/contracts/ecm.md#deletions.

A node in the bin is deleted. One that is not there says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """A node in the bin. `by` is the id of the person who deleted it; containers are a group of their own."""

    id: int
    name: str
    type: int | None
    parent: int | None
    deleted: datetime | None
    by: int | None
    is_container: bool = False


def misplaced(listed: Iterable[DeletedNode]) -> DeletedNode | None:
    """The first row that does not come in the documented order: containers first, the newest deletion first in each of both groups."""
    before: dict[bool, datetime | None] = {}
    for row in listed:
        last = before.get(row.is_container)
        if row.is_container and False in before:
            return row
        if last is not None and row.deleted is not None and row.deleted > last:
            return row
        before[row.is_container] = row.deleted or last
    return None


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
    kind, container = parse.integer(found.get("type")), found.get("container")
    return DeletedNode(
        id=parse.identity(found["id"]),
        name=parse.clean(str(found.get("name") or "")),
        type=kind,
        parent=parse.integer(found.get("parent_id")),
        deleted=parse.instant(found.get("deleted_date"), zone),
        by=parse.integer(found.get("deleted_user_id")),
        is_container=container if isinstance(container, bool) else kind in parse.CONTAINERS,
    )

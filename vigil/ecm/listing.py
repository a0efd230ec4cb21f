"""The list of a type's workspaces, newest change first, from a watermark on or completely. Contract: docs/contracts/ecm.md#paging."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from vigil.compliance.facts import WorkspaceType
from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.errors import IncompleteList, Malformed, NotReadable
from vigil.ecm.model import NEVER, ListedWorkspace
from vigil.ecm.paging import Page, walk

PATH = "/v2/businessworkspaces"
PAGE = 500


class Listing:
    """Reads the lists of workspaces for one extraction."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone = client.settings.tz
        self.odd: dict[str, list[Json]] = {}  # rows without an id, by type
        self.totals: dict[str, int] = {}  # by type, as ECM counts what it lists

    async def changed(
        self, type_: WorkspaceType, since: datetime | None
    ) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """See `Extractor.changed`."""
        floor = self._floor(since) if since is not None else None
        seen: set[int] = set()
        async for rows in self._walk(type_, floor):
            new = tuple(row for row in rows if row.id not in seen)
            seen.update(row.id for row in new)
            if new:
                yield new

    async def _walk(
        self, type_: WorkspaceType, bottom: datetime | None
    ) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """Rows with modified >= bottom. If the server refuses a deep offset, the list is narrowed by date."""
        before: str | None = None
        while True:
            oldest: str | None = None
            try:
                async for page in self._pages(type_, before):
                    rows = [self._row(row, type_.name) for row in page.rows]
                    self.totals.setdefault(type_.name, page.total or 0)
                    kept = [row for row in rows if bottom is None or row.modified >= bottom or row.odd]
                    yield tuple(kept)
                    oldest = str(parse.properties(page.rows[-1]).get("modify_date"))
                    if len(kept) < len(rows):
                        return
                return
            except (NotReadable, IncompleteList) as error:
                # A refusal before the first row does not concern depth, and a server may not compare dates; nor can dates narrow a
                # second with too many rows.
                if oldest is None or oldest == before:
                    raise
                before = self._comparable(oldest, error.path)

    def _pages(self, type_: WorkspaceType, before: str | None) -> AsyncIterator[Page]:
        params: dict[str, str | int] = {
            "sort": "desc_modify_date",
            "expanded_view": "true",  # without it the list has only those that this user opened recently
            "fields": "properties{id,name,modify_date}",
            "action": "properties-",
        }
        if type_.id is not None:
            params["where_workspace_type_id"] = type_.id
        else:
            raise ValueError(f"workspace type {type_.name!r} has no id: take it from Extractor.types()")
        if before is not None:
            params["where_column_query"] = f"modify_date <= '{before}'"
        odd = self.odd.setdefault(type_.name, [])
        return walk(self._client, PATH, params, key=parse.node_id, limit=PAGE, odd=odd)

    def _row(self, row: Json, type_: str) -> ListedWorkspace:
        """A row. A row with an invalid date is always read, which then reports the problem: the list continues."""
        found = parse.properties(row)
        try:
            with parse.shaped(PATH):
                modified = parse.instant(found.get("modify_date"), self._zone)
        except Malformed:
            modified = None
        name = parse.clean(str(found.get("name") or ""))
        return ListedWorkspace(parse.node_id(row), name, modified or NEVER, type_)

    def _floor(self, since: datetime) -> datetime:
        """The watermark less the overlap; near a clock change also less the hour that the server's clock repeats."""
        overlap = self._client.settings.overlap
        around = timedelta(hours=3)
        before = (since - around).astimezone(self._zone).utcoffset() or timedelta()
        after = (since + around).astimezone(self._zone).utcoffset() or timedelta()
        return since - overlap - max(timedelta(), before - after)

    def _written(self, moment: datetime) -> str:
        """An instant as the server writes it: naive, in its zone."""
        return moment.astimezone(self._zone).replace(tzinfo=None).isoformat(timespec="seconds")

    def _comparable(self, written: str, path: str) -> str:
        moment = parse.instant(written, self._zone)
        if moment is None:
            raise Malformed(path, "a workspace has no modify_date")
        return self._written(moment.astimezone(UTC))

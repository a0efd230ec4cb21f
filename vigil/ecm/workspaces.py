"""Reads workspaces: attributes in batches, then for each workspace the parts that the rules need.

Contract: docs/contracts/ecm.md#workspaces.

Requests for n workspaces: n/250 for properties and attributes, one for each with children (and one for each non-empty folder in it),
one for each of comments, roles and missing documents if needed, two for related workspaces, and one for the type of each document
that is new or changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from vigil.compliance.facts import Document, Fact
from vigil.ecm import categories, counts, mapping, parse
from vigil.ecm.answers import Json
from vigil.ecm.catalogue import Catalogue
from vigil.ecm.client import Client, Params
from vigil.ecm.document_types import DocumentTypeReader, type_of
from vigil.ecm.errors import CallFailed, Malformed, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.located import DEEPEST, Located, whole
from vigil.ecm.mapping import Child, IdNames, RawWorkspace
from vigil.ecm.model import (
    ABSENT,
    EXPIRY,
    LASTING,
    FactBatch,
    FolderStamp,
    Gap,
    Gone,
    ListedWorkspace,
    Needs,
)
from vigil.ecm.nodes import CATEGORIES, CHILDREN_PAGE, read_nodes
from vigil.ecm.paging import page_of, read_all
from vigil.ecm.people import MemberDirectory
from vigil.ecm.presence import gone
from vigil.ecm.related import read_related
from vigil.ecm.roles import read_roles
from vigil.ecm.sound import sound
from vigil.wording import counted

NODE_FIELDS = "properties{id,name,type,container_size,create_date,modify_date}"
CHILD_FIELDS = "properties{id,name,type,container_size,create_date,create_user_id,modify_date}"
DOCUMENT_FIELDS = "properties{id,name,type,parent_id,container_size,create_date,create_user_id,modify_date}"
AUDIT_PAGE = VERSIONS_PAGE = 100
MOST_NAMED = 10
"""How many ids an error names."""


Classified = Mapping[int, Collection[int]]
"""The ids of documents' classifications, where another answer told them."""


class WorkspaceReader:
    """Reads batches of workspaces for one extraction. `expiry` names the attribute with the expiry date of documents, `declared` gives
    the document types of a workspace type, by its name.
    """

    def __init__(
        self,
        client: Client,
        needs: Needs,
        directory: MemberDirectory,
        catalogue: Catalogue,
        expiry: str = EXPIRY,
        declared: Callable[[str], Collection[str]] = lambda type_: (),
    ) -> None:
        self._client = client
        self._needs = needs
        self._directory = directory
        self._catalogue = catalogue
        self._expiry = expiry
        self._zone = client.settings.tz
        self._types = DocumentTypeReader(client, catalogue)
        self._declared = declared
        self._absent: Gap | None = None  # set when this server has no list of missing documents

    async def read(
        self,
        rows: Sequence[ListedWorkspace],
        since: datetime | None,
        known: Mapping[int, Document] = MappingProxyType({}),
        located: Located | None = None,
    ) -> FactBatch:
        """See `Extractor.read_workspaces`."""
        classified = located.classifications if located is not None else {}
        with self._client.counting() as used:
            by_id = {row.id: row for row in rows}
            nodes, missed = await self._nodes(list(by_id))
            counts.weigh(self._client, nodes.values())
            unsure = {number for gap in missed for number in gap.workspaces}
            away = [number for number in by_id if number not in nodes and number not in unsure]
            lost, doubts = await gone(self._client, away, left_out=2, there=nodes)
            readings = [
                RawWorkspace(number, by_id[number].type, node, owed=by_id[number].odd)
                for number, node in nodes.items()
            ]
            if located is not None and self._needs.documents:
                await self._by_ids(readings, located)
            await asyncio.gather(*(self._parts(reading, since) for reading in readings))
            if self._needs.types:
                await self._document_types(readings, known, classified)
            names = await self._names(readings)
            facts, broken = _facts(readings, lambda reading: mapping.facts(reading, names))
            tombs = tuple(Gone("workspace", str(number)) for number in away if number in lost)
            gaps = (*missed, *doubts, *_gaps(readings), *broken)
            lacking = {reading.id: reading.lacking for reading in readings if reading.lacking}
            folders = {reading.id: tuple(reading.folders) for reading in readings if reading.folders}
            return FactBatch(tuple(facts), tombs, gaps, used.requests, lacking=lacking, folders=folders)

    async def read_documents(
        self, places: Mapping[int, int], parents: Mapping[int, int | None], classified: Classified
    ) -> tuple[FactBatch, frozenset[int]]:
        """See `Extractor.read_documents`."""
        with self._client.counting() as used:
            found, gaps = await read_nodes(self._client, list(places), self._document_fields())
            unsure = {node for gap in gaps for node in gap.workspaces}
            gaps = [replace(gap, workspaces=tuple({places[node] for node in gap.workspaces})) for gap in gaps]
            readings: dict[int, RawWorkspace] = {}
            elsewhere: set[int] = set()
            for node, workspace in places.items():
                if node not in found or not self._is_document(found[node], parents.get(node)):
                    elsewhere |= set() if node in unsure else {workspace}
                    continue
                reading = readings.setdefault(workspace, RawWorkspace(workspace, "", {"data": {}}))
                reading.children.append(Child(found[node], mapping.LIST, parse.versions(found[node])))
            await asyncio.gather(*(self._all_versions(reading) for reading in readings.values()))
            if self._needs.types:
                await self._document_types(list(readings.values()), {}, classified)
            names = await self._names(list(readings.values()))
            facts, broken = _facts(readings.values(), lambda reading: mapping.documents(reading, names))
            every = (*gaps, *broken, *_gaps(list(readings.values())))
            batch = FactBatch(tuple(facts), (), every, used.requests)
            return batch, frozenset(elsewhere)

    def _is_document(self, row: Json, parent: int | None) -> bool:
        """Whether a row is a document with everything that is needed of it, and lies where it was found."""
        found = parse.properties(row)
        lacks = self._needs.expiry and (row.get("data") or {}).get("categories") is None
        return (
            parse.integer(found.get("type")) == parse.DOCUMENT
            and not lacks
            and parent in (None, parse.integer(found.get("parent_id")))
        )

    def _document_fields(self) -> list[str]:
        fields = [DOCUMENT_FIELDS, self._version_field()]
        return [*fields, CATEGORIES] if self._needs.expiry else fields

    def _version_field(self) -> str:
        return "versions" if self._needs.versions else "versions.element(0)"

    async def _all_versions(self, reading: RawWorkspace) -> None:
        """The versions of documents that were read by id, as far as they are needed."""
        work = asyncio.gather(*(self._versions(child) for child in reading.children))
        await _part(reading, "documents", work)

    async def _by_ids(self, readings: Sequence[RawWorkspace], located: Located) -> None:
        """Read by id what is known to lie in these workspaces. Each container that counts as many items as lie in it needs no list."""
        inside = {reading.id: located.inside(reading.id) for reading in readings}
        ids = sorted({node for nodes in inside.values() for node in nodes})
        found, _ = await read_nodes(self._client, ids, self._document_fields())
        counts.weigh(self._client, found.values())
        for reading in readings:
            rows = {node: found[node] for node in sorted(inside[reading.id]) if node in found}
            contents = whole({reading.id: reading.node} | rows)
            for empty in contents.uncounted:
                counts.contradict(self._client, empty)
            reading.contents = {
                place: held
                for place, held in contents.rows.items()
                if (held or counts.believed(self._client))
                and all(_type_of(row) == parse.FOLDER or self._is_document(row, None) for row in held)
            }

    def _stamp(self, row: Json) -> FolderStamp:
        found = parse.properties(row)
        modified = parse.instant(found.get("modify_date"), self._zone)
        return FolderStamp(parse.node_id(row), parse.held(found) or 0, modified)

    async def _nodes(self, ids: Sequence[int]) -> tuple[dict[int, Json], list[Gap]]:
        """The readable nodes. A missing one is requested once more."""
        fields = [NODE_FIELDS, CATEGORIES]
        found, gaps = await read_nodes(self._client, ids, fields)
        unsure = {number for gap in gaps for number in gap.workspaces}
        missing = [number for number in ids if number not in found and number not in unsure]
        if missing:
            again, more = await read_nodes(self._client, missing, fields)
            found, gaps = found | again, [*gaps, *more]
        return {number: found[number] for number in ids if number in found}, gaps

    # -- the parts --------------------------------------------------------------------------------------

    async def _parts(self, reading: RawWorkspace, since: datetime | None) -> None:
        parts: list[Coroutine[Any, Any, None]] = []
        if not isinstance(reading.node.get("data"), dict):
            reading.unread["attrs"] = Gap(mapping.LIST, "a node came without data", (reading.id,))
            return
        size = parse.held(reading.properties)
        if self._needs.documents and not self._is_empty(size):
            parts.append(_part(reading, "documents", self._folder(reading, reading.id, size, 0)))
        if self._needs.of("comments", reading.type):
            parts.append(_part(reading, "comments", self._audit(reading, since)))
        if self._needs.of("roles", reading.type):
            parts.append(_part(reading, "roles", self._roles(reading)))
        if self._needs.of("missing", reading.type):
            parts.append(_part(reading, "missing", self._missing(reading)))
        if reading.type in self._needs.related:
            parts.append(_part(reading, "related", self._related(reading)))
        await asyncio.gather(*parts)

    def _is_empty(self, size: int | None) -> bool:
        """Whether a container that counts so many items need not be listed."""
        return size == 0 and counts.believed(self._client)

    async def _folder(self, reading: RawWorkspace, node: int, size: object, depth: int) -> None:
        """The documents in a container, which counts that many items, and in the folders inside it."""
        path = f"/v2/nodes/{node}/nodes"
        if depth > DEEPEST:
            raise Malformed(path, f"folders nest deeper than {DEEPEST}")
        held = reading.contents.get(node)
        if held is None:
            rows = await self._listed(path)
            if size == 0 and rows:
                counts.contradict(self._client, node)
            typed = await self._with_types(rows, path)
        else:
            rows, typed, path = held, held, mapping.LIST
        before = len(reading.children)
        with parse.shaped(path):
            inside = self._children(reading, typed, path)
            reading.lacking += max(0, (parse.integer(size) or 0) - len(rows))
        tasks = [self._folder(reading, number, count, depth + 1) for number, count in inside]
        tasks += [self._versions(child) for child in reading.children[before:]]
        await asyncio.gather(*tasks)

    async def _listed(self, path: str) -> Sequence[Json]:
        """The rows of a list of children."""
        fields = [CHILD_FIELDS, self._version_field()]
        if self._needs.expiry:
            fields.append(CATEGORIES)
        params: Params = {"fields": fields, "sort": "desc_modify_date"}
        rows, _ = await read_all(self._client, path, params, key=parse.node_id, limit=CHILDREN_PAGE)
        counts.weigh(self._client, rows)
        return rows

    async def _with_types(self, rows: Sequence[Json], path: str) -> Sequence[Json]:
        """The rows of children; one that came without a type has the one that its own id gives.

        Raises Malformed if none does: nobody knows whether that is a document, or a folder with documents in it.
        """
        with parse.shaped(path):
            lacking = [parse.node_id(row) for row in rows if _type_of(row) is None]
            if not lacking:
                return rows
            found, gaps = await read_nodes(self._client, lacking, ["properties{id,type}"])
            untold = [number for number in lacking if number not in found or _type_of(found[number]) is None]
            if untold:
                some = ", ".join(map(str, untold[:MOST_NAMED])) + (
                    "" if len(untold) <= MOST_NAMED else ", ..."
                )
                why = "".join(f" ({gap.error})" for gap in gaps[:1])
                raise Malformed(
                    path,
                    f"{counted(len(untold), 'item')} came without a type, by their own ids too{why}: {some}",
                )
            return [
                row if _type_of(row) is not None else _of_type(row, _type_of(found[parse.node_id(row)]))
                for row in rows
            ]

    def _children(
        self, reading: RawWorkspace, rows: Sequence[Json], path: str
    ) -> list[tuple[int, int | None]]:
        """Store the documents and folders among some rows. Returns the folders to list, and how many items each says that it has."""
        inside: list[tuple[int, int | None]] = []
        for row in rows:
            found = parse.properties(row)
            kind = parse.integer(found.get("type"))
            if kind == parse.DOCUMENT:
                if self._needs.expiry and row["data"].get("categories") is None:
                    raise Malformed(path, "a document came without the categories that were asked for")
                reading.children.append(Child(row, path, parse.versions(row)))
            elif kind == parse.FOLDER:
                size = parse.held(found)
                reading.folders.append(self._stamp(row))
                inside += [] if self._is_empty(size) else [(parse.node_id(row), size)]
        return inside

    async def _versions(self, child: Child) -> None:
        """All versions of a document, if they are needed: the list of children has only the newest, perhaps without its number."""
        with parse.shaped(child.path):
            newest = parse.integer(child.versions[-1].get("version_number")) if child.versions else None
            path = f"/v2/nodes/{parse.node_id(child.row)}/versions"
        if newest is not None and (not self._needs.versions or newest <= 1 or len(child.versions) > 1):
            return
        answer = await self._client.get(path, {"limit": VERSIONS_PAGE, "page": 1})
        with parse.shaped(path):
            child.versions = parse.version_list(answer)
            page = page_of(answer, 1, VERSIONS_PAGE, path, child.versions)
        if page.more or (page.total or 0) > len(page.rows):
            rows, _ = await read_all(self._client, path, {}, key=_version_key, limit=VERSIONS_PAGE)
            with parse.shaped(path):
                child.versions = parse.version_list({"results": rows})

    async def _audit(self, reading: RawWorkspace, since: datetime | None) -> None:
        path = f"/v2/nodes/{reading.id}/audit"
        params: dict[str, str | int] = {"sort": "desc_audit_date"}
        if since is not None:
            # The filter uses whole days in an unknown zone: one more day is requested, and older rows are dropped here.
            params["where_audit_date_start"] = (
                (since.astimezone(self._zone) - timedelta(days=1)).date().isoformat()
            )
        rows, first = await read_all(
            self._client, path, params, key=None, limit=AUDIT_PAGE, rows=parse.audit_rows
        )
        with parse.shaped(path):
            reading.event_names = parse.audit_names(first)
            reading.audit = [row for row in rows if since is None or self._is_new(row, since)]

    async def _roles(self, reading: RawWorkspace) -> None:
        reading.roles, _ = await read_roles(self._client, self._directory, reading.id)

    async def _related(self, reading: RawWorkspace) -> None:
        reading.related = await read_related(self._client, reading.id)

    def _is_new(self, row: Json, since: datetime) -> bool:
        at = parse.instant(row.get("audit_date"), self._zone)
        return at is None or at >= since  # a row without a date is refused later, with a message

    async def _missing(self, reading: RawWorkspace) -> None:
        if self._absent is not None:
            reading.unread["missing"] = self._absent
            return
        path = f"/v2/businessworkspaces/{reading.id}/missingdocuments"
        try:
            answer = await self._client.get(path)
        except NotReadable as error:
            if not error.is_no_route:
                raise  # it says nothing about other workspaces
            self._absent = Gap(ABSENT, error.message)
            reading.unread["missing"] = self._absent
            return
        with parse.shaped(path):
            reading.missing = tuple(sorted(parse.missing_types(answer)))

    async def _document_types(
        self,
        readings: Sequence[RawWorkspace],
        known: Mapping[int, Document],
        classified: Classified,
    ) -> None:
        """The types of the documents. One that did not change keeps the type that is known; a type that cannot be read is unknown."""
        asked: dict[int, list[tuple[RawWorkspace, Child]]] = {}
        for reading in readings:
            for child in reading.children if "documents" not in reading.unread else ():
                try:
                    with parse.shaped(child.path):
                        number = parse.node_id(child.row)
                        before = known.get(number)
                        if not classified.get(number) and before and self._same(child, before):
                            child.type, child.typed = before.type, True
                        else:
                            asked.setdefault(number, []).append((reading, child))
                except Malformed as error:
                    reading.unread["documents"] = gap_of(error, reading.id)
        types = await self._types.read(asked.keys(), classified)
        for number, mine in asked.items():
            for reading, child in mine:
                before = known.get(number)
                if number in types.found:
                    child.type, child.typed = type_of(types.found[number], self._declared(reading.type)), True
                elif (gap := types.unknown[number]).path in LASTING:
                    reading.note(gap)
                elif reading.owed or (before is not None and "type" in before.unknown):
                    reading.note(replace(gap, workspaces=(reading.id,)))
                else:
                    # Whether the failure will last nobody says: for one run the documents wait, then this one is of unknown type.
                    reading.unread["documents"] = replace(gap, workspaces=(reading.id,))

    def _same(self, child: Child, before: Document) -> bool:
        """Whether a document is as it was, and its type was known."""
        modified = parse.instant(child.properties.get("modify_date"), self._zone)
        newest = parse.integer(child.versions[-1].get("version_number")) if child.versions else None
        return "type" not in before.unknown and (before.modified, before.version) == (modified, newest)

    async def _names(self, readings: Sequence[RawWorkspace]) -> IdNames:
        """Look up the names of all ids that these workspaces mention: categories, people, classifications."""
        catalogue = self._catalogue
        await catalogue.learn(_held(readings))
        for reading in readings:
            if "attrs" not in reading.unread and categories.has_empty(reading.node.get("data") or {}):
                await _part(reading, "attrs", catalogue.learn_type(reading.type, reading.id))
        self._undefined(readings)
        await self._people(readings)
        return IdNames(
            categories=dict(catalogue.categories),
            failures=dict(catalogue.failures),
            empty=dict(catalogue.of_type),
            login=self._directory.login,
            zone=self._zone,
            expiry=self._expiry,
        )

    def _undefined(self, readings: Sequence[RawWorkspace]) -> None:
        """Mark documents with a category of unknown definition: their expiry date is unknown."""
        for reading in readings if self._catalogue.failures else ():
            for child in reading.children:
                values = (
                    categories.flat(child.row.get("data") or {}) if "documents" not in reading.unread else {}
                )
                for category in categories.category_ids(values) & self._catalogue.failures.keys():
                    reading.unread["documents"] = gap_of(self._catalogue.failures[category], reading.id)

    async def _people(self, readings: Sequence[RawWorkspace]) -> None:
        """Look up the people mentioned. A part with a person who cannot be looked up is unread; Vigil never guesses a person."""
        met: list[tuple[RawWorkspace, dict[str, set[int]]]] = []
        for reading in readings:
            try:
                with parse.shaped(mapping.LIST):
                    met.append((reading, mapping.people(reading, self._catalogue.categories)))
            except Malformed as error:
                reading.unread["attrs"] = gap_of(error, reading.id)
        failed = await self._directory.ensure(
            {one for _, parts in met for ids in parts.values() for one in ids}
        )
        for reading, parts in met if failed else ():
            for part, ids in parts.items():
                if lacking := sorted(failed.keys() & ids):
                    reading.unread[part] = gap_of(failed[lacking[0]], reading.id)


def _held(readings: Sequence[RawWorkspace]) -> dict[int, Json]:
    """The values of categories, by node. Malformed values make their workspace unread."""
    held: dict[int, Json] = {}
    for reading in readings:
        try:
            with parse.shaped(mapping.LIST):
                held[reading.id] = reading.values
                categories.category_ids(held[reading.id])
        except Malformed as error:
            held.pop(reading.id, None)
            reading.unread["attrs"] = gap_of(error, reading.id)
        try:
            for child in reading.children:
                with parse.shaped(child.path):
                    if values := categories.flat(child.row.get("data") or {}):
                        categories.category_ids(values)
                        held[parse.node_id(child.row)] = values
        except Malformed as error:
            reading.unread["documents"] = gap_of(error, reading.id)
    return held


def _version_key(row: Json) -> int:
    return parse.identity(parse.versions(row)[0]["version_number"])


def _facts(
    readings: Iterable[RawWorkspace], facts_of: Callable[[RawWorkspace], Iterable[Fact]]
) -> tuple[list[Fact], list[Gap]]:
    """The facts of some workspaces, and gaps for malformed ones: one must not lose the other 249."""
    facts: list[Fact] = []
    broken: list[Gap] = []
    for reading in readings:
        try:
            with parse.shaped(mapping.LIST):
                facts.extend(sound(facts_of(reading), mapping.LIST))
        except Malformed as error:
            broken.append(gap_of(error, reading.id))
    return facts, broken


def _type_of(row: Json) -> int | None:
    return parse.integer(parse.properties(row).get("type"))


def _of_type(row: Json, kind: int | None) -> Json:
    """A row with a type that came elsewhere."""
    return {**row, "data": {**row["data"], "properties": {**parse.properties(row), "type": kind}}}


async def _part(reading: RawWorkspace, name: str, work: Awaitable[Any]) -> None:
    """Read one part. If it fails, the rest of the workspace is kept; a refused login ends everything."""
    try:
        await work
    except CallFailed as error:
        reading.unread[name] = gap_of(error, reading.id)


def _gaps(readings: Sequence[RawWorkspace]) -> tuple[Gap, ...]:
    """One gap for each part that could not be read, and one for an absent module, for all affected workspaces."""
    gaps: list[Gap] = []
    concerned: dict[Gap, list[int]] = {}
    for reading in readings:
        for gap in (*reading.unread.values(), *reading.gaps):
            if gap.workspaces:
                gaps.append(gap)
            else:
                concerned.setdefault(gap, []).append(reading.id)
    gaps += [Gap(gap.path, gap.error, tuple(ids)) for gap, ids in concerned.items()]
    return tuple(gaps)

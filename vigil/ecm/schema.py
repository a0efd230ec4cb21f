"""Workspace types: attributes, roles and document types, read from each type's template.

Contract: docs/contracts/ecm.md#workspaces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from vigil.compliance.facts import RequiredDocument, WorkspaceType
from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.catalogue import Catalogue
from vigil.ecm.categories import schema
from vigil.ecm.client import Client
from vigil.ecm.errors import CallFailed, CallRefused, EcmError, Malformed, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap

TYPES = "/v2/businessworkspacetypes"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListedType:
    """A row of the list of workspace types. `templates` are the ids of its templates."""

    id: int
    name: str
    templates: tuple[int, ...]


def listed_types(answer: Json) -> tuple[list[ListedType], list[Gap]]:
    """The rows of `GET /v2/businessworkspacetypes`, and a gap for each that cannot be read.

    Raises Malformed for another shape, or if no row can be read.
    """
    found: list[ListedType] = []
    odd: list[Malformed] = []
    for row in parse.rows(answer, TYPES):
        try:
            with parse.shaped(TYPES):
                found.append(_listed(parse.properties(row)))
        except Malformed as error:
            odd.append(error)
    if odd and not found:
        raise odd[0]
    return found, [Gap(TYPES, f"a workspace type cannot be read: {error.message}") for error in odd]


def _listed(one: Json) -> ListedType:
    templates = (t["id"] for t in parse.objects(one.get("templates")) if "id" in t)
    return ListedType(
        parse.identity(one["wksp_type_id"]),
        parse.name(one["wksp_type_name"]),
        tuple(parse.identity(template) for template in templates),
    )


class SchemaReader:
    """Reads the schema snapshot: one call, and three for each type."""

    def __init__(self, client: Client, catalogue: Catalogue) -> None:
        self._client = client
        self._catalogue = catalogue
        self._known: dict[str, WorkspaceType] = {}
        self.gaps: dict[str, tuple[Gap, ...]] = {}
        self.odd: list[Gap] = []  # of rows of the list of types

    async def named(self, name: str) -> WorkspaceType:
        """The type of this name. Raises NotReadable if it does not exist, which differs from a type without workspaces."""
        if name not in self._known:
            await self.types()
        if name not in self._known:
            known = ", ".join(sorted(self._known)) or "none"
            raise NotReadable(TYPES, f"there is no workspace type {name!r}; this user sees: {known}")
        return self._known[name]

    def note(self, type_: WorkspaceType) -> None:
        """Keep a type as an earlier extraction read it, unless this one has read it."""
        self._known.setdefault(type_.name, type_)

    def documents_of(self, name: str) -> frozenset[str]:
        """The document types that a workspace type declares; none for one that is not known."""
        known = self._known.get(name)
        return frozenset(one.type for one in known.documents) if known else frozenset()

    async def types(self) -> tuple[WorkspaceType, ...]:
        """See `Extractor.types`."""
        answer = await self._client.get(TYPES, {"expand_templates": "true", "expand_wksp_info": "true"})
        with parse.shaped(TYPES):
            found, self.odd = listed_types(answer)
        self.gaps = {}
        types = tuple(await asyncio.gather(*(self._type(one) for one in found)))
        self._known = {one.name: one for one in types}
        return types

    async def _type(self, listed: ListedType) -> WorkspaceType:
        number, name = listed.id, listed.name
        model = _Model(self._client, number, list(listed.templates))
        categories, roles, doc_types = await asyncio.gather(
            model.ask(self._catalogue.read), model.ask(self._roles), model.ask(self._doc_types)
        )
        if model.gaps:
            self.gaps[name] = tuple(model.gaps)
        path = "/v2/businessworkspaces/{id}/doctypes"
        documents = tuple(
            RequiredDocument(name, one.name, one.required, one.valid_months, path) for one in doc_types or ()
        )
        if categories is not None:
            self._catalogue.of_type[name] = frozenset(categories)
        attributes = schema([one for _, one in sorted((categories or {}).items())])
        return WorkspaceType(name, attributes, tuple(roles or ()), documents, number)

    async def _roles(self, node: int) -> list[str]:
        path = f"/v2/businessworkspaces/{node}/roles"
        answer = await self._client.get(path)
        with parse.shaped(path):
            return [parse.role(row).name for row in parse.rows(answer, path)]

    async def _doc_types(self, node: int) -> list[parse.DocType]:
        path = f"/v2/businessworkspaces/{node}/doctypes"
        answer = await self._client.get(path)
        with parse.shaped(path):
            return parse.doc_types(answer)


class _Model:
    """A node that shows the parts of a type's workspaces: a template or, if none is readable, any workspace of the type."""

    def __init__(self, client: Client, type_id: int, templates: list[int]) -> None:
        self._client = client
        self._type_id = type_id
        self._nodes = templates
        self._lock = asyncio.Lock()
        self._example: int | None = None
        self._looked = False
        self.gaps: list[Gap] = []

    async def ask(self, question: Callable[[int], Awaitable[T]]) -> T | None:
        """The first result from a model; None if no model has one (an absent module, a type without any).

        Each model is asked twice, because the first refusal may be a temporary failure. Any other failure is a gap if no other model
        answers.
        """
        failed: list[EcmError] = []
        for node in [node for node in self._nodes for _ in range(2)]:
            answer = await _or_none(question(node), failed)
            if answer is not None:
                return answer
        async with self._lock:
            if not self._looked:
                self._looked = True
                self._example = await _or_none(self._any(), failed)
        for node in [self._example] * 2 if self._example is not None else []:
            answer = await _or_none(question(node), failed)
            if answer is not None:
                return answer
        self.gaps += [gap_of(error) for error in failed[-1:]]
        return None

    async def _any(self) -> int | None:
        path = "/v2/businessworkspaces"
        answer = await self._client.get(
            path,
            {
                "where_workspace_type_id": self._type_id,
                "expanded_view": "true",
                "fields": "properties{id}",
                "action": "properties-",
                "limit": 1,
                "page": 1,
            },
        )
        with parse.shaped(path):
            rows = parse.rows(answer, path)
            return parse.node_id(rows[0]) if rows else None


async def _or_none(asked: Awaitable[T | None], failed: list[EcmError]) -> T | None:
    """The result; None if the node is not readable, or if the call fails, which is recorded in `failed`. Raises Refused."""
    try:
        return await asked
    except CallFailed as error:
        if isinstance(error, NotReadable) and not isinstance(error, CallRefused):
            return None
        failed.append(error)
        return None

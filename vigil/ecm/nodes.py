"""Reads many nodes by id at once: `POST /v2/nodes/list`. A malformed node does not affect the others.

Contract: docs/contracts/ecm.md#nodes. In which form the call takes ids and fields is part of the dialect. A server that gives
categories in no form is asked for them elsewhere: with the children of the node's parent, or node by node.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import MOST_IDS, Client
from vigil.ecm.dialect import NodesForm
from vigil.ecm.errors import (
    CallFailed,
    CallRefused,
    CutOff,
    EcmError,
    IncompleteList,
    Malformed,
    NotReadable,
    Unavailable,
)
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap
from vigil.ecm.paging import read_page, walk

PATH = "/v2/nodes/list"
FORMS = (NodesForm.FORM, NodesForm.BODY_URL, NodesForm.BODY)
CATEGORIES = "categories"
CHILDREN_PAGE = 100

TRIED = 20
"""So many nodes whose rows have no categories are asked for them elsewhere, to find out whether that gives any."""

MOST_HALVES = 64
"""How many calls are made to find the malformed nodes among 250: sixteen for each."""

MOST_IN_VAIN = 12
"""After so many failures without an answer the call itself fails, and not some id of 250: one leaves a half that is answered."""

_BREAKS = (500, 502, 503, 504)
"""How a server, or the proxy before it, answers a call that a node breaks; it answers so as well while it is down."""


async def read_nodes(
    client: Client, ids: Sequence[int], fields: Sequence[str]
) -> tuple[dict[int, Json], list[Gap]]:
    """The existing nodes, by id, and gaps, whose `workspaces` are node ids, for those whose call failed. Raises Refused."""
    parts = parse.chunks(ids, MOST_IDS)
    control = _Control(client)
    found: dict[int, Json] = {}
    gaps: list[Gap] = []
    if parts and (client.dialect.nodes or client.assumed_nodes) is None:
        found, gaps = await _finding_form(client, parts.pop(0), fields, control)
    answers = await asyncio.gather(*(_batch(client, some, fields, control) for some in parts))
    for nodes, missed in answers:
        found |= nodes
        gaps += missed
    return found, gaps


async def _finding_form(
    client: Client, ids: Sequence[int], fields: Sequence[str], control: _Control
) -> tuple[dict[int, Json], list[Gap]]:
    """The first batch on a server whose form is not known.

    The first form whose rows have categories is learned, or that none has, if other calls give these nodes categories. Where nothing
    does, the first form that is answered is used for as long as the client lives: nothing has shown that it gives categories.
    """
    async with client.learning:
        answered: dict[NodesForm, tuple[dict[int, Json], list[Gap]]] = {}
        forms = (*FORMS, NodesForm.NONE) if (client.dialect.nodes or client.assumed_nodes) is None else ()
        for form in forms:
            try:
                answered[form] = found, gaps = _rows_of(await client.nodes(ids, fields, form), ids)
            except CallFailed as error:
                if _may_be_broken(error):
                    return await _batch(client, ids, fields, control, error)
                if isinstance(error, CallRefused) or not isinstance(error, Malformed | NotReadable):
                    return {}, [gap_of(error, *ids)]
                continue  # this form, or one of the ids, is refused: the batch is halved below
            if not _asks_categories(fields):
                client.assumed_nodes = form if form is NodesForm.NONE else None
                return found, gaps
            if has_categories(found.values()):
                client.learn(nodes=form, why=f"rows of nodes/list have their categories in form {form}")
                return found, gaps
        if answered:
            form, (found, gaps) = next(iter(answered.items()))
            some = await _completed(client, dict(list(found.items())[:TRIED]), fields)
            if has_categories(some.values()):
                found = some | await _completed(
                    client, {n: found[n] for n in found.keys() - some.keys()}, fields
                )
                why = "rows of nodes/list have their categories in no form, and other calls give them"
                client.learn(nodes=NodesForm.NONE, why=why)
            else:
                client.assumed_nodes = form
            return found, gaps
    return await _batch(client, ids, fields, control)


async def _batch(
    client: Client,
    ids: Sequence[int],
    fields: Sequence[str],
    control: _Control,
    failed: CallFailed | None = None,
) -> tuple[dict[int, Json], list[Gap]]:
    """One batch in the dialect's form, halved if it is refused, and completed if no form gives categories.

    `failed`: how the call for the whole batch has failed already.
    """
    form = client.dialect.nodes or client.assumed_nodes or NodesForm.FORM
    elsewhere = form is NodesForm.NONE and _asks_categories(fields)
    halving = _Halving(client, fields, form, control)
    found, gaps = await halving.read(ids, failed)
    if halving.refused_all and len(ids) > 1:
        client.doubt("nodes", f"nodes/list refused each of {len(ids)} ids in form {form}")
    if elsewhere:
        return await _completed(client, found, fields), gaps
    if (
        client.dialect.nodes is form
        and len(found) > 1
        and _asks_categories(fields)
        and not has_categories(found.values())
    ):
        client.doubt("nodes", f"none of {len(found)} rows of nodes/list has its categories in form {form}")
    return found, gaps


@dataclass
class _Control:
    """Tells a server that is down from a call that an id breaks, for all batches of one reading: down once, it is not asked again."""

    client: Client
    is_down: bool = False
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def is_up(self) -> bool:
        async with self.asking:
            self.is_down = self.is_down or not await self.client.is_up()
            return not self.is_down


def _may_be_broken(error: CallFailed) -> bool:
    """Whether a node may have broken the call inside Content Server, so that other ids are answered."""
    return isinstance(error, CutOff) or (isinstance(error, Unavailable) and error.status in _BREAKS)


@dataclass
class _Halving:
    """One batch, in halves where it is refused, so that one poisonous id loses itself alone. At most MOST_HALVES calls.

    Each call is repeated by the layer of retries alone: what fails here has failed for good.
    """

    client: Client
    fields: Sequence[str]
    form: NodesForm
    control: _Control
    calls: int = 0
    answered: int = 0
    broken: int = 0
    refusals: list[EcmError] = field(default_factory=list)
    given_up: CallFailed | None = None  # the failure after which no further half is asked for

    @property
    def refused_all(self) -> bool:
        return bool(self.refusals) and not self.answered

    async def read(
        self, ids: Sequence[int], failed: CallFailed | None = None
    ) -> tuple[dict[int, Json], list[Gap]]:
        """The nodes of the batch, and gaps. The larger parts come first, so that an answer soon shows that the call works.

        `failed`: how the call for the whole batch has failed already.
        """
        found: dict[int, Json] = {}
        gaps: list[Gap] = []
        todo = deque([ids] if failed is None else await self._apart(ids, failed, gaps))
        while todo:
            some = todo.popleft()
            if self.given_up is not None:
                gaps.append(gap_of(self.given_up, *some))
                continue
            self.calls += 1
            try:
                rows, unclear = _rows_of(await self.client.nodes(some, self.fields, self.form), some)
            except CallFailed as error:
                todo += await self._apart(some, error, gaps)
                continue
            self.answered += 1
            found |= rows
            gaps += unclear
        return found, gaps

    async def _apart(self, ids: Sequence[int], error: CallFailed, gaps: list[Gap]) -> list[Sequence[int]]:
        """The halves of a part whose call failed; none, and a gap, where halves are of no use."""
        if isinstance(error, Malformed | NotReadable):
            self.refusals.append(error)
            halves = not isinstance(error, CallRefused)
        else:
            halves = await self._breaks_alone(ids, error)
        if not halves or len(ids) == 1 or self.calls >= MOST_HALVES:
            gaps.append(gap_of(error, *ids))
            return []
        middle = len(ids) // 2
        return [ids[:middle], ids[middle:]]

    async def _breaks_alone(self, ids: Sequence[int], error: CallFailed) -> bool:
        """Whether some id, and nothing else, may be what breaks the call; otherwise no further part is asked for."""
        self.broken += 1
        in_vain = not self.answered and self.broken >= MOST_IN_VAIN
        if in_vain or not _may_be_broken(error) or (len(ids) > 1 and not await self.control.is_up()):
            self.given_up = error
        return self.given_up is None


def _rows_of(answer: Json, ids: Sequence[int]) -> tuple[dict[int, Json], list[Gap]]:
    """The rows of an answer by id, and gaps for what it leaves unclear."""
    found, nameless = _by_id(parse.rows(answer, PATH))
    if found.keys() - set(ids):  # the response to another call: nodes that it leaves out are not deleted
        return {}, [Gap(PATH, "nodes came that were not asked for", tuple(ids))]
    missing = tuple(number for number in ids if number not in found)
    if nameless and missing:
        return found, [Gap(PATH, f"{nameless} of the rows carry no id", missing)]
    return found, []


def _by_id(rows: Sequence[Json]) -> tuple[dict[int, Json], int]:
    """The rows by their ids, and how many have none."""
    found: dict[int, Json] = {}
    nameless = 0
    for row in rows:
        try:
            with parse.shaped(PATH):
                found[parse.node_id(row)] = row
        except Malformed:
            nameless += 1
    return found, nameless


def _asks_categories(fields: Sequence[str]) -> bool:
    return any(name == CATEGORIES or name.startswith(f"{CATEGORIES}{{") for name in fields)


def gives_no_categories(client: Client) -> bool:
    """Whether no form of the call is known to give categories, so that they are asked for elsewhere."""
    return (client.dialect.nodes or client.assumed_nodes) is NodesForm.NONE


def has_categories(rows: Iterable[Json]) -> bool:
    """Whether any row has its categories: a row without the key says nothing about them."""
    return any(CATEGORIES in row["data"] for row in rows if isinstance(row.get("data"), dict))


# -- where no form of the call gives categories


async def _completed(client: Client, rows: Mapping[int, Json], fields: Sequence[str]) -> dict[int, Json]:
    """Rows with the categories that other calls give. A row for which no call gives them stays as it came."""
    under: dict[int, list[int]] = {}
    for number, row in rows.items():
        parent = parse.properties(row).get("parent_id")
        if isinstance(parent, int) and parent > 0 and not has_categories([row]):
            under.setdefault(parent, []).append(number)
    listed = await asyncio.gather(*(_of_parent(client, parent, under[parent], fields) for parent in under))
    found: dict[int, Json] = {**rows}
    for some in listed:
        found |= some
    lacking = [number for number in found if not has_categories([found[number]])]
    single = await asyncio.gather(*(_of_node(client, number, fields) for number in lacking))
    return found | {number: row for number, row in zip(lacking, single, strict=True) if row is not None}


async def _of_parent(
    client: Client, parent: int, wanted: Collection[int], fields: Sequence[str]
) -> dict[int, Json]:
    """Some children of a folder with their categories, if its pages are fewer than they are."""
    path = f"/v2/nodes/{parent}/nodes"
    params = {"fields": list(fields)}
    found: dict[int, Json] = {}
    if len(wanted) == 1:
        return found
    try:
        first = await read_page(client, path, params, 1, CHILDREN_PAGE)
        if first.total is None or -(-first.total // first.limit) > len(wanted):
            return found
        async for page in walk(client, path, params, key=parse.node_id, limit=first.limit, odd=[]):
            found |= {parse.node_id(row): row for row in page.rows}
            if found.keys() >= set(wanted):
                break
    except IncompleteList:
        pass  # what came is used, the others are read one by one
    except CallFailed:
        return {}
    return {number: row for number, row in found.items() if number in wanted and has_categories([row])}


async def _of_node(client: Client, number: int, fields: Sequence[str]) -> Json | None:
    """One node with its categories; None if its own call does not give them."""
    path = f"/v2/nodes/{number}"
    try:
        row = parse.single(await client.get(path, {"fields": list(fields)}), path)
        with parse.shaped(path):
            return row if parse.node_id(row) == number and has_categories([row]) else None
    except CallFailed:
        return None

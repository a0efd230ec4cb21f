"""Decides whether an item is deleted: one rule for nodes, workflows and members. Contract: docs/contracts/ecm.md#gone.

An error in JSON may come from a gateway, or from a call that failed internally. So an item is deleted only if

1. its own call is refused twice, with exactly the status and words that Extended ECM has for that, 2. no list contains it:
`nodes/list` leaves a node out twice, and no list of workflows has a workflow, and 3. the same call, made at the same time, works for
another existing item (the control).

Everything else is a gap: the answer is unknown for now. A refused side call (children, roles, categories, audit) is no evidence.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import NO_ROUTE, CallFailed, EcmError, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap
from vigil.ecm.nodes import PATH, read_nodes
from vigil.ecm.paging import read_page

SAMPLE = 20
"""The maximum number of items that are read one by one: if thousands are missing, these stand for all of them."""

CONTROLS = 3
"""The maximum number of controls that are tried until one works: one of them may have been deleted, too."""

Others = Callable[[], Awaitable[Iterable[int]]]
"""Returns the ids of existing items of a kind. Called only after a refusal. May raise EcmError."""


@dataclass(frozen=True, slots=True)
class ItemKind:
    """A kind of item with a call of its own, and Extended ECM's refusal for a deleted one: docs/contracts/ecm.md#errors.

    `words` is a pattern in which ``{id}`` stands for the item's number. `listed` tells whether a list already agrees before the own
    call: then no control is needed if no other item of the kind exists.
    """

    name: str
    path: str
    statuses: Collection[int]
    words: str
    listed: bool
    params: Params = field(default_factory=dict)

    def is_said_gone(self, number: int, error: EcmError) -> bool:
        """Whether these are Extended ECM's own words for an item that is deleted, or not readable for this user."""
        if NO_ROUTE in error.words.lower():  # which comes for every item alike
            return False
        pattern = self.words.replace("{id}", str(number))
        return error.status in self.statuses and bool(re.search(pattern, error.words, re.IGNORECASE))


NODE = ItemKind(
    "node",
    "/v2/nodes/{id}",
    (400, 404),
    # The vendor's words for a node's own call, and for items of any kind: other words refuse the call, and not the node.
    r"could not get a node for {id}\b|could not be accessed|does not exist|not have permission|insufficient (permission|privilege)",
    True,
    {"fields": "properties{id}"},
)
MEMBER = ItemKind("member", "/v2/members/{id}", (500,), r"could not get a member for {id}\b", False)
WORKFLOW = ItemKind(
    "workflow", "/v2/workflows/status/processes/{id}", (400,), "could not access task status", True
)


async def own_calls(
    client: Client, kind: ItemKind, ids: Sequence[int], others: Others
) -> dict[int, Json | EcmError | None]:
    """The result of each item's own call; None for a deleted one, an error if that is unknown.

    Raises Refused.
    """
    given = await asyncio.gather(*(_twice(client, kind, number) for number in ids))
    answers: dict[int, Json | EcmError | None] = dict(zip(ids, given, strict=True))
    refused = {n: e for n, e in answers.items() if isinstance(e, EcmError) and kind.is_said_gone(n, e)}
    if refused:
        doubt = await _doubt(client, kind, refused, others)
        answers |= {
            n: NotReadable(e.path, f"{e.message} ({doubt})", e.status) if doubt else None
            for n, e in refused.items()
        }
    return answers


async def _twice(client: Client, kind: ItemKind, number: int) -> Json | EcmError:
    """Repeat a refused call: the first refusal may be a temporary failure."""
    answer = await _own(client, kind, number)
    return await _own(client, kind, number) if isinstance(answer, NotReadable) else answer


async def _own(client: Client, kind: ItemKind, number: int) -> Json | EcmError:
    try:
        return await client.get(kind.path.replace("{id}", str(number)), kind.params)
    except CallFailed as error:
        return error


async def _doubt(client: Client, kind: ItemKind, refused: Collection[int], others: Others) -> str:
    """Why the refusals are not believed; empty if they are."""
    try:
        known = list(islice((n for n in await others() if n not in refused), CONTROLS))
    except CallFailed as error:
        return f"not believed: whether others are there cannot be said, {error.path}: {error.message}"
    for number in known:
        if not isinstance(await _own(client, kind, number), EcmError):
            return ""
    if known:
        return f"not believed: {kind.name} {known[0]}, which is there, is not answered for either"
    return "" if kind.listed else f"not believed: no other {kind.name} is known to compare with"


async def gone(
    client: Client, ids: Sequence[int], left_out: int = 0, there: Iterable[int] = ()
) -> tuple[frozenset[int], list[Gap]]:
    """Those of some nodes that are deleted, and gaps for those for which that is unknown; existing nodes are in neither.

    `left_out` tells how often `nodes/list` has already left them out, `there` are nodes that it returned. Raises Refused.
    """
    missing, gaps, given = list(ids), list[Gap](), set(there)
    for _ in range(2 - left_out):
        if not missing:
            break
        found, more = await read_nodes(client, missing, ["properties{id}"])
        given |= found.keys()
        unclear = {number for gap in more for number in gap.workspaces}
        missing = [number for number in missing if number not in found and number not in unclear]
        gaps += more

    async def others() -> Iterable[int]:
        return given or await _some_workspaces(client)

    answers = await own_calls(client, NODE, missing[:SAMPLE], others)
    doubts = _doubts(answers)
    if doubts and (rest := tuple(missing[SAMPLE:])):
        doubts.append(
            Gap(PATH, "left these out, as it left out nodes that exist: they are not taken for deleted", rest)
        )
    lost = [n for n in missing if answers.get(n, doubts) is None or not doubts]
    return frozenset(lost), gaps + doubts


def _doubts(answers: Mapping[int, Json | EcmError | None]) -> list[Gap]:
    """Gaps for nodes that `nodes/list` left out and that are not deleted."""
    return [
        gap_of(answer, number)
        if isinstance(answer, EcmError)
        else Gap(PATH, "left out twice, and its own id answers", (number,))
        for number, answer in answers.items()
        if answer is not None
    ]


async def _some_workspaces(client: Client) -> list[int]:
    """Some workspaces from the current list of all."""
    path = "/v2/businessworkspaces"
    page = await read_page(client, path, {"expanded_view": "true"}, 1, CONTROLS + SAMPLE)
    with parse.shaped(path):
        return [parse.node_id(row) for row in page.rows]

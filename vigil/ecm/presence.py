"""Whether something is gone: one rule for nodes, workflows and members. Contract: docs/contracts/ecm.md#gone.

An error in JSON may come from a gateway, or from a call that went wrong inside. So a thing is gone only when

1. its own call is refused twice, with the status and in the words that Extended ECM has for exactly that,
2. no list has it: `nodes/list` leaves a node out twice, and no list of workflows has a workflow, and
3. the same call answers for something else that is there (the control), asked at the same time.

All else is a gap: nobody can say yet.
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
from vigil.ecm.errors import CallFailed, EcmError, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap
from vigil.ecm.nodes import PATH, read_nodes
from vigil.ecm.paging import read_page

SAMPLE = 20
"""So many nodes at most are asked for one by one: where thousands are gone, these speak for all of them."""

CONTROLS = 3
"""How many others are asked at most until one answers: one of them may have gone meanwhile, too."""

Others = Callable[[], Awaitable[Iterable[int]]]
"""Gives the ids of things of a kind that are there. Asked only when something is refused. May raise EcmError."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Things with a call of their own, and how Extended ECM refuses one that is gone: docs/contracts/ecm.md#errors.

    `words` is a pattern in which ``{id}`` stands for the thing's number. `listed` says whether a list agrees already before the own
    call is asked: then, where nothing else of the kind is there, no control is needed.
    """

    name: str
    path: str
    statuses: Collection[int]
    words: str
    listed: bool
    params: Params = field(default_factory=dict)

    def is_said_gone(self, number: int, error: EcmError) -> bool:
        """Whether these are Extended ECM's own words for a thing that is gone, or not for this user."""
        pattern = self.words.replace("{id}", str(number))
        return error.status in self.statuses and bool(re.search(pattern, error.message, re.IGNORECASE))


NODE = Kind("node", "/v2/nodes/{id}", (400, 404), "", True, {"fields": "properties{id}"})
MEMBER = Kind("member", "/v2/members/{id}", (500,), r"could not get a member for {id}\b", False)
WORKFLOW = Kind(
    "workflow", "/v2/workflows/status/processes/{id}", (400,), "could not access task status", True
)


async def own_calls(
    client: Client, kind: Kind, ids: Sequence[int], others: Others
) -> dict[int, Json | EcmError | None]:
    """What each thing's own call answers; None for one that is gone, an error for one of which that cannot be said.

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


async def _twice(client: Client, kind: Kind, number: int) -> Json | EcmError:
    """What is refused once may be a hiccup."""
    answer = await _own(client, kind, number)
    return await _own(client, kind, number) if isinstance(answer, NotReadable) else answer


async def _own(client: Client, kind: Kind, number: int) -> Json | EcmError:
    try:
        return await client.get(kind.path.replace("{id}", str(number)), kind.params)
    except CallFailed as error:
        return error


async def _doubt(client: Client, kind: Kind, refused: Collection[int], others: Others) -> str:
    """Why what is said of the refused ones is not believed; empty when it is."""
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
    """Those of some nodes that are gone, and gaps for those of which that cannot be said; those that are there are in neither.

    `left_out` says how many times `nodes/list` has left them out already, `there` are nodes that it gave. Raises Refused.
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
            Gap(PATH, "left out, and of others that it leaves out nobody can say that they are gone", rest)
        )
    lost = [n for n in missing if answers.get(n, doubts) is None or not doubts]
    return frozenset(lost), gaps + doubts


def _doubts(answers: Mapping[int, Json | EcmError | None]) -> list[Gap]:
    """Gaps for nodes that `nodes/list` left out and that are not gone."""
    return [
        gap_of(answer, number)
        if isinstance(answer, EcmError)
        else Gap(PATH, "left out twice, and its own id answers", (number,))
        for number, answer in answers.items()
        if answer is not None
    ]


async def _some_workspaces(client: Client) -> list[int]:
    """Some workspaces that the list of all of them has now."""
    path = "/v2/businessworkspaces"
    page = await read_page(client, path, {"expanded_view": "true"}, 1, CONTROLS + SAMPLE)
    with parse.shaped(path):
        return [parse.node_id(row) for row in page.rows]

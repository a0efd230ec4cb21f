"""Workflows: finds the changed ones by comparing the list with the known one, and reads their steps.

The list has no modify date, nor does any call: rows are compared by their hash. Contract: docs/contracts/ecm.md#workflow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from vigil.compliance.facts import Step
from vigil.ecm import parse, steps
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import CallFailed, EcmError, Malformed, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.homes import homes
from vigil.ecm.model import FactBatch, Gap, Gone, Processes
from vigil.ecm.paging import read_all, walk
from vigil.ecm.presence import WORKFLOW, gone, own_calls
from vigil.ecm.sound import sound

STATUS = "/v2/workflows/status"
PAGE = 100


class ProcessReader:
    """Reads workflows for one extraction."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone = client.settings.tz
        self._listed: frozenset[int] | None = None  # those in the lists, where they were read

    async def changed(self, since: datetime | None, known: Mapping[int, str]) -> Processes:
        """See `Extractor.processes`."""
        with self._client.counting() as counts:
            try:
                ended = await self._ended(since - self._client.settings.overlap) if since is not None else {}
                active = await self._active()
            except CallFailed as error:
                # The workflow module is absent, or does not answer: nothing is known, so nothing vanished.
                return Processes((), dict(known), (), (gap_of(error),), counts.requests)
            hashes = {**ended, **active}
            self._listed = frozenset(hashes)
            read = tuple(number for number, mark in hashes.items() if known.get(number) != mark)
            vanished = tuple(
                number
                for number, mark in known.items()
                if number not in hashes and not mark.startswith(steps.DONE)
            )
            return Processes(read, hashes, vanished, (), counts.requests, tuple(active))

    async def _active(self) -> dict[int, str]:
        """The active processes: on-time ones first, late ones after. A process that becomes late in between is then in both lists,
        not in neither.
        """
        found: dict[int, str] = {}
        for status in ("ontime", "workflowlate"):
            params: Params = {"Kind": "Managed", "wstatus": status}
            rows, _ = await read_all(self._client, STATUS, params, key=steps.process_id, limit=PAGE)
            with parse.shaped(STATUS):
                found.update((steps.process_id(row), steps.row_hash(row)) for row in rows)
        return found

    async def _ended(self, since: datetime) -> dict[int, str]:
        """The processes that ended at or after an instant or, if rows do not have that date, that began since.

        A process may begin, or continue, and end again between two runs: then no list of active ones has it.
        """
        found: dict[int, str] = {}
        for status in ("completed", "stopped"):
            if not await self._newest(status, "date_completed", since, found):
                await self._newest(status, "date_initiated", since, found)
        return found

    async def _newest(self, status: str, column: str, since: datetime, found: dict[int, str]) -> bool:
        """Add the rows of a status whose `column` is not before `since`. False if rows have no such column.

        A server that does not sort as requested is read to the end.
        """
        params: Params = {"Kind": "Managed", "wstatus": status, "sort": f"{column} desc"}
        last: datetime | None = None
        sorted_ = True
        async for page in walk(self._client, STATUS, params, key=steps.process_id, limit=PAGE):
            for row in page.rows:
                at, odd = self._ended_at(row, column)
                if at is None and not odd:
                    return False
                if at is not None:
                    sorted_ = sorted_ and (last is None or at <= last)
                    last = at
                if at is None or at >= since:
                    with parse.shaped(STATUS):
                        found[steps.process_id(row)] = steps.DONE + steps.row_hash(row)
            if sorted_ and last is not None and last < since:
                break
        return True

    def _ended_at(self, row: Json, column: str) -> tuple[datetime | None, bool]:
        """When a process of a list ended, and whether its date is invalid: then it is read in any case."""
        try:
            with parse.shaped(STATUS):
                return parse.instant(steps.wfstatus(row).get(column), self._zone), False
        except Malformed:
            return None, True

    async def read(self, ids: Collection[int], workspace_of: Mapping[int, int]) -> FactBatch:
        """See `Extractor.read_processes`."""
        with self._client.counting() as counts:
            wanted = list(dict.fromkeys(ids))
            owned = await self._own(wanted)
            done = await asyncio.gather(*(self._process(number, one) for number, one in owned.items()))
            answers = dict(zip(owned, done, strict=True))
            found = {number: one for number, one in answers.items() if isinstance(one, tuple)}
            homeless = {
                number: results for number, (results, _) in found.items() if number not in workspace_of
            }
            learnt, lost = await self._workspaces(homeless)
            refused = {number: one for number, one in answers.items() if isinstance(one, Gap)}
            lost |= {n: replace(gap, workspaces=_place(workspace_of, n)) for n, gap in refused.items()}
            places = {**workspace_of, **learnt}
            facts: list[Step] = []
            for number, (results, activities) in found.items():
                if number not in places:
                    continue
                path = f"{STATUS}/processes/{number}"
                try:
                    with parse.shaped(path):
                        read = steps.of_process(number, places[number], results, activities, self._zone, path)
                        facts += sound(read, path)
                except Malformed as error:
                    lost[number] = gap_of(error, places[number])
            tombs = tuple(one for one in answers.values() if isinstance(one, Gone))
            return FactBatch(
                tuple(facts), tombs, tuple(lost.values()), counts.requests, learnt, frozenset(lost)
            )

    async def _process(
        self, number: int, answer: Json | EcmError | None
    ) -> tuple[Json, list[Json]] | Gap | Gone:
        """A process with its activities, from the result of its own call."""
        if answer is None:
            return Gone("process", str(number))
        if isinstance(answer, EcmError):
            return gap_of(answer)
        path = f"{STATUS}/processes/{number}"
        try:
            activities: list[Json] = []
            with parse.shaped(path):
                results = parse.single(answer, path)
                more = steps.needs_activities(results)
            if more:
                activities, _ = await read_all(self._client, f"{path}/activities", {}, key=None, limit=PAGE)
            return results, activities
        except CallFailed as error:
            return gap_of(error)

    async def _own(self, ids: Sequence[int]) -> dict[int, Json | EcmError | None]:
        """The result of each process's own call; None for a deleted one: no list has it then."""

        async def others() -> frozenset[int]:
            if self._listed is None:
                self._listed = frozenset(await self._active())
            return self._listed

        answers = await own_calls(self._client, WORKFLOW, ids, others)
        for number in (self._listed or frozenset()) & answers.keys():
            if answers[number] is None:
                path = WORKFLOW.path.replace("{id}", str(number))
                answers[number] = NotReadable(path, "refused, and a list of workflows has it")
        return answers

    async def _workspaces(self, homeless: Mapping[int, Json]) -> tuple[dict[int, int], dict[int, Gap]]:
        """Process -> workspace, through the attachment folder: it contains the workspace, or something inside it."""
        attached = await asyncio.gather(*(self._attached(results) for results in homeless.values()))
        answers = dict(zip(homeless, attached, strict=True))
        gaps = {number: one for number, one in answers.items() if isinstance(one, Gap)}
        candidates = {number: one for number, one in answers.items() if isinstance(one, list)}
        places, unclear = await homes(self._client, {node for nodes in candidates.values() for node in nodes})
        found: dict[int, int] = {}
        for number, nodes in candidates.items():
            home = next((places[node] for node in nodes if node in places), None)
            if home is not None:
                found[number] = home
            elif doubt := next((unclear[node] for node in nodes if node in unclear), None):
                gaps[number] = replace(doubt, workspaces=())
        return found, gaps

    async def _attached(self, results: Json) -> list[int] | Gap:
        """The targets of a process's attachments; a process without any belongs to no workspace."""
        try:
            with parse.shaped(STATUS):
                folder = steps.attachment_folder(results)
            if folder is None:
                return []
            path = f"/v2/nodes/{folder}/nodes"
            params: Params = {"fields": ["properties{id,type,original_id}"]}
            rows, _ = await read_all(self._client, path, params, key=parse.node_id, limit=PAGE)
            with parse.shaped(path):
                found = [parse.properties(row) for row in rows]
                return [parse.integer(one.get("original_id")) or int(one["id"]) for one in found]
        except NotReadable as error:
            # The folder was deleted with its process, or is not readable: then the process belongs to no workspace.
            lost, _ = await gone(self._client, [folder] if folder else [])
            return [] if lost else gap_of(error)
        except CallFailed as error:
            return gap_of(error)


def _place(workspace_of: Mapping[int, int], process: int) -> tuple[int, ...]:
    return (workspace_of[process],) if process in workspace_of else ()

"""Workflows: which changed, by comparing the list with what was known of it, and the steps of those that did.

The list has no modify date, and there is none to ask for: rows are compared by their hash. Contract: ecm.md, Workflow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

from vigil.compliance.facts import Step
from vigil.ecm import parse, steps
from vigil.ecm.answers import Json
from vigil.ecm.client import MOST_IDS, Client, Params
from vigil.ecm.errors import EcmError, Malformed, NotReadable, Refused
from vigil.ecm.model import Batch, Gap, Gone, Processes
from vigil.ecm.paging import read_all, walk

STATUS = "/v2/workflows/status"
PAGE = 100


class ProcessReader:
    """Reads workflows for one extraction."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone = client.settings.tz

    async def changed(self, since: datetime | None, known: Mapping[int, str]) -> Processes:
        """See `Extractor.processes`."""
        with self._client.counting() as counts:
            try:
                # Of what ended before the first look nothing is news.
                ended = await self._ended(since - self._client.settings.overlap) if since is not None else {}
                active = await self._active()
            except NotReadable as error:
                # The workflow module is absent: nothing vanished, nothing can be known.
                gap = Gap(error.path, error.message)
                return Processes((), dict(known), (), (gap,), counts.requests)
            hashes = {**ended, **active}
            read = tuple(number for number, mark in hashes.items() if known.get(number) != mark)
            vanished = tuple(
                number
                for number, mark in known.items()
                if number not in hashes and not mark.startswith(steps.DONE)
            )
            return Processes(read, hashes, vanished, (), counts.requests, tuple(active))

    async def _active(self) -> dict[int, str]:
        """On time first, late after: a process that becomes late in between is in both lists, and not in neither."""
        found: dict[int, str] = {}
        for status in ("ontime", "workflowlate"):
            params: Params = {"Kind": "Managed", "wstatus": status}
            rows, _ = await read_all(self._client, STATUS, params, key=steps.process_id, limit=PAGE)
            found.update((steps.process_id(row), steps.row_hash(row)) for row in rows)
        return found

    async def _ended(self, since: datetime) -> dict[int, str]:
        """Those that ended at or after an instant, or, where rows do not say when they ended, that began since.

        A process may begin, and one may go on, and end again between two polls: then no list of active ones has it.
        """
        found: dict[int, str] = {}
        for status in ("completed", "stopped"):
            if not await self._newest(status, "date_completed", since, found):
                await self._newest(status, "date_initiated", since, found)
        return found

    async def _newest(self, status: str, column: str, since: datetime, found: dict[int, str]) -> bool:
        """Add the rows of a status whose `column` is not before `since`. False when rows have no such column.

        A server that does not sort as it was asked to is read to the end.
        """
        params: Params = {"Kind": "Managed", "wstatus": status, "sort": f"{column} desc"}
        last: datetime | None = None
        sorted_ = True
        async for page in walk(self._client, STATUS, params, key=steps.process_id, limit=PAGE):
            for row in page.rows:
                at = parse.instant(steps.wfstatus(row).get(column), self._zone)
                if at is None:
                    return False
                sorted_ = sorted_ and (last is None or at <= last)
                last = at
                if at >= since:
                    found[steps.process_id(row)] = steps.DONE + steps.row_hash(row)
            if sorted_ and last is not None and last < since:
                break
        return True

    async def read(self, ids: Collection[int], workspace_of: Mapping[int, int]) -> Batch:
        """See `Extractor.read_processes`."""
        with self._client.counting() as counts:
            wanted = list(dict.fromkeys(ids))
            answers = dict(zip(wanted, await asyncio.gather(*map(self._process, wanted)), strict=True))
            found = {number: one for number, one in answers.items() if isinstance(one, tuple)}
            homeless = {
                number: results for number, (results, _) in found.items() if number not in workspace_of
            }
            learnt, lost = await self._workspaces(homeless)
            places = {**workspace_of, **learnt}
            facts: list[Step] = []
            for number, (results, activities) in found.items():
                if number not in places:
                    continue
                path = f"{STATUS}/processes/{number}"
                try:
                    with parse.shaped(path):
                        facts += steps.of_process(
                            number, places[number], results, activities, self._zone, path
                        )
                except Malformed as error:
                    lost[number] = Gap(path, error.message, (places[number],))
            gaps = {**{number: one for number, one in answers.items() if isinstance(one, Gap)}, **lost}
            gone = tuple(one for one in answers.values() if isinstance(one, Gone))
            return Batch(tuple(facts), gone, tuple(gaps.values()), counts.requests, learnt, frozenset(gaps))

    async def _process(self, number: int) -> tuple[Json, list[Json]] | Gap | Gone:
        path = f"{STATUS}/processes/{number}"
        try:
            results = parse.single(await self._client.get(path), path)
            activities: list[Json] = []
            if steps.needs_activities(results):
                rows, _ = await read_all(self._client, f"{path}/activities", {}, key=None, limit=PAGE)
                activities = rows
            return results, activities
        except NotReadable:
            return Gone("process", str(number))
        except Refused:
            raise
        except EcmError as error:
            return Gap(error.path, error.message)

    async def _workspaces(self, homeless: Mapping[int, Json]) -> tuple[dict[int, int], dict[int, Gap]]:
        """Process -> workspace, through what lies in the attachment folder: the workspace, or something inside it."""
        attached = await asyncio.gather(*(self._attached(results) for results in homeless.values()))
        answers = dict(zip(homeless, attached, strict=True))
        gaps = {number: one for number, one in answers.items() if isinstance(one, Gap)}
        candidates = {number: one for number, one in answers.items() if isinstance(one, list)}
        homes = await self._homes({node for nodes in candidates.values() for node in nodes})
        found: dict[int, int] = {}
        for number, nodes in candidates.items():
            home = next((homes[node] for node in nodes if node in homes), None)
            if home is not None:
                found[number] = home
        return found, gaps

    async def _attached(self, results: Json) -> list[int] | Gap:
        """What a process's attachments point at; a process without any belongs to no workspace."""
        folder = steps.attachment_folder(results)
        if folder is None:
            return []
        path = f"/v2/nodes/{folder}/nodes"
        params: Params = {"fields": ["properties{id,type,original_id}"]}
        try:
            rows, _ = await read_all(self._client, path, params, key=parse.node_id, limit=PAGE)
        except NotReadable:
            return []  # the folder went with its process, or may not be read: the process belongs nowhere
        except Refused:
            raise
        except EcmError as error:
            return Gap(path, error.message)
        found = [parse.properties(row) for row in rows]
        return [parse.integer(one.get("original_id")) or int(one["id"]) for one in found]

    async def _homes(self, nodes: Collection[int]) -> dict[int, int]:
        """Node -> the workspace that it is or lies in. Climbs parent by parent, all nodes at once."""
        homes: dict[int, int] = {}
        above: dict[int, int] = {node: node for node in nodes}  # node -> the ancestor looked at now
        for _ in range(20):
            if not above:
                break
            seen = await self._kinds(set(above.values()))
            climbing: dict[int, int] = {}
            for node, ancestor in above.items():
                kind, parent = seen.get(ancestor, (None, None))
                if kind == parse.WORKSPACE:
                    homes[node] = ancestor
                elif parent is not None and parent > 0:
                    climbing[node] = parent
            above = climbing
        return homes

    async def _kinds(self, nodes: Collection[int]) -> dict[int, tuple[int | None, int | None]]:
        found: dict[int, tuple[int | None, int | None]] = {}
        for some in parse.chunks(sorted(nodes), MOST_IDS):
            answer = await self._client.nodes(some, ["properties{id,type,parent_id}"])
            for row in parse.rows(answer, "/v2/nodes/list"):
                one = parse.properties(row)
                found[int(one["id"])] = (parse.integer(one.get("type")), parse.integer(one.get("parent_id")))
        return found

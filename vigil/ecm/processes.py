"""Workflows: finds the changed ones by comparing the lists with the known ones, and reads their steps.

No row has a modify date, and an ended one no date of its end: rows are compared by their hash. Each list is one answer.
Contract: docs/contracts/ecm.md#workflow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vigil.compliance.facts import Step
from vigil.ecm import parse, steps
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.dialect import KindSpelling, StepEnds
from vigil.ecm.errors import CallFailed, EcmError, IncompleteList, Malformed, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.homes import homes
from vigil.ecm.model import FactBatch, Gap, Gone, Processes
from vigil.ecm.paging import read_all, read_page
from vigil.ecm.parse import LATEST
from vigil.ecm.people import MemberDirectory
from vigil.ecm.presence import WORKFLOW, gone, own_calls
from vigil.ecm.sound import sound
from vigil.ecm.steps import STATUS

INFO = "/v2/workflows/status/info"
PAGE = 100

ACTIVE, ENDED = ("ontime", "workflowlate"), ("completed", "stopped")
"""The values of `wstatus`. On-time ones are read first: a process that becomes late meanwhile is then in both lists, not in none."""

MARGIN = timedelta(days=2)
"""`wfretention` counts days in an unknown zone, and from an end that no row tells."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A row of a list: its hash, and when the process began, as far as it is told."""

    mark: str
    begun: datetime | None


@dataclass(slots=True)
class _Read:
    """What was read of a process. `failed` is a side call that failed, so that something of completed steps is unknown. `owed`: an
    earlier run could not read the process whole.
    """

    results: Json
    ends: steps.Ends = field(default_factory=dict)
    activities: dict[int | None, list[steps.Activity]] = field(default_factory=dict)
    failed: Gap | None = None
    owed: bool = False


@dataclass(frozen=True, slots=True)
class _Attached:
    """The attachments of a process. `lacks` says what is not told of them; `nowhere`: the process has no place for them."""

    nodes: Sequence[int]
    lacks: str = ""
    nowhere: bool = False


class ProcessReader:
    """Reads workflows for one extraction. `dispositions`: whether rules use those of completed steps."""

    def __init__(self, client: Client, directory: MemberDirectory, dispositions: bool = False) -> None:
        self._client = client
        self._directory = directory
        self._dispositions = dispositions
        self._zone = client.settings.tz
        self._listed: frozenset[int] | None = None  # those in the lists, where they were read
        self._owed: frozenset[int] = frozenset()  # those that an earlier run could not read whole
        self._accepted: frozenset[int] = frozenset()  # those of which something was unknown twice

    async def changed(self, since: datetime | None, known: Mapping[int, str]) -> Processes:
        """See `Extractor.processes`."""
        with self._client.counting() as counts:
            gaps: list[Gap] = []
            try:
                ended = await self._list(ENDED, since, gaps) if since is not None else {}
                active = await self._list(ACTIVE, None, gaps)
            except CallFailed as error:
                # The workflow module is absent, or does not answer: nothing is known, so nothing vanished.
                return Processes((), dict(known), (), (gap_of(error),), counts.requests)
            rows = {**ended, **active}
            self._accepted = frozenset(n for n, mark in known.items() if mark.endswith(steps.ACCEPTED))
            hashes = {number: self._mark(number, row, known) for number, row in rows.items()}
            self._listed = frozenset(hashes)
            old = self._old(rows, known, since)
            self._owed = frozenset(number for number, mark in known.items() if mark == steps.UNREAD)
            changed = (number for number, mark in hashes.items() if known.get(number) != mark)
            doubtful = set(old)
            read = tuple(number for number in changed if number not in doubtful)
            vanished = tuple(
                number
                for number, mark in known.items()
                if number not in hashes and not mark.startswith(steps.DONE)
            )
            running = tuple(n for n, mark in hashes.items() if not mark.startswith(steps.DONE))
            return Processes(read, hashes, vanished, tuple(gaps), counts.requests, running, old)

    def _mark(self, number: int, row: _Listed, known: Mapping[int, str]) -> str:
        """The hash of a process. While its row stays as it is, what is unknown of it stays accepted."""
        accepted = steps.noted(row.mark, accepted=True)
        return accepted if known.get(number) == accepted else row.mark

    def _old(
        self, rows: Mapping[int, _Listed], known: Mapping[int, str], since: datetime | None
    ) -> tuple[int, ...]:
        """See `Processes.old`. Those of which no row tells when they began come first."""
        if since is None:
            return ()
        until = since - self._client.settings.overlap - MARGIN
        found = [
            (row.begun or LATEST, number)
            for number, row in rows.items()
            if number not in known
            and row.mark.startswith(steps.DONE)
            and (row.begun is None or row.begun < until)
        ]
        return tuple(number for _, number in sorted(found, reverse=True))

    async def _list(
        self, statuses: Sequence[str], since: datetime | None, gaps: list[Gap]
    ) -> dict[int, _Listed]:
        """The processes of some statuses, with their hashes: of ended ones those that ended since, and some that ended before.

        A row without an id is a gap. Which have ended is in the rows: a server may not obey `wstatus`.
        """
        found: dict[int, _Listed] = {}
        for status in statuses:
            answer = await self._status(status, since)
            with parse.shaped(STATUS):
                rows = steps.listed(answer)
            for row in rows:
                try:
                    with parse.shaped(STATUS):
                        mark = steps.DONE if steps.is_ended(row, status) else ""
                        begun = steps.begun(row, self._zone)
                        found[steps.process_id(row)] = _Listed(mark + steps.row_hash(row), begun)
                except Malformed as error:
                    gaps.append(gap_of(error))
        return found

    async def _status(self, status: str, since: datetime | None) -> Json:
        """One list. While the spelling of `Kind` is unknown both are sent, and the documented one alone if that is refused."""
        spelling = self._client.dialect.kind or KindSpelling.BOTH
        try:
            return await self._client.get(STATUS, self._params(status, since, spelling))
        except NotReadable as error:
            if spelling is not KindSpelling.BOTH or error.is_no_route:
                raise
            answer = await self._client.get(STATUS, self._params(status, since, KindSpelling.UPPER))
            self._client.learn(kind=KindSpelling.UPPER, why=f"with both spellings: {error.message}")
            return answer

    def _params(self, status: str, since: datetime | None, spelling: KindSpelling) -> Params:
        params: dict[str, str | int] = {"wstatus": status}
        if spelling is not KindSpelling.LOWER:
            params["Kind"] = "Managed"
        if spelling is not KindSpelling.UPPER:
            params["kind"] = "Managed"
        if since is not None:
            ago = max(timedelta(), self._client.clock() - since) + self._client.settings.overlap + MARGIN
            params["wfretention"] = -(-ago // timedelta(days=1))
        return params

    async def read(self, ids: Collection[int], workspace_of: Mapping[int, int]) -> FactBatch:
        """See `Extractor.read_processes`."""
        with self._client.counting() as counts:
            wanted = list(dict.fromkeys(ids))
            owned = await self._own(wanted)
            done = await asyncio.gather(*(self._process(number, one) for number, one in owned.items()))
            answers = dict(zip(owned, done, strict=True))
            found = {number: one for number, one in answers.items() if isinstance(one, _Read)}
            homeless = {number: one.results for number, one in found.items() if number not in workspace_of}
            learnt, lost, accepted = await self._workspaces(homeless)
            refused = {number: one for number, one in answers.items() if isinstance(one, Gap)}
            lost |= {n: replace(gap, workspaces=_place(workspace_of, n)) for n, gap in refused.items()}
            places = {**workspace_of, **learnt}
            here = {number: one for number, one in found.items() if number in places}
            # A failed side call leaves something unknown of a completed step, and hides no open one.
            lost |= {n: replace(one.failed, workspaces=(places[n],)) for n, one in here.items() if one.failed}
            facts = await self._facts(here, places, lost, accepted)
            tombs = tuple(one for one in answers.values() if isinstance(one, Gone))
            unread, gaps = frozenset(lost), tuple(lost.values())
            return FactBatch(tuple(facts), tombs, gaps, counts.requests, learnt, unread, accepted)

    async def _facts(
        self,
        found: Mapping[int, _Read],
        places: Mapping[int, int],
        lost: dict[int, Gap],
        accepted: dict[int, str],
    ) -> list[Step]:
        """The steps of processes. The gaps of those whose steps or people cannot be read go to `lost`, or to `accepted` if some people
        of a step cannot, and an earlier run had that as a gap.
        """
        people: dict[int, set[int]] = {}
        for number, one in found.items():
            path = f"{STATUS}/processes/{number}"
            try:
                with parse.shaped(path):
                    people[number] = steps.users(one.results, path)
                    people[number] |= {end.performer for end in one.ends.values() if end.performer}
            except Malformed as error:
                lost[number] = gap_of(error, places[number])
        failed = await self._directory.ensure({i for ids in people.values() for i in ids})
        facts: list[Step] = []
        for number, ids in people.items():
            path = f"{STATUS}/processes/{number}"
            if lacking := sorted(failed.keys() & ids):
                lost[number] = gap_of(failed[lacking[0]], places[number])
                continue
            one = found[number]
            process = steps.Process(number, one.results, path, one.ends, one.activities)
            try:
                with parse.shaped(path):
                    read = steps.of_process(process, places[number], self._zone, self._directory.principal)
                    facts += sound(_told(read, one), path)
                if unread := [step.title for step in read if steps.ASSIGNEES in step.unknown]:
                    said = f"nobody could be read of those to whom the step {unread[0]!r} is assigned"
                    lost[number] = Gap(path, said, (places[number],))
                elif some := [step.title for step in read if steps.OTHERS in step.unknown]:
                    said = f"not all could be read of those to whom the step {some[0]!r} is assigned"
                    if number in self._owed | self._accepted:
                        accepted[number] = said
                    else:
                        lost[number] = Gap(path, said, (places[number],))
            except Malformed as error:
                lost[number] = gap_of(error, places[number])
        return facts

    async def _process(self, number: int, answer: Json | EcmError | None) -> _Read | Gap | Gone:
        """A process with the ends of its completed steps, from the result of its own call."""
        if answer is None:
            return Gone("process", str(number))
        if isinstance(answer, EcmError):
            return gap_of(answer)
        path = f"{STATUS}/processes/{number}"
        try:
            with parse.shaped(path):
                read = _Read(parse.single(answer, path), owed=number in self._owed)
                done = steps.rows_of(read.results, "completed", path)
                bare = any(steps.is_bare(row) for row in done)
                work = steps.work_id(read.results, number)
        except Malformed as error:
            return gap_of(error)
        if bare and self._client.dialect.step_ends is not StepEnds.UNKNOWN:
            await self._ends(read, work)
        elif done and not bare and self._client.dialect.step_ends is not StepEnds.OWN:
            self._client.learn(step_ends=StepEnds.OWN, why="completed steps tell their own end")
        if self._dispositions and (subs := steps.lack_disposition(done, (number, work), read.ends)):
            await self._activities(read, number, subs)
        return read

    async def _ends(self, read: _Read, work: int) -> None:
        """The ends of the completed steps, from the call that has them. Without it they are completed at an unknown time.

        Whether a refusal will last nobody says: the first one is a gap, and the steps wait for the next run.
        """
        try:
            answer = await self._client.get(INFO, {"workid": work})
            with parse.shaped(INFO):
                read.ends = steps.certain(steps.ends_of_info(answer, self._zone), read.results, INFO)
        except NotReadable as error:
            if error.is_no_route:
                self._client.learn(step_ends=StepEnds.UNKNOWN, why=f"{INFO}: {error.message}")
            elif not read.owed:
                read.failed = gap_of(error)
        except CallFailed as error:
            read.failed = gap_of(error)
        if read.ends and self._client.dialect.step_ends is not StepEnds.INFO:
            self._client.learn(step_ends=StepEnds.INFO, why=f"{INFO} tells when steps were completed")

    async def _activities(self, read: _Read, number: int, subs: Mapping[int | None, int]) -> None:
        """The activities of some subprocesses, for the dispositions of completed steps that do not tell their own."""
        found: dict[int | None, list[steps.Activity]] = {}
        for sub, written in sorted(subs.items(), key=lambda one: one[1]):
            path = f"/v2/processes/{number}/subprocesses/{written or number}/activities"
            try:
                answer = await self._client.get(path, {"limit": PAGE})
                with parse.shaped(path):
                    found[sub] = steps.activities(answer, self._zone)
            except NotReadable as error:
                if not (read.owed or error.is_no_route):
                    read.failed = gap_of(error)
                return
            except CallFailed as error:
                read.failed = gap_of(error)
                return
        read.activities = found

    async def _own(self, ids: Sequence[int]) -> dict[int, Json | EcmError | None]:
        """The result of each process's own call; None for a deleted one: no list has it then."""

        async def others() -> frozenset[int]:
            if self._listed is None:
                self._listed = frozenset(await self._list(ACTIVE, None, []))
            return self._listed

        answers = await own_calls(self._client, WORKFLOW, ids, others)
        for number in (self._listed or frozenset()) & answers.keys():
            if answers[number] is None:
                path = WORKFLOW.path.replace("{id}", str(number))
                answers[number] = NotReadable(path, "refused, and a list of workflows has it")
        return answers

    async def _workspaces(
        self, homeless: Mapping[int, Json]
    ) -> tuple[dict[int, int], dict[int, Gap], dict[int, str]]:
        """Process -> workspace, through the attachment folder: it contains the workspace, or something inside it.

        Then the gaps of processes whose workspace is unknown, and of others why that is accepted. A process belongs to no workspace
        only if that shows: its folder is gone, or all of its attachments came, and nothing above them is a workspace.
        """
        read = await asyncio.gather(*(self._attached(results) for results in homeless.values()))
        answers = dict(zip(homeless, read, strict=True))
        gaps = {number: one for number, one in answers.items() if isinstance(one, Gap)}
        attached = {number: one for number, one in answers.items() if isinstance(one, _Attached)}
        places = await homes(self._client, {node for one in attached.values() for node in one.nodes})
        found: dict[int, int] = {}
        accepted: dict[int, str] = {}
        for number, one in attached.items():
            lost = [node for node in one.nodes if node not in places.outside]
            home = next((places.found[node] for node in lost if node in places.found), None)
            said = one.lacks or (f"that of its attachment {lost[0]} is not shown" if lost else "")
            if home is not None:
                found[number] = home
            elif doubt := next((places.unclear[node] for node in lost if node in places.unclear), None):
                gaps[number] = replace(doubt, workspaces=())
            elif said and (one.nowhere or number in self._owed | self._accepted):
                accepted[number] = f"its workspace is unknown: {said}"
            elif said:
                path = f"{STATUS}/processes/{number}"
                gaps[number] = Gap(path, f"the workspace of workflow {number} is unknown: {said}")
        return found, gaps, accepted

    async def _attached(self, results: Json) -> _Attached | Gap:
        """The targets of a process's attachments."""
        try:
            with parse.shaped(STATUS):
                folder = steps.attachment_folder(results)
            if folder is None:
                return _Attached([], "the workflow names no folder with attachments", nowhere=True)
            return await self._targets(f"/v2/nodes/{folder}/nodes")
        except NotReadable as error:
            # The folder was deleted with its process, or is not readable: then the process belongs to no workspace.
            lost, _ = await gone(self._client, [folder] if folder else [])
            return _Attached([]) if lost else gap_of(error)
        except CallFailed as error:
            return gap_of(error)

    async def _targets(self, path: str) -> _Attached:
        """The targets of the rows of a folder, which shows by its count whether they are all."""
        params: Params = {"fields": ["properties{id,type,original_id}"]}
        lacks = f"not all attachments are shown: {path}"
        try:
            page = await read_page(self._client, path, params, 1, PAGE)
            rows: Sequence[Json] = page.rows
            if page.more or page.total != len(rows):
                rows, _ = await read_all(self._client, path, params, key=parse.node_id, limit=PAGE)
        except IncompleteList:
            return _Attached([], lacks)
        with parse.shaped(path):
            targets = [steps.target(row) for row in rows]
        whole = page.total is not None or bool(rows)
        all_came = whole and len(rows) >= (page.total or 0) and all(certain for _, certain in targets)
        return _Attached([node for node, _ in targets], "" if all_came else lacks)


def _told(read: Sequence[Step], one: _Read) -> Sequence[Step]:
    """The steps to record. What the first failure of a side call leaves unknown waits for the next run; a second one is accepted.

    A step whose assignees cannot be read always waits: recorded, it would be told to nobody. Where some can be, it is theirs.
    """
    read = [
        replace(step, unknown=step.unknown - {steps.OTHERS})
        for step in read
        if steps.ASSIGNEES not in step.unknown
    ]
    if one.failed is None or one.owed:
        return read
    return [step for step in read if not (step.is_completed and step.unknown)]


def _place(workspace_of: Mapping[int, int], process: int) -> tuple[int, ...]:
    return (workspace_of[process],) if process in workspace_of else ()

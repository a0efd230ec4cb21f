"""Converts workflow responses to values: pure functions. Contract: docs/contracts/ecm.md#workflow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from hashlib import blake2b
from typing import Any

import orjson

from vigil.compliance.facts import Step, group, user
from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.errors import IncompleteList, Malformed

STATUS = "/v2/workflows/status"

DONE = "done:"
"""The beginning of an ended process's hash: it is expected to leave the active ones."""

UNREAD = "unread"
"""In place of the hash of a process that could not be read whole: it is read again."""

ACCEPTED = ":accepted"
"""The end of the hash of a process of which something stays unknown, as it was when it was read before: that is no gap again."""

ENDED = frozenset({"completed", "stopped"})
"""The statuses of ended processes: the values of `wstatus`, and of `status_key` in the rows."""

SAME_MOMENT = timedelta(seconds=5)
"""A step's end and its activity are written one after the other."""

# The transition from "ontime" to "workflowlate" is not a change: the due date already implies it.
_PASSING = frozenset({"status_key", "task_status"})

_TIME_UNKNOWN = frozenset({"completed_at", "completed_by", "disposition"})
_START_STEP = 0  # of each process: nobody waits for it

Principal = Callable[[int], str | None]
"""The principal of a user's or a group's id (a step may name either by the same key); None if the directory does not tell."""

ASSIGNEES = "assignees"
"""In `unknown` of an open step that names somebody, and nobody that can be read: it is not for nobody."""

OTHERS = "other assignees"
"""In `unknown` of an open step that is for more people than can be read, until it is recorded for those."""


# -- the lists


def wfstatus(row: Json) -> Json:
    """The process of a row of `GET /v2/workflows/status`."""
    found = (row.get("data") or {}).get("wfstatus")
    return found if isinstance(found, dict) else {}


def process_id(row: Json) -> int:
    return parse.identity(wfstatus(row)["process_id"])


def listed(answer: Json) -> list[Json]:
    """The rows of a list of workflows, which is one answer. Raises IncompleteList if the answer shows that there are more."""
    rows = parse.rows(answer, STATUS)
    paging = parse.mapping(parse.mapping(answer.get("collection")).get("paging")) or parse.mapping(
        answer.get("paging")
    )
    total = parse.integer(paging.get("total_count"))
    if total is not None and total > len(rows):
        raise IncompleteList(STATUS, f"{len(rows)} workflows came, and {total} are said to be in the list")
    return rows


def begun(row: Json, zone: tzinfo) -> datetime | None:
    """When a process began, by its row; None where that is not told, or no date."""
    try:
        return parse.instant(wfstatus(row).get("date_initiated"), zone)
    except (TypeError, ValueError):
        return None


def is_ended(row: Json, asked: str) -> bool:
    """Whether a process has ended: by its row, or without a status there by the status that was asked for."""
    return str(wfstatus(row).get("status_key") or asked).lower() in ENDED


def row_hash(row: Json) -> str:
    """Equal for rows with the same steps, assignees and dates."""
    plain = _without_passing(wfstatus(row))
    try:
        kept = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair, or a number of more than 64 bits
        kept = json.dumps(plain, sort_keys=True).encode()
    return blake2b(kept, digest_size=10).hexdigest()


def _without_passing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_passing(inner) for key, inner in value.items() if key not in _PASSING}
    if isinstance(value, list):
        return [_without_passing(inner) for inner in value]
    return value


def noted(mark: str, accepted: bool) -> str:
    """The hash to keep of a process that was read: whether something of it is unknown, and accepted."""
    return mark.removesuffix(ACCEPTED) + (ACCEPTED if accepted else "")


# -- one process


def work_id(results: Json, process: int) -> int:
    """The id with which `/v2/workflows/status/info` is asked for a process."""
    return parse.integer(parse.mapping(results.get("wf_details")).get("work_workID")) or process


def attachment_folder(results: Json) -> int | None:
    """The folder with the attachments of a process."""
    attached = parse.mapping(results.get("attachments"))
    if number := parse.integer(attached.get("attachment_folder_id")):
        return number
    for package in parse.objects(results.get("data_packages")):
        if package.get("TYPE") == 1 and package.get("SUBTYPE") == 1:
            return parse.integer(package.get("USERDATA"))
    return None


def target(row: Json) -> tuple[int, bool]:
    """The node that an attachment is, or leads to, and whether that is certain: a shortcut may not tell where it leads."""
    found = parse.properties(row)
    if original := parse.integer(found.get("original_id")):
        return original, True
    return parse.node_id(row), parse.integer(found.get("type")) not in (None, parse.SHORTCUT)


def rows_of(results: Json, part: str, path: str) -> list[Json]:
    """The steps of a process in one of its lists (`completed`, `current`, `stopped`), without the start step.

    Raises Malformed for a process without lists: it is not a process without steps.
    """
    lists = results.get("step_list")
    if not isinstance(lists, dict):
        raise Malformed(path, "a process has no step_list")
    found = parse.objects(lists.get(part))
    return [row for row in found if parse.integer(row.get("task_id")) != _START_STEP]


def is_bare(row: Json) -> bool:
    """Whether a completed step does not tell its own end."""
    return not row.get("task_completed_date")


def subprocess_of(row: Json, process: Collection[int]) -> int | None:
    """The subprocess of a step's row; None in the process itself, whose ids are `process` and the row's own."""
    number = parse.integer(row.get("subprocess_id"))
    return None if not number or number in (*process, parse.integer(row.get("process_id"))) else number


def end_of(row: Json, process: Collection[int], ends: Ends) -> End | None:
    """The end of a completed step that does not tell it itself."""
    task = parse.integer(row.get("task_id")) or 0
    inside = subprocess_of(row, process)
    own = (MAIN, *process) if inside is None else (inside,)
    return next((ends[place, task] for place in (*own, None) if (place, task) in ends), None)


def lack_disposition(rows: Sequence[Json], process: Collection[int], ends: Ends) -> dict[int | None, int]:
    """The subprocesses (None: the process itself) of completed steps whose end is known, and whose disposition is not; with the id
    that the row gives, 0 if none.
    """
    return {
        subprocess_of(row, process): parse.integer(row.get("subprocess_id")) or 0
        for row in rows
        if "task_disposition" not in row and (not is_bare(row) or end_of(row, process, ends))
    }


def certain(ends: Ends, results: Json, path: str) -> Ends:
    """The ends without those of an untold subprocess whose number several steps of the process have: nobody knows whose they are."""
    parts = ("completed", "current", "stopped")
    count = Counter(
        parse.integer(row.get("task_id")) for part in parts for row in rows_of(results, part, path)
    )
    return {key: end for key, end in ends.items() if key[0] is not None or count[key[1]] < 2}


def users(results: Json, path: str) -> set[int]:
    """The ids of all people and groups that the steps name by id alone."""
    found: set[int] = set()
    for part in ("completed", "current", "stopped"):
        for row in rows_of(results, part, path):
            held = parse.mapping(row.get("task_assignees"))
            people = parse.objects(held.get("assignee")) + parse.objects(row.get("task_completed_by"))
            ids = [_id(one, "userId", "id") for one in people if not one.get("loginName")]
            groups = (held, *parse.objects(held.get("assignedto")))
            ids += [_id(one, "groupId") for one in groups if not one.get("groupName")]
            found |= {number for number in ids if number}
    return found


def _id(found: Json, *keys: str) -> int | None:
    """The id under the first of some keys that has one: 0 and less are nobody's."""
    numbers = (parse.integer(found.get(key)) for key in keys)
    return next((number for number in numbers if number and number > 0), None)


@dataclass(frozen=True, slots=True)
class End:
    """The end of a step, as another call than the step's own tells it: `performer` is a user's id."""

    at: datetime
    performer: int | None


MAIN = 0
"""In place of a subprocess: the process itself."""

Ends = Mapping[tuple[int | None, int], End]
"""The ends of steps by their subprocess, `MAIN` or None where it is not told, and their task id."""


def ends_of_info(answer: Json, zone: tzinfo) -> Ends:
    """The newest end of each step in `GET /v2/workflows/status/info`. Steps without one are left out.

    Raises LookupError or TypeError for an answer that is none.
    """
    found: dict[tuple[int | None, int], End] = {}
    results = answer["results"]
    for row in parse.objects(
        parse.mapping(results[0] if isinstance(results, list) else results).get("stepList")
    ):
        for part in ("WORK", "WORKINFO"):
            for work in parse.objects(row.get(part)):
                number = parse.integer(row.get("TASKID"))
                number = parse.integer(work.get("SubWorkTask_TaskID")) if number is None else number
                at = parse.instant(work.get("SubWorkTask_DateDone"), zone)
                if number is None or at is None:
                    continue
                performer = parse.integer(work.get("SubWorkTask_PerformerID"))
                key = _told_subprocess(work), number
                if key not in found or found[key].at < at:
                    found[key] = End(at, performer if performer and performer > 0 else None)
    return found


def _told_subprocess(work: Json) -> int | None:
    """The subprocess of a step in `status/info`: `MAIN` if it is its process, None if it is not told."""
    names = ("SubWorkTask_SubWorkID", "SubWork_SubWorkID")
    number = next((found for name in names if (found := parse.integer(work.get(name)))), None)
    of = (parse.integer(work.get(f"{name}_WorkID")) for name in ("SubWorkTask", "SubWork", "Work"))
    return MAIN if number is not None and number in of else number


@dataclass(frozen=True, slots=True)
class Activity:
    """A row of `/v2/processes/{p}/subprocesses/{s}/activities`: what a person did in a process. No row names its step."""

    at: datetime
    user: int | None
    action: str
    disposition: str | None
    comment: str


def activities(answer: Json, zone: tzinfo) -> list[Activity]:
    """The activities, in the server's order. `{}` stands for none. Raises TypeError for an answer that has no list of them."""
    results = answer["results"]
    rows = results.get("data", []) if isinstance(results, dict) else results
    if not isinstance(rows, list):
        raise TypeError("no list of activities")
    found = []
    for row in parse.objects(rows):
        at = parse.instant(row.get("date"), zone)
        if at is not None:
            action = str(row.get("action") or "").lower()
            held = parse.mapping(row.get("action_properties"))
            said = (held.get("label") or held.get("event")) if action == "disposition" else None
            person = parse.integer(row.get("user_id"))
            found.append(
                Activity(at, person, action, str(said) if said else None, str(row.get("comment") or ""))
            )
    return found


def disposition(end: End, among: Sequence[Activity]) -> tuple[str | None, bool]:
    """The disposition with which a step ended, by the activity of the same person at the same time, and whether there is one.

    Without such an activity the disposition is not known; with one that is no disposition there was none.
    """
    near = [a for a in among if a.user == end.performer and abs(a.at - end.at) <= SAME_MOMENT]
    near = [a for a in near if a.action in ("disposition", "sendon", "reply")]
    said = sorted((a for a in near if a.action == "disposition"), key=lambda a: abs(a.at - end.at))
    return (said[0].disposition if said else None), bool(near)


@dataclass(frozen=True, slots=True)
class Process:
    """The responses about one process. `activities` are those of its subprocesses (None: the process itself), as far as they were
    asked for and came.
    """

    id: int
    results: Json
    path: str
    ends: Ends
    activities: Mapping[int | None, Sequence[Activity]] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[int, int]:
        """The ids under which calls know it."""
        return self.id, work_id(self.results, self.id)


def of_process(process: Process, workspace: int, zone: tzinfo, principal: Principal) -> list[Step]:
    """The steps of `GET /v2/workflows/status/processes/{id}`: completed ones, then current, then stopped ones."""
    details = parse.mapping(process.results.get("wf_details"))
    begun = parse.instant(details.get("date_initiated"), zone)
    stopped = str(details.get("status")).lower() == "stopped"
    found = []
    for part in ("completed", "current", "stopped"):
        for row in rows_of(process.results, part, process.path):
            step = _step(process, workspace, row, begun, zone, principal)
            if part == "completed":
                step = _completed(step, row, process, zone, principal)
            elif stopped or part == "stopped":
                step = replace(step, stopped=True)
            elif _unread(row, principal):
                step = replace(step, unknown=frozenset({OTHERS if step.assignees else ASSIGNEES}))
            found.append(step)
    return found


def _step(
    process: Process, workspace: int, row: Json, begun: datetime | None, zone: tzinfo, principal: Principal
) -> Step:
    number = parse.integer(row.get("task_id"))
    started = parse.instant(row.get("task_start_date"), zone) or begun
    if number is None or started is None:
        raise Malformed(process.path, "a step has no task_id or no task_start_date")
    return Step(
        workspace=workspace,
        process=process.id,
        step=number,
        title=str(row.get("task_name") or ""),
        assignees=tuple(dict.fromkeys(_assignees(row, principal))),
        assigned_at=started,
        due=parse.instant(row.get("task_due_date"), zone),
        subprocess=subprocess_of(row, process.ids),
        source=process.path,
    )


def _assignees(row: Json, principal: Principal) -> Iterator[str]:
    """The assignees of a step. A group is one principal, not its present members."""
    groups, people = _listed(row, principal)
    yield from (one for one in (groups if any(groups) else people) if one)


def _listed(row: Json, principal: Principal) -> tuple[list[str | None], list[str | None]]:
    """The groups and the people that a step lists, None in place of each that cannot be read."""
    held = parse.mapping(row.get("task_assignees"))
    groups = [_group(one, principal) for one in (*parse.objects(held.get("assignedto")), held)]
    return groups, [_person(one, principal) for one in parse.objects(held.get("assignee"))]


def _unread(row: Json, principal: Principal) -> bool:
    """Whether a step is for somebody who cannot be read: it lists one, or counts or names more people than it lists."""
    held = parse.mapping(row.get("task_assignees"))
    groups, people = _listed(row, principal)
    assigned = parse.objects(held.get("assignedto"))
    # A group that is there without an id may be the form of "no group".
    if any(_id(one, "groupId") and not group for one, group in zip((*assigned, held), groups, strict=True)):
        return True
    if any(groups):
        return False
    counted = parse.integer(held.get("assigneeCount")) or 0
    named = bool(held.get("currentAssignee") or (assigned and not any(people)))
    rows = zip(parse.objects(held.get("assignee")), people, strict=True)
    unread = [row for row, one in rows if one is None and not (any(people) and _is_nobody(row))]
    return bool(unread) or len(people) < max(counted, named)


def _is_nobody(person: Json) -> bool:
    """Whether a row has an id that is nobody's, beside rows of people."""
    return any(parse.integer(person.get(key)) is not None for key in ("userId", "id")) and not _id(
        person, "userId", "id"
    )


def _group(held: Json, principal: Principal) -> str | None:
    if held.get("groupName"):
        return group(str(held["groupName"]))
    number = _id(held, "groupId")
    return _known(principal(number)) if number else None


def _person(person: Json, principal: Principal) -> str | None:
    if person.get("groupName"):
        return group(str(person["groupName"]))
    if person.get("loginName"):
        return user(str(person["loginName"]))
    number = _id(person, "userId", "id")
    return _known(principal(number)) if number else None


def _known(found: str | None) -> str | None:
    """A user or a group; None for a workspace's role, which is not one by its name alone."""
    return found if found and found.startswith((user(""), group(""))) else None


def _login(found: str | None) -> str | None:
    """The login of a principal; None for a group."""
    return found.removeprefix(user("")) if found and found.startswith(user("")) else None


def _completed(step: Step, row: Json, process: Process, zone: tzinfo, principal: Principal) -> Step:
    """A completed step with its end: from its own fields, else from another call, else at an unknown time."""
    own = parse.instant(row.get("task_completed_date"), zone)
    if own is not None:
        people = [_login(_person(one, principal)) for one in parse.objects(row.get("task_completed_by"))]
        by = next((name for name in people if name), None)
        ids = [_id(one, "userId", "id") for one in parse.objects(row.get("task_completed_by"))]
        end: End | None = End(own, ids[0] if ids else None)
    else:
        end = end_of(row, process.ids, process.ends)
        by = _login(principal(end.performer)) if end and end.performer else None
    if end is None:
        return replace(step, unknown=_TIME_UNKNOWN)
    known = "task_disposition" in row
    said: object = row.get("task_disposition")
    if not known and step.subprocess in process.activities:
        said, known = disposition(end, process.activities[step.subprocess])
    return _ended(step, end.at, by, said, known)


def _ended(step: Step, at: datetime, by: str | None, said: object, known: bool) -> Step:
    unknown = {
        name for name, missing in (("completed_by", by is None), ("disposition", not known)) if missing
    }
    return replace(
        step,
        completed_at=at,
        completed_by=by,
        disposition=str(said) if said else None,
        unknown=frozenset(unknown),
    )

"""Converts workflow responses to values: pure functions. Contract: docs/contracts/ecm.md#workflow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, tzinfo
from hashlib import blake2b
from typing import Any

import orjson

from vigil.compliance.facts import Step, group, user
from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed

DONE = "done:"
"""The beginning of a completed process's hash: it is expected to leave the active ones."""

# The transition from "ontime" to "workflowlate" is not a change: the due date already implies it.
_PASSING = frozenset({"status_key", "task_status"})


def wfstatus(row: Json) -> Json:
    """The process of a row of `GET /v2/workflows/status`."""
    found = (row.get("data") or {}).get("wfstatus")
    return found if isinstance(found, dict) else {}


def process_id(row: Json) -> int:
    return parse.identity(wfstatus(row)["process_id"])


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


def attachment_folder(results: Json) -> int | None:
    """The folder with the attachments of a process."""
    attached = results.get("attachments")
    if isinstance(attached, dict) and (number := parse.integer(attached.get("attachment_folder_id"))):
        return number
    for package in results.get("data_packages") or []:
        if package.get("TYPE") == 1 and package.get("SUBTYPE") == 1:
            return parse.integer(package.get("USERDATA"))
    return None


def needs_activities(results: Json) -> bool:
    """Whether a completed step lacks its time and person: older versions have them only in `/activities`."""
    done = (results.get("step_list") or {}).get("completed") or []
    return any(not _first(step, "task_completed_date") or not step.get("task_completed_by") for step in done)


def of_process(
    process: int, workspace: int, results: Json, activities: list[Json], zone: tzinfo, path: str
) -> list[Step]:
    """The steps of `GET /v2/workflows/status/processes/{id}`, completed ones first."""
    listed = results.get("step_list")
    if not isinstance(listed, dict):
        raise Malformed(path, "a process has no step_list")
    ends = _ends(activities, zone)
    found = [
        _step(process, workspace, row, zone, path, ends, done=True) for row in listed.get("completed") or []
    ]
    found += [
        _step(process, workspace, row, zone, path, ends, done=False) for row in listed.get("current") or []
    ]
    return found


def _step(
    process: int, workspace: int, row: Json, zone: tzinfo, path: str, ends: dict[int, Json], *, done: bool
) -> Step:
    number = parse.integer(row.get("task_id"))
    started = parse.instant(row.get("task_start_date"), zone)
    if number is None or started is None:
        raise Malformed(path, "a step has no task_id or no task_start_date")
    ended, by, disposition = _end(row, ends.get(number), zone) if done else (None, None, None)
    if done and ended is None:
        raise Malformed(path, f"step {number} is completed and nothing says when")
    return Step(
        workspace=workspace,
        process=process,
        step=number,
        title=str(row.get("task_name") or ""),
        assignees=tuple(_assignees(row)),
        assigned_at=started,
        due=parse.instant(row.get("task_due_date"), zone),
        completed_at=ended,
        completed_by=by,
        disposition=disposition,
        source=path,
    )


def _assignees(row: Json) -> Iterator[str]:
    """The assignees of a step. A group is one principal, not its present members."""
    held = row.get("task_assignees") or {}
    if held.get("groupName"):
        yield group(str(held["groupName"]))
        return
    for person in held.get("assignee") or []:
        if person.get("loginName"):
            yield user(str(person["loginName"]))


def _end(row: Json, activity: Json | None, zone: tzinfo) -> tuple[datetime | None, str | None, str | None]:
    activity = activity or {}
    ended = parse.instant(_first(row, "task_completed_date") or activity.get("date"), zone)
    person = row.get("task_completed_by") or activity.get("performer") or {}
    login = person.get("loginName") if isinstance(person, dict) else None
    disposition = row.get("task_disposition") or activity.get("disposition")
    return ended, str(login) if login else None, str(disposition) if disposition else None


def _ends(activities: list[Json], zone: tzinfo) -> dict[int, Json]:
    """The newest completion of each step."""
    found: dict[int, Json] = {}
    for row in activities:
        one = (row.get("data") or {}).get("activity") or {}
        number, at = parse.integer(one.get("task_id")), parse.instant(one.get("date"), zone)
        if number is None or at is None or str(one.get("action")).lower() != "completed":
            continue
        known = parse.instant(found[number].get("date"), zone) if number in found else None
        if known is None or at > known:
            found[number] = one
    return found


def _first(row: Json, *names: str) -> Any:
    return next((row[name] for name in names if row.get(name)), None)

"""Workflows: ``/v2/workflows/status`` and what lies below it, activities, and the caller's own assignments.

Dates of workflows are naive whatever other endpoints do. An estate's process has one subprocess, with the same number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from datetime import date, datetime

from vigil.sandbox.ecm import shapes, workflow_info
from vigil.sandbox.ecm.call import Call
from vigil.sandbox.ecm.definitions import DATE, INTEGER, STRING, definition
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.world.state import Process, WorldStep

STATUSES = ("ontime", "workflowlate", "completed", "stopped")
KINDS = ("managed", "initiated", "both")
WORKFLOW_STEP = 153
_OPEN = {"ontime", "workflowlate"}
_RIGHTS = ("Archive", "ChangeAttr", "ChangeRoute", "Delete", "ManagerPerms", "SeeDetail", "Stop", "Suspend")
_ALL = dict.fromkeys(_RIGHTS, True)
_COLUMNS = (
    ("assignee", "Assigned to", INTEGER),
    ("date_initiated", "Start Date", DATE),
    ("due_date", "Step Due Date", DATE),
    ("status_key", "Status", STRING),
    ("step_name", "Current Step", STRING),
    ("wf_name", "Workflow", STRING),
)
_DEFINITIONS = {name: definition(name, words, kind) for name, words, kind in _COLUMNS}
_ASSIGNMENT_COLUMNS = (
    ("date_due", "Due Date", DATE),
    ("priority", "Priority", STRING),
    ("status", "Status", STRING),
    ("from_user_id", "From", INTEGER),
    ("location_id", "Location", INTEGER),
    ("name", "Name", STRING),
)


def status(call: Call) -> Json:
    """Processes that the caller manages or initiated: all of them, in one answer (quirk 32)."""
    call.site.needs_module("workflow")
    state, kind = call.site.world.state, _kind(call)
    wanted = {s for text in call.query.get("wstatus", ()) for s in text.split(",") if s}
    if wanted - set(STATUSES):
        raise _refused()
    found = [p for i in _candidates(call, wanted) if _is_of(call, p := state.processes[i], kind)]
    found = [p for p in found if not wanted or process_status(call, p) in wanted]
    return {"links": call.self_link(), "results": [_row(call, p) for p in _sorted(call, found)]}


def active(call: Call) -> Json:
    """Running processes, of one workspace or map, by name, by the day they began (quirk 34)."""
    call.site.needs_module("workflow")
    state, kind = call.site.world.state, _kind(call)
    number, map_id, name = (
        call.number("businessWorkspaceID", 0),
        call.number("mapObjId", 0),
        call.one("search_name").lower(),
    )
    first, last = _day(call, "fromDate"), _day(call, "toDate")
    if number:
        workspace = state.workspaces.get(number)
        if workspace is None or not call.site.may_read(call.caller, workspace):
            raise _refused()
    held: Iterable[Process] = (
        state.workspaces[number].processes if number else map(state.processes.__getitem__, state.active)
    )
    # Estates archive nothing.
    archived = call.one("status", "NOARCHIVE") == "ARCHIVED"
    found = [p for p in held if not archived and process_status(call, p) in _OPEN and _is_of(call, p, kind)]
    found = [
        p
        for p in found
        if (not map_id or call.site.world.map_id(p.workspace) == map_id) and name in title(p).lower()
    ]
    found = [p for p in found if first <= _begun(call, p) <= last]
    rows = [_active_row(call, p) for p in _sorted(call, found)]
    if call.site.quirks.active_results == "object" and len(rows) < 2:
        return {"links": call.self_link(), "results": rows[0] if rows else {}}
    return {"links": call.self_link(), "results": rows}


def process(call: Call) -> Json:
    """One process: what it is attached to, and its steps: completed, current, next, and those of a stopped one."""
    call.site.needs_module("workflow")
    found = _process(call, call.ids[0])
    world, details = call.site.world, call.site.quirks.process_details
    state = process_status(call, found)
    steps: Json = {
        "completed": [_start_step(call, found), *_completed(call, found)],
        "current": [],
        "next": [],
    }
    steps["stopped" if state == "stopped" else "current"] = [_step(call, s) for s in found.open_steps()]
    folder = world.attachments_id(found)
    about: Json = {
        "date_initiated": world.local(found.started),
        "due_date": _due(call, found),
        "initiator": _without(_person(call, found.initiator), "emailAddress", "phone"),
        "status": state,
        "wf_name": title(found),
    }
    if state == "stopped":
        about["stopped_date"] = world.local(found.history[-1][0])
    results: Json = {"attachments": {"attachment_folder_id": folder}, "step_list": steps, "wf_details": about}
    if details:
        about["work_workID"] = found.id
        results["permissions"] = _ALL
        results["data_packages"] = [
            {"TYPE": 1, "SUBTYPE": 1, "USERDATA": folder, "DESCRIPTION": ""},
            {"TYPE": 1, "SUBTYPE": 2, "USERDATA": found.id, "DESCRIPTION": ""},
        ]
    return {"links": call.self_link(), "results": results}


def info(call: Call) -> Json:
    """``GET /v2/workflows/status/info?workid=``: the only place that dates a completed step, where a server has it (quirk 33)."""
    call.site.needs_module("workflow")
    call.site.needs_module("statusinfo")
    found = _process(call, call.number("workid", 0))
    return {"links": call.self_link(), "results": workflow_info.of(call, found, process_status(call, found))}


def activities(call: Call) -> Json:
    """What people did, the newest first: ``results`` is an empty object as long as nobody did anything (quirk 33)."""
    call.site.needs_module("workflow")
    call.site.needs_module("activities")
    found = _process(call, call.ids[0])
    if call.ids[1] != found.id:
        raise _refused()
    rows = [
        _activity(call, at, step) for at, action, step in reversed(found.history) if action == "completed"
    ]
    limit = call.number("limit", 0)
    return {
        "links": call.self_link(),
        "results": {"data": rows[:limit] if limit > 0 else rows} if rows else {},
    }


def assignments(call: Call) -> Json:
    """The open steps of the caller (quirk 27), unpaged."""
    state = call.site.world.state
    steps = [step for number in state.active for step in state.processes[number].open_steps()]
    if call.site.quirks.own_assignments_only:
        steps = [step for step in steps if call.site.is_for(call.caller, step.to)]
    steps = [step for step in steps if process_status(call, step.process) != "stopped"]
    metadata: Json = {}
    if call.has("metadata"):
        columns = {name: definition(name, words, kind) for name, words, kind in _ASSIGNMENT_COLUMNS}
        metadata = {
            "metadata": {"assignments": columns},
            "metadata_map": {"assignments": {}},
            "metadata_order": {"assignments": list(columns)},
        }
    rows = [{"data": {"assignments": _assignment(call, step)}, **metadata} for step in steps]
    return {"links": call.self_link(), "results": rows}


# -- what workflow_info shares -----------------------------------------------------------------------------


def process_status(call: Call, found: Process) -> str:
    """One of STATUSES."""
    if found.ended is not None:
        return "completed"
    if found.id in call.site.quirks.stopped_processes:
        return "stopped"
    late = any(_step_status(call, s) == "workflowlate" for s in found.open_steps())
    return "workflowlate" if late else "ontime"


def title(found: Process) -> str:
    """The name of a workflow: that of its map."""
    return f"{found.workspace.type.name} process"


# -- which processes ---------------------------------------------------------------------------------------


def _refused() -> EcmRefusal:
    return EcmRefusal(400, "Could not access task status")


def _process(call: Call, number: int) -> Process:
    found = call.site.world.state.processes.get(number)
    if (
        found is None
        or number in call.site.quirks.unreadable
        or not call.site.may_read(call.caller, found.workspace)
    ):
        raise _refused()
    return found


def _kind(call: Call) -> str:
    """The kind that is asked for; a parameter in a spelling that this server does not have says nothing."""
    spelling = call.site.quirks.kind_spelling
    names = ("Kind", "kind") if spelling == "both" else (spelling,)
    text = next((t for n in names if (t := call.one(n))), "Both").lower()
    if text not in KINDS:
        raise _refused()
    return text


def _is_of(call: Call, found: Process, kind: str) -> bool:
    if not call.site.may_read(call.caller, found.workspace) or found.id in call.site.quirks.unreadable:
        return False
    manages = (
        call.caller.login is None
        and call.site.world.map_id(found.workspace) not in call.site.quirks.unmanaged_maps
    )
    initiated = found.initiator == call.caller.login
    return {"managed": manages, "initiated": initiated}.get(kind, manages or initiated)


def _candidates(call: Call, wanted: set[str]) -> Iterable[int]:
    """Ids, ascending, of the processes that are open or ended within ``wfretention`` days; without it, whenever they ended."""
    state, days = call.site.world.state, call.number("wfretention", 0)
    if wanted and "completed" not in wanted:
        return state.active
    if not days and not wanted:
        return state.started
    ended = state.ended.keys
    first = bisect_left(ended, (int(call.site.now()) - days * 86_400 + 1, 0)) if days else 0
    return sorted(
        [*(() if wanted == {"completed"} else state.active), *(number for _, number in ended[first:])]
    )


def _day(call: Call, name: str) -> date:
    text = call.one(name)
    try:
        return date.fromisoformat(text) if text else (date.min if name == "fromDate" else date.max)
    except ValueError:
        raise _refused() from None


def _begun(call: Call, found: Process) -> date:
    return datetime.fromtimestamp(found.started, call.site.world.estate.zone).date()


def _sorted(call: Call, found: list[Process]) -> list[Process]:
    """``sort=date_initiated desc``: one of the contract's columns; any other leaves them in the order of their ids."""
    column, _, order = call.one("sort").partition(" ")
    keys: dict[str, Callable[[Process], tuple[int | str, int]]] = {
        "date_initiated": lambda p: (p.started, p.id),
        "due_date": lambda p: (_due(call, p), p.id),
        "wf_name": lambda p: (title(p), p.id),
        "status_key": lambda p: (process_status(call, p), p.id),
    }
    return (
        sorted(found, key=keys[column], reverse=order.strip().lower() == "desc") if column in keys else found
    )


# -- how they are written ----------------------------------------------------------------------------------


def _row(call: Call, found: Process) -> Json:
    """One row of the list. An ended or stopped process has no step, no assignee, and nowhere the date of its end."""
    steps = [] if process_status(call, found) == "stopped" else found.open_steps()
    first = steps[0] if steps else None
    people = _people(call, first) if first else []
    wfstatus: Json = {
        "assignee": people,
        "assignee_count": len(people),
        "comments_on": True,
        "current_assignee": _names(people),
        "date_initiated": call.site.world.local(found.started),
        "due_date": _due(call, found),
        "parallel_steps": [_step(call, s) for s in steps],
        "process_id": found.id,
        "status_key": process_status(call, found),
        "step_name": first.title if first else "",
        "steps_count": len(steps),
        "subprocess_id": found.id,
        "task_id": first.number if first else 0,
        "wf_name": title(found),
    }
    if first and (group := _group(call, first, people)):
        wfstatus["assignedto"] = group
    return {
        "data": {"wfstatus": wfstatus},
        "definitions": {"wfstatus": _DEFINITIONS},
        "definitions_map": {"wfstatus": {}},
        "definitions_order": {"wfstatus": list(_DEFINITIONS)},
        "permissions": _ALL,
    }


def _active_row(call: Call, found: Process) -> Json:
    world = call.site.world
    due, owner = _due(call, found), world.user_id(found.initiator)
    return {
        "Work_WorkID": found.id,
        "Work_Status": workflow_info.WORK_STATUS[process_status(call, found)],
        "Work_OwnerID": owner,
        "Work_ManagerID": world.user_id(None),
        "Work_DateDue_Max": due or None,
        "Work_OwnerPerms": None,
        "SubWork_SubWorkID": found.id,
        "SubWork_DateInitiated": world.local(found.started),
        "SubWork_DateDue_Max": due or None,
        "SubWork_UserData": None,
        "SubWork_ReturnSubWorkID": 0,
        "SubWork_Title": title(found),
        "SubWork_Status": workflow_info.WORK_STATUS[process_status(call, found)],
        "Map_MapID": world.map_id(found.workspace),
        "Map_MapObjID": world.map_id(found.workspace),
        "SubWorkTask_DateMilestone": None,
        "SubWorkTask_DateDue_Max": due or None,
        "comments_on": 1,
    }


def _step(call: Call, step: WorldStep) -> Json:
    people = _people(call, step)
    assignees: Json = {"assignee": people, "assigneeCount": len(people), "currentAssignee": _names(people)}
    if group := _group(call, step, people):
        assignees["assignedto"] = group
    return {
        "process_id": step.process.id,
        "subprocess_id": step.process.id,
        "task_id": step.number,
        "task_name": step.title,
        "task_due_date": call.site.world.local(step.due) if step.due is not None else "",
        "task_start_date": call.site.world.local(step.assigned),
        "task_status": _step_status(call, step),
        "task_assignees": assignees,
    }


def _start_step(call: Call, found: Process) -> Json:
    """The step that every process begins with and that has no number."""
    began = call.site.world.local(found.started)
    return {
        "process_id": found.id,
        "subprocess_id": found.id,
        "task_id": 0,
        "task_name": "Start Step",
        "task_due_date": "",
        "task_start_date": began,
        "task_status": "completed",
        "task_assignees": {"assignee": [_person(call, found.initiator)]},
    }


def _completed(call: Call, found: Process) -> list[Json]:
    """Completed steps, oldest first: bare, unless the server has the fields that some clients read."""
    done = sorted((s.completed, s.number) for s in found.steps.values() if s.completed is not None)
    rows = []
    for at, number in done:
        step = found.steps[number]
        row = _step(call, step)
        if call.site.quirks.completed_fields:
            row["task_completed_date"] = call.site.world.local(at)
            row["task_completed_by"] = _person(call, step.by)
            row["task_disposition"] = step.disposition or ""
        rows.append(row)
    return rows


def _activity(call: Call, at: int, step: WorldStep) -> Json:
    """One completed step: `disposition` where the performer chose one, else `sendon`; no number of the step."""
    row: Json = {"action": "disposition" if step.disposition else "sendon", "comment": step.comment,
                 "date": call.site.world.local(at), "user_id": call.site.world.user_id(step.by)}  # fmt: skip
    if step.disposition:
        row["action_properties"] = {"event": step.disposition, "label": step.disposition}
    return row


def _assignment(call: Call, step: WorldStep) -> Json:
    """A step as the recorded answers have one: no node, so no id; the vendor's newer document names the workflow."""
    world, late = call.site.world, _step_status(call, step) == "workflowlate"
    nothing = (
        "create_date", "create_user_id", "description", "guid", "id", "modify_date", "modify_user_id", "owner_group_id",
        "owner_user_id", "parent_id", "reserved", "reserved_date", "reserved_user_id", "type_name", "versions_control_advanced",
        "volume_id",
    )  # fmt: skip
    row: Json = dict.fromkeys(nothing) | {
        "date_due": world.local(step.due) if step.due is not None else None,
        "description_multilingual": {},
        "from_user_id": world.user_id(step.process.initiator),
        "icon": "/cssupport/webwork/16_wfstep.gif",
        "icon_large": "/cssupport/webwork/16_wfstep_large.gif",
        "name": step.title,
        "name_multilingual": {},
        "priority": "Medium",
        "status": "Late" if late else "OK",
        "type": WORKFLOW_STEP,
    }
    if call.site.quirks.assignment_ids:
        row |= {
            "id": step.process.id,
            "location_id": step.process.workspace.id,
            "maptask_subtype": 0,
            "priority": 50,
            "priority_name": "Medium",
            "status": 2 if late else 1,
            "status_name": "Late" if late else "OK",
            "type_name": "Workflow Step",
            "workflow_id": step.process.id,
            "workflow_open_in_smart_ui": True,
            "workflow_subworkflow_id": step.process.id,
            "workflow_subworkflow_task_id": step.number,
        }
    return row


def _people(call: Call, step: WorldStep) -> list[Json]:
    """The person of a step, or every person of its group where the server names them."""
    if not call.site.world.is_group(step.to):
        return [_person(call, step.to)]
    people = call.site.people_in((step.to,)) if call.site.quirks.group_people else ()
    return [_person(call, login) | {"groupName": step.to} for login in people]


def _group(call: Call, step: WorldStep, people: list[Json]) -> Json | None:
    """``assignedto`` of a step for a group, None of one for a person."""
    world = call.site.world
    if not world.is_group(step.to):
        return None
    group: Json = {"groupId": world.member_id(step.to), "groupName": step.to}
    return group | ({"assignees": people} if people else {})


def _person(call: Call, login: str | None) -> Json:
    found = shapes.assignee(call.site, login)
    return found if call.site.quirks.login_names else _without(found, "loginName", "emailAddress", "phone")


def _without(found: Json, *keys: str) -> Json:
    return {key: value for key, value in found.items() if key not in keys}


def _names(people: list[Json]) -> str:
    return ", ".join(f"{p['firstName']} {p['lastName']}".strip() for p in people)


def _step_status(call: Call, step: WorldStep) -> str:
    if step.completed is not None:
        return "completed"
    if step.process.id in call.site.quirks.stopped_processes:
        return "stopped"
    return "workflowlate" if step.due is not None and step.due < call.site.now() else "ontime"


def _due(call: Call, found: Process) -> str:
    dues = [s.due for s in found.open_steps() if s.due is not None]
    return call.site.world.local(min(dues)) if dues else ""

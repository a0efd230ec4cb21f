"""``/v2/workflows/status``: lists of processes, one with its steps, and its activities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vigil.sandbox.ecm import shapes
from vigil.sandbox.ecm.call import Call
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.world.state import Indexed, Process, WorldStep

STATUSES = ("ontime", "workflowlate", "completed", "stopped")
_OPEN = {"ontime", "workflowlate"}  # an estate stops no process: the others are completed
_RIGHTS = ("Archive", "ChangeAttr", "ChangeRoute", "Delete", "ManagerPerms", "SeeDetail", "Stop", "Suspend")
_ALL = dict.fromkeys(_RIGHTS, True)


def status(call: Call) -> Json:
    """Processes that the caller manages or initiated. The service user manages all; nobody else manages any."""
    call.site.needs_module("workflow")
    state = call.site.world.state
    kind = (call.one("kind") or call.one("Kind") or "Both").lower()
    wanted = {s.lower() for s in [*call.query.get("wstatus", ()), *call.query.get("status", ())]}
    if unknown := wanted - set(STATUSES):
        raise EcmRefusal(400, f"Unknown status: {', '.join(sorted(unknown))}")
    if wanted == {"completed"} and (indexed := _by_end(call, kind)) is not None:
        return _list(call, indexed)
    ids = state.active if wanted and wanted <= _OPEN else [] if wanted == {"stopped"} else state.started
    found = [p for i in ids if _is_of(call, p := state.processes[i], kind)]
    if wanted and wanted != _OPEN:
        found = [p for p in found if _status(call, p) in wanted]
    return _list(call, _sorted(call, found))


def _by_end(call: Call, kind: str) -> Sequence[Process] | None:
    """What a poller asks for (all that ended, by when), from the index; None when another list is asked for."""
    column, _, order = call.one("sort").partition(" ")
    by_end = column == "date_completed" and call.site.quirks.completion_dates
    if not by_end or kind == "initiated" or call.site.restricts(call.caller):
        return None
    state = call.site.world.state
    return Indexed(state.ended.keys, state.processes, descending=order.strip().lower() == "desc")


def active(call: Call) -> Json:
    """The open processes of one workspace (``businessWorkspaceID``), of all without it."""
    call.site.needs_module("workflow")
    state = call.site.world.state
    number = call.number("businessWorkspaceID", 0)
    if not number:
        everywhere = [p for i in state.active if call.site.may_read(call.caller, p := state.processes[i])]
        return _list(call, _sorted(call, everywhere))
    workspace = state.workspaces.get(number)
    if workspace is None or not call.site.may_read(call.caller, workspace):
        raise call.site.missing(number)
    return _list(call, _sorted(call, [p for p in workspace.processes if p.is_active()]))


def process(call: Call) -> Json:
    """One process: what it is attached to, and its steps, completed, current and next."""
    call.site.needs_module("workflow")
    found = _process(call)
    done = sorted(
        (s for s in found.steps.values() if s.completed is not None), key=lambda s: (s.completed, s.number)
    )
    steps = {
        "completed": [_step(call, s) | _ending(call, s) for s in done],
        "current": [_step(call, s) for s in found.open_steps()],
        "next": [],
    }
    folder = call.site.world.attachments_id(found)
    results = {
        "attachments": {"attachment_folder_id": folder},
        "data_packages": [
            {"TYPE": 1, "SUBTYPE": 1, "USERDATA": folder, "DESCRIPTION": ""},
            {"TYPE": 1, "SUBTYPE": 2, "USERDATA": found.id, "DESCRIPTION": ""},
        ],
        "permissions": _ALL,
        "step_list": steps,
        "wf_details": {
            "date_initiated": call.site.world.local(found.started),
            "due_date": _due(call, found),
            "initiator": {k: v for k, v in shapes.assignee(call.site, found.initiator).items()
                          if k in ("firstName", "lastName", "loginName", "userId")},
            "status": _status(call, found),
            "wf_name": _name(found),
            "work_workID": found.id,
        },
    }  # fmt: skip
    return {"links": call.self_link(), "results": results}


def activities(call: Call) -> Json:
    """Who did what when, newest first. Dates in UTC."""
    call.site.needs_module("workflow")
    found = _process(call)
    shown, page = call.paged(list(reversed(found.history)), "workflows", 100)
    rows = []
    for at, action, step in shown:
        completed = action == "completed"
        person = step.by if completed else found.initiator
        activity = {
            "action": "Completed" if completed else "Assigned",
            "date": shapes.date(call.site, at),
            "process_id": found.id,
            "subprocess_id": found.id,
            "task_id": step.number,
            "task_name": step.title,
            "disposition": (step.disposition or "") if completed else "",
            "comment": "",
            "performer_id": call.site.world.user_id(person),
            "performer": shapes.assignee(call.site, person),
        }
        rows.append({"data": {"activity": activity}})
    return call.collection(page, rows, sort="desc_date")


def _process(call: Call) -> Process:
    found = call.site.world.state.processes.get(call.ids[0])
    hidden = call.ids[0] in call.site.quirks.unreadable
    if found is None or hidden or not call.site.may_read(call.caller, found.workspace):
        raise EcmRefusal(400, "Could not access task status")
    return found


def _is_of(call: Call, found: Process, kind: str) -> bool:
    if not call.site.may_read(call.caller, found.workspace) or found.id in call.site.quirks.unreadable:
        return False
    manages = call.caller.login is None
    initiated = found.initiator == call.caller.login
    return {"managed": manages, "initiated": initiated}.get(kind, manages or initiated)


def _list(call: Call, found: Sequence[Process]) -> Json:
    shown, page = call.paged(found, "workflows", 100)
    return call.collection(page, [_row(call, p) for p in shown], sort="asc_process_id")


def _sorted(call: Call, found: list[Process]) -> list[Process]:
    """``sort=date_initiated desc``, also with another column; what is no column leaves them in the order of their ids."""
    column, _, order = call.one("sort").partition(" ")
    keys: dict[str, Callable[[Process], tuple[int | str, int]]] = {
        "date_initiated": lambda p: (p.started, p.id),
        "date_completed": lambda p: (p.ended or 0, p.id),
        "name": lambda p: (_name(p), p.id),
        "status_key": lambda p: (_status(call, p), p.id),
    }
    if column not in keys or (column == "date_completed" and not call.site.quirks.completion_dates):
        return found
    return sorted(found, key=keys[column], reverse=order.strip().lower() == "desc")


def _row(call: Call, found: Process) -> Json:
    steps = found.open_steps()
    first = steps[0] if steps else None
    people = _people(call, first) if first else []
    wfstatus = {
        "assignee": people,
        "assignee_count": len(people),
        "comments_on": True,
        "current_assignee": _names(people),
        "date_initiated": call.site.world.local(found.started),
        "due_date": _due(call, found),
        "parallel_steps": [_step(call, s) for s in steps],
        "process_id": found.id,
        "status_key": _status(call, found),
        "step_name": first.title if first else "",
        "steps_count": len(steps),
        "subprocess_id": found.id,
        "task_id": first.number if first else 0,
        "wf_name": _name(found),
    }
    if found.ended is not None and call.site.quirks.completion_dates:
        # An estate's process may go on after a pause in which no step is open: the date tells one end from the next.
        wfstatus["date_completed"] = call.site.world.local(found.ended)
    return {"data": {"wfstatus": wfstatus, "permissions": _ALL}}


def _step(call: Call, step: WorldStep) -> Json:
    people = _people(call, step)
    return {
        "process_id": step.process.id,
        "subprocess_id": step.process.id,
        "task_id": step.number,
        "task_name": step.title,
        "task_due_date": call.site.world.local(step.due) if step.due is not None else "",
        "task_start_date": call.site.world.local(step.assigned),
        "task_status": _step_status(call, step),
        "task_assignees": {
            "assignee": people,
            "assigneeCount": len(people),
            "currentAssignee": _names(people),
            **_group(call, step),
        },
    }


def _ending(call: Call, step: WorldStep) -> Json:
    assert step.completed is not None
    return {
        "task_completed_date": call.site.world.local(step.completed),
        "task_completed_by": shapes.assignee(call.site, step.by),
        "task_disposition": step.disposition or "",
    }


def _people(call: Call, step: WorldStep) -> list[Json]:
    """The person, or every person of the group, that a step is assigned to."""
    world = call.site.world
    logins = call.site.people_in((step.to,)) if world.is_group(step.to) else (step.to,)
    return [shapes.assignee(call.site, login) for login in logins]


def _group(call: Call, step: WorldStep) -> Json:
    world = call.site.world
    if not world.is_group(step.to):
        return {}
    return {"groupId": world.member_id(step.to), "groupName": step.to}


def _names(people: list[Json]) -> str:
    return ", ".join(f"{p['firstName']} {p['lastName']}".strip() for p in people)


def _step_status(call: Call, step: WorldStep) -> str:
    if step.completed is not None:
        return "completed"
    return "workflowlate" if step.due is not None and step.due < call.site.now() else "ontime"


def _status(call: Call, found: Process) -> str:
    if found.ended is not None:
        return "completed"
    steps = found.open_steps()
    return "workflowlate" if any(_step_status(call, s) == "workflowlate" for s in steps) else "ontime"


def _due(call: Call, found: Process) -> str:
    dues = [s.due for s in found.open_steps() if s.due is not None]
    return call.site.world.local(min(dues)) if dues else ""


def _name(found: Process) -> str:
    return f"{found.workspace.type.name} process"

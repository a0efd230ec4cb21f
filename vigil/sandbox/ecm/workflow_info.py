"""``GET /v2/workflows/status/info``: a process as the vendor's schema has it, in the words of the database.

Nobody recorded an answer: what a client read elsewhere than the schema says is a switch each (quirk 33).
"""

from __future__ import annotations

from vigil.sandbox.ecm.call import Call
from vigil.sandbox.ecm.protocol import Json
from vigil.sandbox.world.state import Process, WorldStep

WORK_STATUS = {"ontime": 0, "workflowlate": 0, "completed": -1, "stopped": 3}
"""Numbers of a process's state; no source says which the vendor has."""


def of(call: Call, found: Process, status: str) -> Json:
    """`results` of the answer for a process in this state, one of `workflow.STATUSES`."""
    quirks, world = call.site.quirks, call.site.world
    lists: dict[str, list[Json]] = {
        "generalInfo": [_general(call, found, status)],
        "stepList": [_step(call, s, status) for s in sorted(found.steps.values(), key=lambda s: s.number)],
        "auditInfo": [_audit(call, at, action, step) for at, action, step in found.history],
        quirks.info_comments: [_comment(call, at, step) for at, action, step in found.history
                               if action == "completed" and step.comment],
        "ManagerList": [{"WorkACL_WorkID": found.id, "WorkACL_RightID": world.user_id(None), "WorkACL_Permissions": 255}],
        "Attributes": [],
        "forms": [],
    }  # fmt: skip
    single = quirks.info_single_objects
    shown: Json = {name: held[0] if single and len(held) == 1 else held for name, held in lists.items()}
    return {"Attachments": world.attachments_id(found), **shown}


def _work(call: Call, found: Process, status: str) -> Json:
    world, number = call.site.world, WORK_STATUS[status]
    ended = world.local(found.ended) if found.ended is not None else None
    due = max((s.due for s in found.open_steps() if s.due is not None), default=None)
    dates = {
        "DateDue_Min": None,
        "DateDue_Max": None if due is None else world.local(due),
        "DateInitiated": world.local(found.started),
        "DateCompleted": ended,
        "Status": number,
    }
    return {
        "Work_WorkID": found.id,
        **{f"Work_{name}": value for name, value in dates.items()},
        "Work_OwnerID": world.user_id(found.initiator),
        "Work_ManagerID": world.user_id(None),
        "SubWork_WorkID": found.id,
        "SubWork_SubWorkID": found.id,
        "SubWork_MapID": world.map_id(found.workspace),
        **{f"SubWork_{name}": value for name, value in dates.items()},
        "SubWork_Title": f"{found.workspace.type.name} process",
    }


def _general(call: Call, found: Process, status: str) -> Json:
    owner = found.initiator or "vigil"
    return _work(call, found, status) | {
        "_WORK_OWNERID_Name": owner,
        "_WORK_OWNERID_OwnerID": call.site.world.user_id(found.initiator),
    }


def _step(call: Call, step: WorldStep, status: str) -> Json:
    world = call.site.world
    performer = step.by if step.completed is not None else step.to
    number = world.member_id(performer) if performer is not None else world.user_id(None)
    task = {
        "SubWorkTask_WorkID": step.process.id,
        "SubWorkTask_SubWorkID": step.process.id,
        "SubWorkTask_TaskID": step.number,
        "SubWorkTask_Title": step.title,
        "SubWorkTask_PerformerID": number,
        "SubWorkTask_DateReady": world.local(step.assigned),
        "SubWorkTask_DateDone": None if step.completed is None else world.local(step.completed),
        "SubWorkTask_DateDue_Max": None if step.due is None else world.local(step.due),
        "SubWorkTask_Status": "0" if step.completed is None else "-1",
        "_SUBWORKTASK_PERFORMERID_Name": performer or "vigil",
        "_SUBWORKTASK_PERFORMERID_OwnerID": number,
    }
    entry: Json = {"TASKID": step.number, "TITLE": step.title, "TYPE": 1, "SUBTYPE": 1}
    work = _work(call, step.process, status)
    if call.site.quirks.info_dates == "WORK":
        return entry | {"WORK": task, "WORKINFO": work}
    # The client that was seen reads these there; the other keys of a task it never names.
    return entry | {
        "WORKINFO": work | {key: held for key, held in task.items() if key.startswith("SubWorkTask_")}
    }


def _audit(call: Call, at: int, action: str, step: WorldStep) -> Json:
    world = call.site.world
    person = step.by if action == "completed" else step.process.initiator
    return {
        "AUDIT_DATE": world.local(at),
        "AUDIT_MSG": f"Step '{step.title}' {'completed' if action == 'completed' else 'ready'}",
        "USER_ID": world.user_id(person),
        "USER_NAME": person or "vigil",
    }


def _comment(call: Call, at: int, step: WorldStep) -> Json:
    return {
        "COMMENTS": step.comment,
        "DATESAVED": call.site.world.local(at),
        "GIF": None,
        "GROUPASSIGNMENT": call.site.world.is_group(step.to),
        "STEPNAME": step.title,
        "TASKID": step.number,
        "USERID": call.site.world.user_id(step.by),
        "USERNAME": step.by or "vigil",
    }

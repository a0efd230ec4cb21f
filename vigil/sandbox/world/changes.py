"""Applies events to the state."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from datetime import timedelta

from vigil.sandbox.estate.model import EstateEvent
from vigil.sandbox.world.ids import Family
from vigil.sandbox.world.state import (
    COMMENT,
    VERSION_ADDED,
    Audit,
    Deletion,
    Process,
    WorldDocument,
    WorldState,
    WorldStep,
    WorldWorkspace,
    seconds,
)


def apply(state: WorldState, event: EstateEvent, ahead: timedelta = timedelta()) -> None:
    """Apply one event; the loader has checked that it can be. Its dates are written by a clock that is `ahead`."""
    at = seconds(event.ts + ahead)
    if event.kind == "user_deleted":
        state.deleted.add(event.data["login"])
    elif event.kind == "document_deleted":
        _delete(state, event, at)
    else:
        # A change may stand before the creation that has the same instant.
        workspace = state.workspaces.get(event.workspace) or _create(state, event, ahead)
        if event.kind != "workspace_created":
            _CHANGES[event.kind](state, workspace, event, at)


def _create(state: WorldState, event: EstateEvent, ahead: timedelta) -> WorldWorkspace:
    made = state.estate.workspaces[event.workspace]
    at, kind, by = seconds(made.created + ahead), state.estate.types[made.type], event.data["by"]
    roles = {role: made.roles.get(role, ()) for role in kind.roles}
    place = len(state.workspaces) + len(state.estate.types)  # templates come first
    workspace = WorldWorkspace(
        id=made.id,
        place=place,
        type=kind,
        name=made.name,
        created=at,
        modified=at,
        child_created=at,
        child_modified=at,
        attrs=dict(made.attrs),
        roles=roles,
        modified_by=by,
        related=made.related,
    )
    workspace.audit.append(Audit(at, 1, by, ""))
    state.workspaces[made.id] = workspace
    state.order.append(made.id)
    state.by_modified[made.type].add(at, made.id)
    state.last_made[made.type] = at
    return workspace


def _touch(state: WorldState, workspace: WorldWorkspace, at: int, by: str | None) -> None:
    before = state.modified(workspace)
    # As its node's clock says, also where another node wrote a later date before.
    workspace.modified, workspace.modified_by = at, by
    workspace.child_created = workspace.child_modified = at
    state.by_modified[workspace.type.name].move(before, state.modified(workspace), workspace.id)


def _touch_by_child(state: WorldState, workspace: WorldWorkspace, at: int, *, created: bool = False) -> None:
    before = state.modified(workspace)
    workspace.child_modified = at
    if created:
        workspace.child_created = at
    state.by_modified[workspace.type.name].move(before, state.modified(workspace), workspace.id)


def _attribute(state: WorldState, workspace: WorldWorkspace, event: EstateEvent, at: int) -> None:
    workspace.attrs[event.data["attr"]] = event.data["value"]
    workspace.audit.append(Audit(at, 10, event.data["by"], ""))
    if state.attribute_touches:
        _touch(state, workspace, at, event.data["by"])


def _comment(state: WorldState, workspace: WorldWorkspace, event: EstateEvent, at: int) -> None:
    workspace.audit.append(Audit(at, COMMENT, event.data["by"], event.data["text"]))
    _touch(state, workspace, at, event.data["by"])


def _role(state: WorldState, workspace: WorldWorkspace, event: EstateEvent, at: int) -> None:
    workspace.roles[event.data["role"]] = event.data["members"]
    workspace.audit.append(Audit(at, 9, event.data["by"], ""))


def _add(state: WorldState, workspace: WorldWorkspace, event: EstateEvent, at: int) -> None:
    data, by = event.data, event.data["by"]
    document = WorldDocument(
        id=data["id"],
        workspace=workspace,
        name=data["name"],
        type=data["type"],
        created=at,
        by=by,
        modified=at,
        modified_by=by,
        expires=state.day(data["expires"]),
    )
    document.audit.append(Audit(at, 1, by, ""))
    if document.type is not None:
        document.audit.append(Audit(at, 264, by, ""))
    document.versions.append(state.new_version(1, at, by))
    state.documents[document.id] = workspace.documents[document.id] = document
    _touch_by_child(state, workspace, at, created=state.lies_at_root(document.type))


def _add_version(state: WorldState, workspace: WorldWorkspace, event: EstateEvent, at: int) -> None:
    document, by = state.documents[event.data["id"]], event.data["by"]
    document.versions.append(state.new_version(len(document.versions) + 1, at, by))
    document.audit.append(Audit(at, VERSION_ADDED, by, ""))
    document.modified, document.modified_by = at, by
    if event.data["expires"] is not None:
        if document.expires is not None:
            before = len(document.versions) - 1
            document.past_expiries = (*document.past_expiries, (document.expires, before))
        document.expires = state.day(event.data["expires"])
    _touch_by_child(state, workspace, at)


def _delete(state: WorldState, event: EstateEvent, at: int) -> None:
    document = state.documents.pop(event.data["id"])
    workspace = document.workspace
    del workspace.documents[document.id]
    gone = workspace.last_added = workspace.last_added or {}
    gone[document.type] = max(gone.get(document.type, 0), document.created)
    state.bin[document.id] = Deletion(at, event.data["by"], document)
    _touch_by_child(state, document.workspace, at)


def _assign(state: WorldState, workspace: WorldWorkspace, event: EstateEvent, at: int) -> None:
    data = event.data
    process = _process(state, workspace, data["process"], at, data["by"])
    step = WorldStep(process, data["step"], data["title"], data["to"], at, state.instant(data["due"]))
    process.steps.pop(step.number, None)  # one that is assigned anew stands last
    process.steps[step.number] = step
    process.history.append((at, "assigned", step))
    if process.ended is not None:  # it goes on after a pause
        state.ended.drop(process.ended, process.id)
        process.ended = None
        insort(state.active, process.id)


def _complete(state: WorldState, workspace: WorldWorkspace, event: EstateEvent, at: int) -> None:
    process = state.processes[state.process_ids[workspace.id, event.data["process"]]]
    step = process.steps[event.data["step"]]
    step.completed, step.by, step.disposition = at, event.data["by"], event.data["disposition"]
    step.comment = event.data["comment"]
    process.history.append((at, "completed", step))
    if not process.open_steps():
        process.ended = at
        state.ended.add(at, process.id)
        del state.active[bisect_left(state.active, process.id)]


def _process(state: WorldState, workspace: WorldWorkspace, number: int, at: int, by: str | None) -> Process:
    known = state.process_ids.get((workspace.id, number))
    if known is not None:
        return state.processes[known]
    # A step is named by workspace, process and step: another workspace may use the same process number.
    place = len(state.numbered)
    free = number if number not in state.processes else state.ids.of(Family.PROCESS, place)
    process = Process(free, workspace, place, at, by)
    state.process_ids[workspace.id, number] = free
    state.processes[free] = process
    state.numbered.append(free)
    insort(state.started, free)
    insort(state.active, free)
    workspace.processes.append(process)
    return process


_Change = Callable[[WorldState, WorldWorkspace, EstateEvent, int], None]
_CHANGES: dict[str, _Change] = {
    "attribute_changed": _attribute,
    "comment_added": _comment,
    "role_changed": _role,
    "document_added": _add,
    "version_added": _add_version,
    "step_assigned": _assign,
    "step_completed": _complete,
}

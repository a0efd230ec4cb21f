"""What only some installations have: missing documents, those in process, reports, to-do lists, document types, classifications.

Each is a module that may be absent (quirk 20); the shapes are those of quirks 36 and 43.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from vigil.sandbox.ecm import shapes
from vigil.sandbox.ecm.call import Call
from vigil.sandbox.ecm.definitions import INTEGER, STRING, definition
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.world import ids
from vigil.sandbox.world.state import WorldDocument, WorldWorkspace

RECENT = timedelta(days=30)
_PARENT = (
    "container", "container_size", "create_date", "create_user_id", "description", "external_create_date", "external_identity",
    "external_identity_type", "external_modify_date", "external_source", "favorite", "icon", "icon_large", "id", "modify_date",
    "modify_user_id", "name", "name_multilingual", "owner_group_id", "owner_user_id", "parent_id", "reserved", "reserved_date",
    "reserved_user_id", "type", "type_name", "versions_control_advanced", "volume_id",
)  # fmt: skip


def missing_documents(call: Call) -> Json:
    """The required types of which the workspace has no document, each with the folder where one belongs."""
    call.site.needs_module("missingdocuments")
    found, world = _workspace(call), call.site.world
    rows = [_place(call, found, world.class_id(name), name, name) for name in _missing(found)]
    return _listing(call, rows, "missingDocuments")


def in_process_documents(call: Call) -> Json:
    """Documents that are being generated: an estate has none."""
    call.site.needs_module("inprocessdocuments")
    _workspace(call)
    return _listing(call, [], "inProcessDocuments")


def reports(call: Call) -> Json:
    """``type=documentsAdded`` (30 days), ``recentDocuments`` (the ten changed last), ``outdatedDocuments``."""
    call.site.needs_module("reports")
    found, now = _workspace(call), call.site.now()
    held = sorted(found.documents.values(), key=lambda d: (-d.modified, d.id))
    wanted = call.one("type")
    if wanted == "documentsAdded":
        held = [d for d in held if d.created > now - RECENT.total_seconds()]
    elif wanted == "recentDocuments":
        held = held[:10]
    elif wanted == "outdatedDocuments":
        held = [d for d in held if _outdated(call, found, d)]
    else:
        raise EcmRefusal(400, f"Unknown report type: {wanted}")
    rows = [_place(call, found, d.id, d.name, d.type) for d in held]
    return {"links": call.self_link(), "results": {"data": rows, "total_count": len(rows)}}


def team_todo(call: Call) -> Json:
    """The people in the caller's workspaces whose files lack documents. The service user is in no team: for him there are none."""
    call.site.needs_module("myteamtodo")
    todos: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    login, state = call.caller.login, call.site.world.state
    mine = [w for w in state.workspaces.values() if login is not None and call.site.may_read(call.caller, w)]
    for workspace in mine:
        missing = _missing(workspace)
        outdated = [d.type for d in workspace.documents.values() if d.type and _outdated(call, workspace, d)]
        for person in call.site.people_in(m for held in workspace.roles.values() for m in held):
            if person != login and (missing or outdated):
                lists = todos.setdefault(person, ({}, {}))
                for names, more in zip(lists, (missing, outdated), strict=True):
                    names.update(dict.fromkeys(more))
    members = [_todo(call, person, missing, outdated) for person, (missing, outdated) in todos.items()]
    return {"results": [{"data": {"members": members}, "properties": None}]}


def doctypes(call: Call) -> Json:
    """Every document type known for the workspace type: whether it is required, and for how many months one is valid."""
    call.site.needs_module("doctypes")
    found = _workspace(call)
    rules = {r.type: r.valid_months for r in found.type.required}
    names = call.site.world.document_types[found.type.name]
    if call.yes("document_generation_only"):  # an estate generates none
        names = ()
    results = [
        {"data": {"properties": _doctype(call, found, n, priority, rules)}}
        for priority, n in enumerate(names, 1)
    ]
    return {"links": call.self_link(), "results": results}


def classifications(call: Call) -> Json:
    """``GET /v1/nodes/{id}/classifications``: the type of a document, one row; what has none has no row."""
    call.site.needs_module("classifications")
    found, world = call.readable(), call.site.world
    data = []
    if isinstance(found, WorldDocument) and found.type is not None:
        data.append({
            "id": world.class_id(found.type), "name": found.type, "type": 199, "selectable": True, "management_type": "manual",
            "score": None, "inherit_flag": True, "classvolumeid": None, "parent_managed": None,
            "cell_metadata": {"data": {}, "definitions": {}}, "menu": None,
        })  # fmt: skip
    return {
        "bCanApplyClass": True,
        "bCanRemoveClass": True,
        "canModify": True,
        "classVolumeID": world.structure_id(ids.CLASSIFICATIONS),
        "data": data,
        "definitions": {key: definition(key, name, kind) for key, name, kind in _CLASS_COLUMNS},
        "definitions_map": {"name": ["menu"]},
        "definitions_order": ["name"],
    }


_CLASS_COLUMNS = (
    ("classvolumeid", "Classification Volume ID", INTEGER),
    ("id", "Classification", INTEGER),
    ("inherit_flag", "Inherit Flag", INTEGER),
    ("management_type", "Management Type", STRING),
    ("name", "Name", STRING),
    ("parent_managed", "Parent Managed", INTEGER),
    ("score", "Score", INTEGER),
    ("selectable", "Selectable", INTEGER),
    ("type", "Type", INTEGER),
)


def _workspace(call: Call) -> WorldWorkspace:
    found = call.readable()
    if not isinstance(found, WorldWorkspace):
        raise EcmRefusal(400, "The item is not a business workspace.")
    return found


def _missing(found: WorldWorkspace) -> list[str]:
    present = {d.type for d in found.documents.values()}
    return [r.type for r in found.type.required if r.type not in present]


def _outdated(call: Call, found: WorldWorkspace, document: WorldDocument) -> bool:
    zone = call.site.world.estate.zone
    today = call.site.world.now.astimezone(zone).date()
    if document.expires is not None:
        return document.expires < today.isoformat()
    months = next((r.valid_months for r in found.type.required if r.type == document.type), None)
    if months is None:
        return False
    day = datetime.fromtimestamp(document.modified, zone).date()
    return (today.year - day.year) * 12 + today.month - day.month - (today.day < day.day) >= months


def _place(call: Call, found: WorldWorkspace, number: int, name: str, kind: str | None) -> Json:
    """One row: something of the document type `kind`, and the container where it is, or belongs."""
    parent = call.site.world.folders.home(found, kind)
    node = call.site.world.node(parent)
    assert node is not None
    properties = shapes.node_properties(call.site, node)
    expanded = {key: properties[key] for key in _PARENT if key in properties}
    return {"id": number, "name": name, "parent_id": parent, "parent_id_expand": expanded}


def _listing(call: Call, rows: list[Json], kind: str) -> Json:
    columns = (("id", None, INTEGER), ("name", "Document Type", STRING), ("parent_id", "Location", INTEGER))
    results = {
        "data": rows,
        "definitions": {key: definition(key, name, number) for key, name, number in columns},
        "definitions_map": {},
        "definitions_order": ["id", "name", "parent_id"],
        "total_count": len(rows),
        "type": kind,
    }
    return {"links": call.self_link(), "results": results}


def _todo(call: Call, login: str, missing: Iterable[str], outdated: Iterable[str]) -> Json:
    found = shapes.member(call.site, login)
    return {
        "id": found["id"],
        "display_name": found["name_formatted"],
        "first_name": found["first_name"],
        "last_name": found["last_name"],
        "business_email": found.get("business_email"),
        "employee_file_todos": {
            "missing": [{"doc_type_name": name} for name in missing],
            "outdated": [{"doc_type_name": name} for name in outdated],
        },
    }


def _doctype(call: Call, found: WorldWorkspace, name: str, priority: int, rules: Mapping[str, Any]) -> Json:
    world, months = call.site.world, rules.get(name)
    template = world.templates[found.type.name]
    lists = (
        "delete_dynperm_roles", "delete_members", "delete_review_dynperm_roles", "delete_review_members", "mime_types",
        "reminder_assignees", "reminder_escalation_assignees", "review_members", "upload_dynperm_roles", "upload_members",
        "upload_review_dynperm_roles", "upload_review_members",
    )  # fmt: skip
    return {key: [] for key in lists} | {
        "classification_description": "",
        "classification_id": world.class_id(name),
        "classification_name": name,
        "delete_review_required": False,
        "delete_workflow_id": None,
        "document_generation": 0,
        "location": str(world.folders.home(found, name)),
        "priority": priority,
        "required": int(name in rules),
        "roles": "",
        "rs_type": 0,
        "template_id": template.id,
        "type": "",
        "upload_review_required": False,
        "upload_workflow_id": None,
        "validity": call.site.quirks.unset_validity if months is None else months,
        "validity_required": months is not None,
    }

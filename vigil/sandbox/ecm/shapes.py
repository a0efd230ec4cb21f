"""Nodes and members as objects of the REST API: property by property as the documented sample responses have them."""

from __future__ import annotations

from vigil.sandbox.ecm.protocol import Json
from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.world import ids
from vigil.sandbox.world.state import (
    TYPE_NAMES,
    Node,
    WorldDocument,
    WorldFolder,
    WorldVersion,
    WorldWorkspace,
)


def date(site: SimulatedEcm, at: int, *, utc: bool = True) -> str:
    """A date as this endpoint writes it: some in UTC with a Z, others naive in the server's zone (quirk 11)."""
    return site.world.zulu(at) if utc and site.quirks.mixed_dates else site.world.local(at)


def workspace_row(site: SimulatedEcm, workspace: WorldWorkspace) -> Json:
    """Properties of a workspace in the lists and details of ``businessworkspaces``: naive dates."""
    world = site.world
    place = world.type_names.index(workspace.type.name)
    creator = world.user_id(workspace.audit[0].by if workspace.audit else None)
    size = world.size(workspace)
    return {
        "volume_id": -world.structure_id(ids.VOLUME),
        "id": workspace.id,
        "parent_id": world.structure_id(ids.TYPE_FOLDER, place),
        "owner_user_id": creator,
        "name": workspace.name,
        "type": 848,
        "description": "",
        "create_date": world.local(workspace.created),
        "create_user_id": creator,
        "modify_date": world.local(world.state.modified(workspace)),
        "modify_user_id": world.user_id(workspace.modified_by),
        "reserved": False,
        "reserved_user_id": 0,
        "reserved_date": None,
        "order": None,
        "icon": "/cssupport/otsapxecm/wksp.png",
        "hidden": False,
        "mime_type": None,
        "original_id": 0,
        "wnf_wksp_type_id": place + ids.TYPE_ID,
        "wnf_wksp_template_id": world.structure_id(ids.TEMPLATE, place),
        "wksp_type_id": place + ids.TYPE_ID,
        "wksp_type_name": workspace.type.name,
        "size_formatted": f"{size} Items",
        "type_name": "Business Workspace",
        "container": True,
        "container_size": size,
        "size": size,
    }


def node_properties(site: SimulatedEcm, node: Node) -> Json:
    """Properties of any node at ``/nodes``."""
    world = site.world
    if isinstance(node, WorldWorkspace):
        place = world.type_names.index(node.type.name)
        parent, kind = world.structure_id(ids.TYPE_FOLDER, place), 848
        created, modified = node.created, world.state.modified(node)
        creator, modifier = (
            world.user_id(node.audit[0].by if node.audit else None),
            world.user_id(node.modified_by),
        )
    elif isinstance(node, WorldDocument):
        parent, kind, created, modified = world.folders.holding(node), 144, node.created, node.modified
        creator, modifier = world.user_id(node.by), world.user_id(node.modified_by)
    elif isinstance(node, WorldFolder):
        parent, kind, created, modified = node.parent, 0, node.workspace.created, node.workspace.created
        creator = modifier = world.user_id(None)
    else:
        parent, kind, created, modified = node.parent, node.type, 946_684_800, 946_684_800
        creator = modifier = world.user_id(None)
    is_document = kind == 144
    size = 1024 if is_document else world.size(node)
    properties: Json = {
        "advanced_versioning": False if is_document else None,
        "container": kind in (0, 128, 141, 848),
        "container_size": 0 if is_document else size,
        "create_date": date(site, created),
        "create_user_id": creator,
        "description": "",
        "external_create_date": None,
        "external_identity": "",
        "external_identity_type": "",
        "external_modify_date": None,
        "external_source": "",
        "favorite": False,
        "hidden": False,
        "icon": "",
        "icon_large": "",
        "id": node.id,
        "mime_type": "application/pdf" if is_document else None,
        "modify_date": date(site, modified),
        "modify_user_id": modifier,
        "name": node.name,
        "name_multilingual": {"en": node.name},
        "original_id": 0,
        "owner_group_id": 999,
        "owner_user_id": creator,
        "parent_id": parent,
        "permissions_model": "advanced",
        "reserved": False,
        "reserved_date": None,
        "reserved_user_id": 0,
        "size": size,
        "size_formatted": "1 KB" if is_document else f"{size} Items",
        "status": None,
        "type": kind,
        "type_name": TYPE_NAMES[kind],
        "versionable": is_document,
        "versions_control_advanced": False,
        "volume_id": -world.structure_id(ids.VOLUME),
    }
    if isinstance(node, WorldDocument):
        properties["classification_ids"] = [world.class_id(node.type)] if node.type is not None else []
    elif isinstance(node, WorldWorkspace):
        properties["wksp_type_id"] = place + ids.TYPE_ID
    elif not isinstance(node, WorldFolder):
        properties["original_id"] = node.original
    return properties


def version(site: SimulatedEcm, document: WorldDocument, item: WorldVersion) -> Json:
    """One version, as at ``/nodes/{id}/versions``."""
    at = date(site, item.at)
    return {
        "create_date": at,
        "description": "",
        "external_create_date": None,
        "external_source": "",
        "file_create_date": at,
        "file_modify_date": at,
        "file_name": document.name,
        "file_size": 1024,
        "file_type": document.name.rpartition(".")[2],
        "has_generation": False,
        "id": document.id,
        "locked": False,
        "locked_date": None,
        "locked_user_id": None,
        "mime_type": "application/pdf",
        "modify_date": at,
        "name": document.name,
        "owner_id": site.world.user_id(item.by),
        "provider_id": item.id,
        "version_id": item.id,
        "version_number": item.number,
        "version_number_major": 0,
        "version_number_minor": item.number,
        "version_number_name": str(item.number),
    }


def user(site: SimulatedEcm, login: str) -> Json:
    """Properties of a user of the estate at ``/members``."""
    found = site.world.estate.users[login]
    first, _, last = found.name.partition(" ")
    group = site.world.member_id(found.groups[0]) if found.groups else None
    return {
        "business_email": found.email,
        "business_phone": None,
        "deleted": login in site.world.state.deleted,
        "display_language": found.language,
        "first_name": first,
        "group_id": group,
        "id": site.world.user_id(login),
        "initials": "".join(part[0] for part in (first, last) if part),
        "last_name": last,
        "middle_name": None,
        "name": login,
        "name_formatted": found.name,
        "office_location": None,
        "personal_email": None,
        "photo_url": None,
        "privilege_login": True,
        "privilege_public_access": True,
        "privilege_system_admin_rights": False,
        "privilege_user_admin_rights": False,
        "time_zone": found.zone or -1,
        "title": None,
        "type": 0,
        "type_name": "User",
    }


def group(site: SimulatedEcm, name: str) -> Json:
    """Properties of a group."""
    return {
        "deleted": False,
        "id": site.world.member_id(name),
        "initials": name[:1].upper(),
        "leader_id": None,
        "name": name,
        "name_formatted": name,
        "type": 1,
        "type_name": "Group",
    }


def service_user(site: SimulatedEcm) -> Json:
    """Properties of the user who watches: an administrator, not of the estate."""
    return {
        "business_email": None,
        "deleted": False,
        "display_language": None,
        "first_name": "Vigil",
        "group_id": None,
        "id": site.world.user_id(None),
        "initials": "V",
        "last_name": "",
        "name": "vigil",
        "name_formatted": "Vigil",
        "privilege_login": True,
        "privilege_system_admin_rights": True,
        "time_zone": -1,
        "type": 0,
        "type_name": "User",
    }


def member(site: SimulatedEcm, name: str | None) -> Json:
    """Properties of a login, a group, or (None) the service user."""
    if name is None:
        return service_user(site)
    return group(site, name) if site.world.is_group(name) else user(site, name)


def assignee(site: SimulatedEcm, login: str | None) -> Json:
    """A person as workflow answers write one."""
    found = site.world.estate.users.get(login) if login is not None else None
    first, _, last = (found.name if found else "Vigil").partition(" ")
    return {
        "userId": site.world.user_id(login),
        "loginName": found.login if found else "vigil",
        "firstName": first,
        "lastName": last,
        "emailAddress": (found.email if found else None) or "",
        "phone": "",
    }

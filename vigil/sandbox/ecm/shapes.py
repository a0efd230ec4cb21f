"""Nodes and members as objects of the REST API: property by property as the documented sample responses have them."""

from __future__ import annotations

from collections.abc import Iterable

from vigil.sandbox.ecm.protocol import Json
from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.world import ids
from vigil.sandbox.world.state import (
    TYPE_NAMES,
    Node,
    Plain,
    WorldDocument,
    WorldFolder,
    WorldVersion,
    WorldWorkspace,
)

EPOCH = 946_684_800  # when the folders and maps were made, which no estate says: 2000-01-01
SERVICE_USER, SIGNING_GROUP = 17, 101
_EXPANDABLE = frozenset(
    (
        "id",
        "parent_id",
        "user_id",
        "create_user_id",
        "modify_user_id",
        "owner_user_id",
        "reserved_user_id",
        "agent_id",
    )
)
_UNKNOWN: Json = dict.fromkeys((
    "birth_date", "business_fax", "business_phone", "cell_phone", "gender", "home_address_1", "home_address_2", "home_fax",
    "home_phone", "middle_name", "office_location", "pager", "personal_email", "personal_interests", "personal_url_1",
    "personal_url_2", "personal_url_3", "personal_website", "title",
))  # fmt: skip
"""What a user has and an estate does not say."""
_OF_ROLES = frozenset((
    "business_fax", "business_phone", "deleted", "first_name", "group_id", "id", "last_name", "leader_id", "middle_name", "name",
    "office_location", "photo_id", "privilege_login", "privilege_modify_groups", "privilege_modify_users",
    "privilege_public_access", "privilege_system_admin_rights", "privilege_user_admin_rights", "time_zone", "title", "type",
    "type_name",
))  # fmt: skip
_BARE = frozenset(
    (
        "first_name",
        "group_id",
        "id",
        "initials",
        "last_name",
        "middle_name",
        "name",
        "name_formatted",
        "type",
        "type_name",
    )
)


def date(site: SimulatedEcm, at: int, *, utc: bool = True) -> str:
    """A date as this endpoint writes it: some in UTC with a Z, others naive in the server's zone (quirk 11)."""
    return site.world.zulu(at) if utc and site.quirks.mixed_dates else site.world.local(at)


def dates(site: SimulatedEcm, node: Node) -> tuple[int, int]:
    """When a node was made and changed."""
    world = site.world
    if isinstance(node, WorldWorkspace):
        return node.created, world.state.modified(node)
    if isinstance(node, WorldDocument):
        return node.created, node.modified
    if isinstance(node, WorldFolder):
        return node.workspace.created, world.folders.modified(node)
    return EPOCH, max(EPOCH, world.last_made_in(node))


def expanded(site: SimulatedEcm, properties: Json, wanted: Iterable[str] | None) -> Json:
    """With ``{key}_expand`` beside the ids of members and nodes that `wanted` names, None for every one."""
    found = dict(properties)
    for key in sorted(_EXPANDABLE if wanted is None else _EXPANDABLE.intersection(wanted)):
        number = properties.get(key)
        if not isinstance(number, int):
            continue
        if key in ("id", "parent_id"):
            node = site.world.node(number)
            if node is not None:
                found[f"{key}_expand"] = node_properties(site, node)
        elif (name := site.world.member_name(number)) is not None or number == site.world.user_id(None):
            found[f"{key}_expand"] = member(site, name)
    return found


def workspace_row(site: SimulatedEcm, workspace: WorldWorkspace) -> Json:
    """Properties of a workspace in the lists of ``businessworkspaces``: naive dates, no `container_size`."""
    world, quirks = site.world, site.quirks
    place = world.type_names.index(workspace.type.name)
    creator = world.user_id(workspace.audit[0].by if workspace.audit else None)
    size = world.size(workspace)
    row: Json = {
        "volume_id": -world.structure_id(ids.VOLUME),
        "id": workspace.id,
        "parent_id": world.structure_id(ids.TYPE_FOLDER, place),
        "name": workspace.name,
        "type": 848,
        "description": "",
        "create_date": world.local(workspace.created),
        "modify_date": world.local(world.state.modified(workspace)),
        "favorite": False,
        "reserved": False,
        "reserved_user_id": 0,
        "reserved_date": None,
        "order": None,
        "icon": "/cssupport/otsapxecm/wksp.png",
        "hidden": False,
        "mime_type": None,
        "original_id": 0,
        "size_formatted": f"{size} Items",
        "type_name": "Business Workspace",
        "container": True,
        "size": size,
    }
    if quirks.user_ids_in_lists:
        row["create_user_id"] = row["owner_user_id"] = creator
        row["modify_user_id"] = world.user_id(workspace.modified_by)
    if quirks.type_ids_in_lists:
        row["wnf_wksp_type_id"] = place + ids.TYPE_ID
        row["wnf_wksp_template_id"] = world.structure_id(ids.TEMPLATE, place)
    return row


def workspace_detail(site: SimulatedEcm, workspace: WorldWorkspace) -> Json:
    """Properties of one workspace at its own address: as a node's, with naive dates, its type's name and its classifications."""
    world = site.world
    found = node_properties(site, workspace)
    for key in ("advanced_versioning", "mime_type", "permissions_model", "size", "size_formatted", "owner",
                "reserved_shared_collaboration"):  # fmt: skip
        del found[key]
    return found | {
        "create_date": world.local(workspace.created),
        "modify_date": world.local(world.state.modified(workspace)),
        "classification_id": 0,
        "classification_ids": [],
        "guid": None,
        "rm_enabled": False,
        "wksp_type_name": workspace.type.name,
    }


def node_properties(site: SimulatedEcm, node: Node) -> Json:
    """Properties of any node at ``/nodes``."""
    world = site.world
    created, modified = dates(site, node)
    if isinstance(node, WorldWorkspace):
        place = world.type_names.index(node.type.name)
        parent, kind = world.structure_id(ids.TYPE_FOLDER, place), 848
        creator, modifier = (
            world.user_id(node.audit[0].by if node.audit else None),
            world.user_id(node.modified_by),
        )
    elif isinstance(node, WorldDocument):
        parent, kind = world.folders.holding(node), 144
        creator, modifier = world.user_id(node.by), world.user_id(node.modified_by)
    elif isinstance(node, WorldFolder):
        parent, kind = node.parent, 0
        creator = modifier = world.user_id(None)
    else:
        parent, kind = node.parent, node.type
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
        "owner": "",
        "owner_group_id": 999,
        "owner_user_id": creator,
        "parent_id": parent,
        "permissions_model": "advanced",
        "reserved": False,
        "reserved_date": None,
        "reserved_shared_collaboration": False,
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
    if isinstance(node, WorldDocument) and not site.quirks.classifications_apart:
        properties["classification_ids"] = [world.class_id(node.type)] if node.type is not None else []
    if isinstance(node, Plain) and node.original:
        properties["original_id"] = node.original
    if site.quirks.multilingual_names:
        properties |= {"name_multilingual": {"en": node.name}, "description_multilingual": {"en": ""}}
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
        **_UNKNOWN,
        "business_email": found.email,
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
        "photo_id": None,
        "photo_url": None,
        **_privileges(False),
        "time_zone": zone_number(found.zone) if site.quirks.zones_are_numbers else -1,
        "type": 0,
        "type_name": "User",
    }


def group(site: SimulatedEcm, name: str) -> Json:
    """Properties of a group; a signing group has a type of its own (quirk 38)."""
    signing = name in site.quirks.signing_groups
    return {
        "deleted": False,
        "id": site.world.member_id(name),
        "initials": name[:1].upper(),
        "leader_id": None,
        "name": name,
        "name_formatted": name,
        "type": SIGNING_GROUP if signing else 1,
        "type_name": "Signing Group" if signing else "Group",
    }


def role(site: SimulatedEcm, number: int, name: str) -> Json:
    """A workspace's role as a member, which it is in attributes and assignments."""
    return {
        "deleted": False,
        "id": number,
        "initials": name[:1].upper(),
        "leader_id": None,
        "name": name,
        "name_formatted": name,
        "type": 848,
        "type_name": "Workspace Role",
    }


def service_user(site: SimulatedEcm) -> Json:
    """Properties of the user who watches: an administrator, not of the estate."""
    kind = site.quirks.service_user_type
    return {
        **_UNKNOWN,
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
        "photo_id": None,
        "photo_url": None,
        **_privileges(True),
        "time_zone": -1,
        "type": kind,
        "type_name": "Service User" if kind == SERVICE_USER else "User",
    }


def role_member(site: SimulatedEcm, name: str) -> Json:
    """A member as the roles of a workspace list it: `display_name` in place of `name_formatted` (quirk 45)."""
    found = member(site, name)
    kept = {key: value for key, value in found.items() if key in _OF_ROLES}
    if not site.quirks.role_members_bare:
        kept["display_name"] = found["name_formatted"]
        if "business_email" in found:
            kept["business_email"] = found["business_email"]
    if found["type"] == 0:
        kept["group_name"] = (site.world.estate.users[name].groups or ("",))[0]
    return kept


def listed_member(site: SimulatedEcm, name: str | None) -> Json:
    """A member as lists have it: perhaps without e-mail and `deleted` (quirk 45)."""
    found = member(site, name)
    if not site.quirks.listed_members_bare:
        return found
    return {key: value for key, value in found.items() if key in _BARE}


def zone_number(zone: str | None) -> int:
    """ECM's own number of a time zone, which no table outside it explains; -1 for none."""
    return sum(map(ord, zone)) % 90 if zone else -1


def _privileges(administrator: bool) -> Json:
    found = dict.fromkeys(
        ("privilege_content_manager", "privilege_grant_discovery", "privilege_modify_groups", "privilege_modify_users",
         "privilege_system_admin_rights", "privilege_user_admin_rights"), administrator)  # fmt: skip
    return {"privilege_login": True, "privilege_public_access": True, **found}


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

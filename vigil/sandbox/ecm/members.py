"""``/v2/members``: users, groups, and members of groups."""

from __future__ import annotations

from vigil.sandbox.ecm import shapes
from vigil.sandbox.ecm.call import Call, only
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.world.ids import Family


def member(call: Call) -> Json:
    """A user or group by id. A deleted user is still there and says so (quirk 21)."""
    name = _named(call, call.ids[0])
    return {"links": call.self_link(), "results": {"data": {"properties": shapes.member(call.site, name)}}}


def members(call: Call) -> Json:
    world = call.site.world
    kind = call.one("where_type", "0")
    names = world.groups if kind == "1" else world.logins if kind == "0" else ()
    return _page(call, list(names))


def group_members(call: Call) -> Json:
    """What a group holds: users and groups (quirk 22), or one kind with ``where_type``."""
    world = call.site.world
    name = _named(call, call.ids[0])
    if name is None or not world.is_group(name):
        raise EcmRefusal(400, "The member is not a group.")
    held = world.estate.groups[name] if call.site.quirks.groups_nest else call.site.people_in((name,))
    if (kind := call.one("where_type")) in ("0", "1"):
        held = tuple(m for m in held if world.is_group(m) == (kind == "1"))
    return _page(call, list(held))


def me(call: Call) -> Json:
    """``GET /v1/auth`` with a ticket: who the caller is."""
    found = shapes.member(call.site, call.caller.login)
    return {"data": only(found, frozenset(("id", "name", "first_name", "last_name", "type")))}


def _named(call: Call, number: int) -> str | None:
    """The login or group of an id, None for the service user. Raises Refused (500) for none."""
    world = call.site.world
    match world.ids.read(number):
        case (Family.USER, 0):
            return None
        case (Family.USER, place) if place <= len(world.logins):
            return world.logins[place - 1]
        case (Family.GROUP, place) if place < len(world.groups):
            return world.groups[place]
    raise EcmRefusal(500, f"Could not get a member for {number}, Insufficient privileges.")


def _page(call: Call, names: list[str]) -> Json:
    kept = [n for n in names if _wanted(call, n)]
    if call.one("sort").startswith("desc"):
        kept.reverse()
    shown, page = call.paged(kept, "members", 10)
    rows = [{"data": {"properties": shapes.member(call.site, name)}} for name in shown]
    return call.collection(page, rows, sort="asc_id")


def _wanted(call: Call, name: str) -> bool:
    given = {k[6:]: call.one(k) for k in call.query if k.startswith("where_") and k != "where_type"}
    query = call.one("query").lower()
    if not given and not query:
        return True
    found = shapes.member(call.site, name)
    if query and not any(
        query in str(found.get(k) or "").lower() for k in ("name", "name_formatted", "business_email")
    ):
        return False
    return all(call.site.matches(str(found.get(key) or ""), value) for key, value in given.items())

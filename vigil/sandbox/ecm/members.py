"""``/v2/members``: users, groups, and members of groups."""

from __future__ import annotations

from collections.abc import Sequence

from vigil.sandbox.ecm import shapes
from vigil.sandbox.ecm.call import Call, only
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.world.ids import Family


def member(call: Call) -> Json:
    """A user, group or workspace role by id. A deleted user is still there and says so (quirk 21)."""
    number = call.ids[0]
    if (found := call.site.world.role_of(number)) is not None:
        properties = shapes.role(call.site, number, found[1])
    else:
        properties = shapes.member(call.site, _named(call, number))
    return {"links": call.self_link(), "results": {"data": {"properties": properties}}}


def members(call: Call) -> Json:
    """All of one type, or users and groups when none is asked for."""
    names: list[str | None] = [*call.site.world.logins, *call.site.world.groups, None]
    return _page(call, [name for name in names if _is_of(call, name, call.one("where_type"))], "members", 20)


def group_members(call: Call) -> Json:
    """What a group or role holds: users, and groups (quirk 22) with ``where_type=1``, on some versions also without (38)."""
    site, number, kind = call.site, call.ids[0], call.one("where_type")
    if (found := site.world.role_of(number)) is not None:
        held: Sequence[str] = found[0].roles.get(found[1], ())
    else:
        name = _named(call, number)
        if name is None or not site.world.is_group(name):
            raise EcmRefusal(500, f"Invalid group {number}")
        held = site.world.estate.groups[name] if site.quirks.groups_nest else site.people_in((name,))
    kind = kind or ("0" if site.quirks.groups_need_where_type else "")
    return _page(call, [m for m in held if _is_of(call, m, kind)], "group members", 25)


def _is_of(call: Call, name: str | None, kind: str) -> bool:
    """Whether a member has the type that ``where_type`` asks for; without one the service user is not shown."""
    number = int(shapes.member(call.site, name)["type"]) if kind or name is None else 0
    return str(number) == kind if kind else number != shapes.SERVICE_USER


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
    status = 500 if call.site.quirks.missing_member_500 else 400
    raise EcmRefusal(status, f"Could not get a member for {number}, Insufficient privileges.")


def _page(call: Call, names: Sequence[str | None], kind: str, default: int) -> Json:
    kept = [n for n in names if _wanted(call, n)]
    sort = call.one("sort")
    key = sort.removeprefix("asc_").removeprefix("desc_")
    if key in ("name", "first_name", "last_name"):
        kept.sort(key=lambda name: str(shapes.member(call.site, name).get(key) or ""))
    if sort.startswith("desc"):
        kept.reverse()
    shown, page = call.paged(kept, kind, default)
    rows = [{"data": {"properties": shapes.listed_member(call.site, name)}} for name in shown]
    return call.collection(page, rows, sort="asc_id")


def _wanted(call: Call, name: str | None) -> bool:
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

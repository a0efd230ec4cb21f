"""Follow-ups: days and moments, whom they name, and which are open."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from tests.support.canned import CannedClient
from vigil.ecm.answers import Json
from vigil.ecm.errors import NotReadable, Unavailable
from vigil.ecm.followups import Assignee, FollowUp, read, reminder

INDIA = ZoneInfo("Asia/Kolkata")


def row(**more: object) -> Json:
    return {"followup_id": 1, "data_id": 7, "status": 1, "due_date": "2026-03-05T00:00:00Z", **more}


def member(number: int, kind: int, name: str) -> Json:
    return {
        "results": {
            "data": {"properties": {"id": number, "type": kind, "name": name, "business_email": None}}
        }
    }


def answers(*rows: Json) -> dict[str, Json]:
    return {
        r"GET /v2/nodes/7/followups": {
            "results": {"followups": [{"data": {"followup": one}} for one in rows]}
        },
        r"GET /v2/members/5": member(5, 0, "ada"),
        r"GET /v2/members/9": member(9, 1, "Clerks"),
        r"GET /v2/members/848": member(848, 848, "Manager"),
    }


@pytest.mark.parametrize(
    ("text", "zone", "due"),
    [
        ("2026-03-05T00:00:00Z", INDIA, date(2026, 3, 5)),
        ("2026-03-05T05:30:00", INDIA, date(2026, 3, 5)),
        ("2026-03-05T09:31:58", INDIA, datetime(2026, 3, 5, 4, 1, 58, tzinfo=UTC)),
        ("2026-03-05T00:00:00", INDIA, datetime(2026, 3, 4, 18, 30, tzinfo=UTC)),
        ("2026-03-05T00:00:00", timezone(timedelta(0)), date(2026, 3, 5)),
        ("", INDIA, None),
        (None, INDIA, None),
    ],
)
def test_a_day_is_midnight_in_utc_and_anything_else_a_moment(
    text: str | None, zone: ZoneInfo, due: date | datetime | None
) -> None:
    assert reminder(row(due_date=text), zone).due == due


@pytest.mark.parametrize(
    ("status", "is_open"), [(1, True), (-1, True), (-2, True), (None, True), (7, True), (2, False)]
)
def test_everything_but_completed_is_open(status: int | None, is_open: bool) -> None:
    assert reminder(row(status=status), UTC).is_open == is_open


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([{"id": 5, "name": "Ada"}], (Assignee(5, "Ada"),)),
        ([5, "9"], (Assignee(5), Assignee(9))),
        (5, (Assignee(5),)),
        ([], ()),
        (None, ()),
    ],
)
def test_assignees_are_objects_or_ids(given: object, found: tuple[Assignee, ...]) -> None:
    assert reminder(row(assignees=given), UTC).assignees == found


async def test_people_are_logins_and_groups_and_roles_are_named_beside_them() -> None:
    server = CannedClient(
        answers(row(assignees=[{"id": 5, "name": "Ada"}, 9, {"id": 848, "name": "Manager"}]))
    )
    found = await read(server, [7])
    assert found.found == (FollowUp(7, date(2026, 3, 5), "", ("ada",), ("Clerks", "Manager")),)


async def test_an_assignee_who_cannot_be_looked_up_keeps_the_name_of_the_reminder() -> None:
    given = answers(row(assignees=[{"id": 6, "name": "Bob B."}]))
    server = CannedClient({r"GET /v2/members/6": Unavailable("/v2/members/6", "no answer"), **given})
    [found] = (await read(server, [7])).found
    assert (found.assignees, found.others) == ((), ("Bob B.",))


async def test_what_is_done_or_has_no_date_is_left_out() -> None:
    found = await read(CannedClient(answers(row(status=2), row(due_date=None))), [7])
    assert found.found == ()


async def test_a_module_that_is_absent_is_said_to_be() -> None:
    gone = CannedClient({r"GET /v2/nodes/7/followups": NotReadable("/x", "no such module", 400)})
    assert (await read(gone, [7])).absent == "no such module"

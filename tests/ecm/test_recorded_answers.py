"""Every reader over every recorded answer of its request: what comes out is what a person reads there.

Recordings are found by the request in their INDEX.md. For one that is not named below, that it is read, and that ids are ids.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.ecm.readers import Node, is_unread, readers
from tests.support.recorded import Recording, recordings
from vigil.compliance.facts import Step
from vigil.ecm.followups import Assignee, Reminder
from vigil.ecm.parse import GROUP, USER, DocType, Member, Role, shaped, workspace_type
from vigil.ecm.schema import ListedType
from vigil.ecm.search import SearchRow
from vigil.ecm.steps import Activity

RECORDINGS = recordings()
pytestmark = pytest.mark.shared

Read = list[Any]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def of(name: str) -> Read:
    """What each reader of this recording's request gives."""
    one = next(r for r in RECORDINGS if r.name == name)
    return [read(one.answer) for read in readers(one) or ()]


@pytest.mark.parametrize("one", RECORDINGS, ids=lambda one: one.name)
def test_every_recorded_answer_is_read_or_known_as_one_that_nobody_asks_for(one: Recording) -> None:
    found = readers(one)
    if one.status != 200:
        assert set(one.answer) & {"error", "errorDetail"}
        return
    assert found or is_unread(one), f"nothing reads {one.method} {one.path}"
    for read in found or ():
        with shaped(one.path):
            _sound(read(one.answer))


def _sound(read: object) -> None:
    """Ids are positive, instants are in UTC, and texts can be stored, wherever they are in what was read."""
    if isinstance(read, datetime):
        assert read.tzinfo is not None
        assert read.utcoffset() == UTC.utcoffset(None)
    elif is_dataclass(read):
        if (number := getattr(read, "id", None)) is not None:
            assert isinstance(number, int)
            assert number > 0
        for field in fields(read):
            _sound(getattr(read, field.name))
    elif isinstance(read, dict):
        _sound(list(read.values()))
    elif isinstance(read, list | tuple | frozenset):
        for one in read:
            _sound(one)


# -- lists of workspaces and of nodes


@pytest.mark.parametrize(
    ("name", "ids", "total", "more"),
    [
        ("workspaces-list-empty", [], 0, False),
        (
            "workspaces-list-kna1-asc",
            [69422, 69426, 69533, 71844, 235627, 235953, 235957, 235961, 236080, 236168, 236278],
            11,
            False,
        ),
        ("pyxecm-workspaces-list-2025", [8291], 806, True),
        ("pyxecm-relateditems-2025", [35710], 2146, True),
        (
            "relateditems-2513449-page1",
            [2506523, 2513275, 2513705, 2513355, 2513347, 2513285, 2506507, 2506519, 2513140, 2513289],
            70,
            True,
        ),
        (
            "relateditemspicklist-2513449-page5",
            [2508439, 2513727, 2513711, 2506533, 2513359, 2508435],
            99,
            True,
        ),
        (
            "children-35536261-page1",
            [35536607, 35536722, 35535843, 35536287, 35536178, 35536544, 35535948, 35535844],
            128,
            True,
        ),
        ("children-4711", [301422, 301423, 301424, 301425, 301426], 2, False),
    ],
)
def test_a_list_gives_its_rows_its_count_and_whether_it_goes_on(
    name: str, ids: list[int], total: int, more: bool
) -> None:
    [(rows, count, goes_on)] = of(name)
    assert ([row.id for row in rows], count, goes_on) == (ids, total, more)


def test_the_last_page_of_related_items_goes_on_nowhere_whatever_its_ranges_say() -> None:
    [(rows, count, more)] = of("relateditems-98015-page2")
    assert (len(rows), count, more) == (13, 43, False)
    assert rows[0] == Node(35542, 848, "2019-07-15T16:41:45+00:00", 9, None)


def test_the_items_of_a_container_are_its_size_where_there_is_no_container_size() -> None:
    [(rows, _, _)] = of("pyxecm-workspaces-list-2025")
    assert rows == [Node(8291, 848, "2025-01-05T12:30:44+00:00", 15, None)]
    [(rows, _, _)] = of("pyxecm-relateditems-2025")
    assert rows == [Node(35710, 848, "2025-06-28T22:17:35+00:00", 13, None)]


def test_dates_are_read_by_their_own_form_naive_or_in_utc() -> None:
    [node, _] = of("pyxecm-node")
    assert node == Node(576204, 0, "2025-01-19T06:57:04+00:00", 0, None)
    [node, _] = of("nodes-244861-v2")
    assert node == Node(244861, 144, "2016-06-07T08:07:39+00:00", None, 60)


def test_versions_may_be_one_object_and_have_no_number() -> None:
    [node, values] = of("nodes-26820417-v2")
    assert node == Node(26820417, 144, "2020-01-08T14:41:46+00:00", None, None)
    assert values == (26820417, {})
    [(rows, _, _)] = of("children-4711")
    assert [row.version for row in rows] == [None] * 5


@pytest.mark.parametrize(
    ("name", "numbers"), [("version-5869-9-v2", [9]), ("versions-244861-v1", [1, 2, 3, 4, 5, 6])]
)
def test_versions_come_alone_or_in_rows(name: str, numbers: list[int]) -> None:
    [versions] = of(name)
    assert [one["version_number"] for one in versions] == numbers


def test_the_workspace_of_a_node_is_read_in_one_call() -> None:
    assert of("pyxecm-businessworkspace-root") == [(346184, 848)]


def test_a_workspaces_own_call_tells_its_type() -> None:
    own = [one for one in RECORDINGS if re.fullmatch(r"/v2/businessworkspaces/\d+", one.path)]
    types = {one.name: workspace_type(one.answer, one.path) for one in own}
    assert types["businessworkspace-detail-51209"] == 7
    assert types["businessworkspace-categories-null-multivalues"] == 3
    assert workspace_type({"results": [{"data": {"properties": {"id": 5}}}]}, "/workspace") is None


# -- categories


def test_attributes_of_a_workspace_have_the_names_of_its_own_definitions() -> None:
    assert of("businessworkspace-detail-51209") == [
        (
            51209,
            {
                "Notification.Name": "Unzul\u00e4ssige Vibrationen",
                "Notification.Object Key": "000010000037",
                "Notification.Object Type": "BUS2038",
                "Vendor.Name": None,
                "Vendor.Object Key": "I2200                   00000091",
                "Vendor.Object Type": None,
            },
        )
    ]


def test_unset_values_have_many_forms_and_a_date_not_at_midnight_has_a_time() -> None:
    [(number, found)] = of("businessworkspace-categories-null-multivalues")
    assert number == 153423
    unset = {name for name, value in found.items() if value is None}
    assert {name.removeprefix("Equipment(EQUI).") for name in unset} == {
        "Description_ML",
        "Icon",
        "Language",
        "Manufacturer model number",
        "Manufacturer of Asset",
        "Manufacturer part number",
        "Manufacturer serial number",
        "Serial number",
        "TestPropMVDateTime",
        "TestPropMVInteger",
    }
    group = "Equipment(EQUI).TestPropGroup"
    assert found[f"{group}.TestGPropDate"] == ((at("1995-08-25T06:30:00"),),)
    assert found[f"{group}.TestGPropInteger"] == ((18,),)
    key = "000000000010000496"
    strings = tuple(f"{key} {n} (string)" for n in (1, 2, 3))
    assert found[f"{group}.TestGPropMVString"] == (strings,)
    assert found["Equipment(EQUI).Object key"] == key


def test_the_categories_of_a_node_are_a_list_of_flat_objects() -> None:
    [_, (number, found)] = of("nodes-244861-v2")
    assert number == 244861
    assert len(found) == 23
    assert (found["142987_8_2_9"], found["202682_5"]) == ([None, None], 116807)


# -- people


def test_members_are_users_or_groups_and_a_number_is_no_zone() -> None:
    assert of("member-7060") == [Member(7060, USER, "u017", "u017", email="u017@example.org")]
    assert of("pyxecm-member-list") == [[Member(8123, USER, "u028", "Bela Iris", email="u028@example.org")]]
    [listed] = of("members-list")
    assert [(one.id, one.kind) for one in listed] == [
        (999, GROUP),
        (1000, USER),
        (1001, GROUP),
        (2001, GROUP),
        (2079, GROUP),
        (10013, USER),
        (14537, USER),
        (14538, USER),
        (14649, USER),
        (14978, USER),
    ]


def test_a_group_has_groups_inside_and_rows_without_an_address_are_incomplete() -> None:
    [inside] = of("group-members-999")
    assert [(one.principal, one.complete) for one in inside] == [
        ("user:Admin", False),
        ("group:DefaultGroup", True),
        ("user:arabic", False),
        ("user:user1", False),
        ("user:user4", False),
    ]


def test_roles_have_their_members_flat_groups_among_them() -> None:
    [roles] = of("roles-with-members-1")
    assert [(role.id, role.name, [m.name for m in role.members]) for role in roles] == [
        (6424618, "Key Account Manager", ["u006", "u007", "u008"]),
        (6423832, "Sales", ["u009", "u008", "u010"]),
    ]
    [roles] = of("roles-with-members-13875")
    by_name: dict[str, Role] = {role.name: role for role in roles}
    assert len(roles) == 16
    assert [m.principal for m in by_name["Staff"].members or ()] == [
        "user:u003",
        "user:u004",
        "user:u005",
        "group:Famous Actors",
    ]
    assert [m.full_name for m in by_name["Manager"].members or ()] == ["Cora Orchis"]
    assert by_name["Staff Council 8 "].members == ()


# -- audit


def test_audit_events_have_the_names_of_the_answers_own_table() -> None:
    [(events, total, more)] = of("audit-18704-asc-page1")
    assert (len(events), total, more) == (30, 47, True)
    assert events[:3] == [
        ("Version Added", "2019-09-04T11:08:19+00:00", 1000),
        ("Create", "2019-09-04T11:08:20+00:00", 1000),
        ("Reserve", "2019-09-04T11:20:50+00:00", 1000),
    ]
    assert of("audit-18704-by-type") == [
        ([("Attribute Value Changed", "2019-09-04T11:08:20+00:00", 1000)], 1, False)
    ]
    assert of("pyxecm-audit") == [([("event 6000", "2025-05-23T10:20:56+00:00", 8306)], 23, False)]


# -- types, documents, reminders


def test_workspace_types_have_templates_or_none() -> None:
    assert of("workspacetypes-kna1") == [([ListedType(1, "Customer", (22232, 63157))], [])]
    assert of("pyxecm-workspacetypes") == [([ListedType(16, "Customer", ())], [])]


def test_document_types_and_missing_documents() -> None:
    assert of("pyxecm-doctypes") == [[DocType("Sales Contract", True, 12, 29021)]]
    assert of("missingdocuments-51209") == [["Vendor D9A", "Notification D9A"]]
    assert of("pyxecm-classifications") == [[(219555, "Aviator Search")]]


def test_a_reminder_at_midnight_in_utc_is_for_a_day() -> None:
    assert of("pyxecm-followups") == [
        [Reminder(23, 53429, 1, date(2026, 5, 28), "test", (Assignee(25574, "Assignee One"),))]
    ]


# -- workflows


def test_a_list_of_workflows_says_of_each_whether_it_has_ended() -> None:
    assert of("workflows-status-both") == [{38504: False, 4244: True}]
    assert of("pyxecm-workflows-status") == [{160580: False}]


def test_a_completed_step_without_a_date_has_an_unknown_end_the_start_step_none() -> None:
    begun = at("2017-12-20T04:57:43")
    unknown = frozenset({"completed_at", "completed_by", "disposition"})
    assert of("process-38504-completed") == [
        [
            Step(1, 1, 1, "E-Mail", ("user:id:1001",), begun, unknown=unknown, source="/process"),
            Step(1, 1, 2, "Current step", ("user:id:7060",), begun, source="/process"),
        ]
    ]


def test_a_stopped_step_waits_for_nobody() -> None:
    [[step]] = of("process-7412-stopped")
    assert step == Step(
        1,
        7412,
        1,
        "<Initiator> Stopped Workflow",
        ("user:Admin",),
        at("2019-04-25T07:07:10"),
        due=at("2019-04-26T07:07:10"),
        stopped=True,
        source="/process",
    )
    assert not step.is_open
    assert not step.is_completed


def test_activities_have_their_person_and_dispositions_their_label() -> None:
    [found] = of("activities")
    assert [one.action for one in found] == [
        "sendon",
        "forward",
        "reply",
        "review",
        "sendon",
        "disposition",
        "start",
        "attachment",
        "attachment",
        "forward",
    ]
    said = "I guess we should reject this customer request!"
    assert found[5] == Activity(at("2017-01-04T07:50:40"), 1002, "disposition", "Reject Approval", said)
    assert found[9].user is None


# -- search


def test_a_row_of_the_search_says_where_a_node_lies_and_how_it_is_classified() -> None:
    [page] = of("search-relevance-page1")
    assert (page.limit, page.page, page.more, page.odd) == (10, 1, True, ())
    folder, with_reminders, document = page.rows[0], page.rows[1], page.rows[7]
    assert folder == SearchRow(
        27729007,
        0,
        "searchResults",
        24788426,
        at("2018-05-12T14:19:07"),
        5,
        (2000, 24788095, 24788535, 604999, 24788426, 27729007),
        classifications=(),
    )
    assert with_reminders.classifications == (15741269,)
    assert [(r.id, r.due, r.is_open) for r in with_reminders.follow_ups] == [
        (347, date(2019, 5, 27), False),
        (401, at("2019-08-20T04:01:58"), False),
    ]
    assert (document.id, document.version, document.current) == (29971674, 1, True)
    assert document.classifications == (2067850, 2120757, 15741379, 18121785, 17863745)
    assert page.rows[2].follow_ups == ()


def test_a_path_has_negative_ids_of_volumes_and_need_not_begin_at_2000() -> None:
    [page] = of("pyxecm-search")
    assert page.rows[0].location == (2000, 6471, 6473, 10318, -10318, 10324, 28368, -28368, 28375, 42708)
    assert (page.rows[0].classifications, page.rows[0].follow_ups) == (None, None)
    assert (page.limit, page.page, page.pages, page.total, page.cache) == (100, 1, 50, 4945, 507204350)
    assert "desc_OTObjectDate" in page.sorts
    assert "desc_OTModifyDate" not in page.sorts
    [page] = of("search-relevance-page3")
    assert [(row.id, row.type, row.location) for row in page.rows] == [
        (26522225, 1281, (132097, 26522224, 26522225))
    ]
    assert (page.pages, page.more) == (3, False)


def test_an_old_version_is_a_row_that_is_not_current() -> None:
    [page] = of("search-versions")
    assert [(row.id, row.current, row.version) for row in page.rows] == [
        (596254, False, 1),
        (596252, False, 1),
    ]
    assert (page.total, page.pages) == (998, 100)


def test_rows_without_regions_have_no_location_and_a_search_may_find_nothing() -> None:
    [page] = of("search-saved-query")
    assert [row.id for row in page.rows] == [44807, 44815, 44823, 44831, 44839, 44847]
    assert {(row.type, row.location, row.classifications) for row in page.rows} == {(848, (), None)}
    [page] = of("search-none")
    assert (page.rows, page.total, page.more) == ((), 0, False)


def test_the_server_tells_its_version_and_a_naive_clock() -> None:
    assert of("serverinfo-2020") == [("16.2.999", "2020-01-28T10:52:05")]
    assert of("pyxecm-serverinfo") == [("23.3", "2023-09-05T17:09:41")]

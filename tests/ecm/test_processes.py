"""Workflows: found to have changed by the hash of their row, read step by step, put in their workspaces."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from tests.support.canned import CannedClient
from vigil.compliance.facts import Step
from vigil.ecm import EcmError, Extractor, FactBatch, Gone, Needs, NotReadable, Unavailable
from vigil.ecm.answers import Json
from vigil.ecm.dialect import Dialect, KindSpelling, StepEnds
from vigil.ecm.steps import ACCEPTED, UNREAD, noted, row_hash

NOON = contracts.NOON
LATE = contracts.BEGINNING + timedelta(hours=12)


async def test_at_first_the_active_ones_are_to_be_read(server: Server) -> None:
    async with server.client() as client:
        found = await Extractor(client).processes(None, {})
    assert set(found.read) == {7001, 7002}
    assert set(found.hashes) == {7001, 7002}
    assert found.vanished == ()


async def test_when_nothing_moved_nothing_is_to_be_read(server: Server) -> None:
    async with server.client() as client:
        first = await Extractor(client).processes(contracts.NOON, {})
        second = await Extractor(client).processes(contracts.NOON, first.hashes)
    assert (second.read, second.vanished) == ((), ())
    assert second.hashes == first.hashes
    assert second.requests == 4


async def test_whatever_happened_between_two_polls_is_to_be_read(moving: Server) -> None:
    """One went on, one ended, one went on and ended again, one came and went: only the first is in a list of active ones."""
    async with moving.client() as client:
        extractor = Extractor(client, Needs(dispositions=True))
        first = await extractor.processes(None, {})
        moving.sandbox.move(contracts.at(10))
        second = await extractor.processes(contracts.NOON, first.hashes)
        ids = {*second.read, *second.vanished}
        batch = await extractor.read_processes(ids, {})
        third = await extractor.processes(contracts.at(10), second.hashes)
    assert ids == {7001, 7002, 7003, 7004}
    assert (third.read, third.vanished) == ((), ())
    steps = {(fact.process, fact.step): fact for fact in batch.facts if isinstance(fact, Step)}
    done = {
        key: (s.completed_at, s.completed_by, s.disposition) for key, s in steps.items() if s.completed_at
    }
    assert done == {
        (7001, 1): (contracts.at(4), "ada", "checked"),
        (7002, 1): (contracts.at(4), "clerk-03", "filed"),
        (7003, 1): (LATE + timedelta(minutes=5), "bob", "signed"),
        (7003, 2): (contracts.at(4.5), "cem", "filed"),
        (7004, 1): (contracts.at(4.5), "bob", "refused"),
    }
    assert steps[7001, 2].completed_at is None
    assert steps[7001, 2].assignees == ("user:bob",)
    assert steps[7001, 2].assigned_at == contracts.at(4)


async def test_a_step_that_becomes_late_by_itself_is_no_change(moving: Server) -> None:
    """Step 1 of process 7001 is due at 17:00; nobody touches it, and ECM moves it to the list of late ones."""
    async with moving.client() as client:
        extractor = Extractor(client)
        moving.sandbox.move(contracts.at(3))
        first = await extractor.processes(None, {})
        assert 7001 in first.hashes
    row = {
        "data": {
            "wfstatus": {
                "process_id": 1,
                "status_key": "ontime",
                "parallel_steps": [{"task_status": "ontime"}],
            }
        }
    }
    late = {
        "data": {
            "wfstatus": {
                "process_id": 1,
                "status_key": "workflowlate",
                "parallel_steps": [{"task_status": "late"}],
            }
        }
    }
    other = {"data": {"wfstatus": {"process_id": 1, "status_key": "ontime", "parallel_steps": []}}}
    assert row_hash(row) == row_hash(late)
    assert row_hash(row) != row_hash(other)


async def test_steps_have_assignees_dates_and_the_workspace_that_they_are_attached_to(server: Server) -> None:
    async with server.client() as client:
        batch = await Extractor(client).read_processes([7001, 7002], {})
    first, second = batch.facts
    assert isinstance(first, Step)
    assert isinstance(second, Step)
    assert (first.workspace, first.process, first.step, first.title) == (1020, 7001, 1, "Check")
    assert first.assignees == ("user:ada",)
    assert first.assigned_at == LATE
    assert first.due == datetime(2026, 3, 2, 17, tzinfo=UTC)
    assert first.source == "/v2/workflows/status/processes/7001"
    assert second.assignees == ("group:Clerks",)  # the group, and not its 45 members
    assert batch.workspaces == {7001: 1020, 7002: 1021}


async def test_a_process_whose_workspace_is_known_costs_one_request(server: Server) -> None:
    async with server.client() as client:
        await client.get("/v2/nodes/1001")
        server.mark()
        batch = await Extractor(client).read_processes([7001, 7002], {7001: 1020, 7002: 1021})
    assert server.asked() == batch.requests == 2
    assert batch.workspaces == {}


async def test_a_process_that_is_gone_is_said_to_be_and_the_others_are_read(server: Server) -> None:
    async with server.client() as client:
        batch = await Extractor(client).read_processes([7001, 99], {})
    assert batch.gone == (Gone("process", "99"),)
    assert [fact.process for fact in batch.facts if isinstance(fact, Step)] == [7001]


async def test_a_process_that_could_not_be_read_is_to_be_asked_for_again(
    server: Server, quick: Callable[[], None]
) -> None:
    quick()
    server.fault("GET /v2/workflows/status/processes/7002", "503", times=99)
    async with server.client() as client:
        batch = await Extractor(client).read_processes([7001, 7002], {})
    assert batch.unread == {7002}
    assert batch.gaps[0].path == "/v2/workflows/status/processes/7002"
    assert batch.gone == ()


async def test_without_the_workflow_module_nothing_vanished_and_a_gap_says_why(server: Server) -> None:
    server.quirks(modules_absent=["workflow"])
    async with server.client() as client:
        found = await Extractor(client).processes(contracts.NOON, {7001: "abc"})
    assert (found.read, found.vanished) == ((), ())
    assert found.hashes == {7001: "abc"}
    assert found.gaps[0].path == "/v2/workflows/status"


# -- the workspace of a process


FOLDER = "GET /v2/nodes/900/nodes"
HOME = r"GET /v1/nodes/(\d+)/businessworkspace"
NODES = "POST /v2/nodes/list"


def node(number: int, parent: int | None, type: int | None = 144, **more: object) -> Json:
    given = {"id": number, "type": type, "parent_id": parent, **more}
    return {"data": {"properties": {name: value for name, value in given.items() if value is not None}}}


def listed(*rows: Json, total: int | None = None) -> Json:
    paging = {"limit": 100, "page": 1, **({} if total is None else {"total_count": total})}
    return {"results": list(rows), "collection": {"paging": paging}}


def seen(*rows: Json) -> Callable[[str, dict[str, str]], Json]:
    """What `nodes/list` shows: those of these nodes that it was asked for."""
    known = {str(one["data"]["properties"]["id"]): one for one in rows}
    return lambda _, params: {"results": [known[i] for i in params["ids"].split(",") if i in known]}


def begun(**attachments: object) -> Json:
    answer = process([])
    answer["results"]["step_list"]["current"] = [step()]
    answer["results"]["attachments"] = attachments
    return answer


async def placed(answers: dict[str, Any], known: dict[int, str] | None = None) -> FactBatch:
    lists = {"GET /v2/workflows/status": listed()}
    client = CannedClient({PROCESS: begun(attachment_folder_id=900), **lists, **answers})
    extractor = Extractor(client)
    await extractor.processes(None, known or {})
    return await extractor.read_processes([5], {})


SHOWN = {FOLDER: listed(node(611, 610), total=1)}


@pytest.mark.parametrize(
    "answers",
    [
        {**SHOWN, NODES: seen(node(611, 610))},
        {**SHOWN, NODES: seen(node(611, None))},
        {**SHOWN, NODES: seen(node(611, 610), node(610, -1, type=None))},
        {**SHOWN, NODES: seen(node(611, 610), node(610, -77, type=0))},
        {**SHOWN, NODES: seen(*(node(611 - n, 610 - n, type=0) for n in range(30)))},
        {FOLDER: listed(total=1)},
        {FOLDER: listed()},
        {FOLDER: listed(node(612, 900, type=1), total=1), NODES: seen(node(612, -1, type=1))},
    ],
    ids=[
        "the folder is hidden",
        "no parent is told",
        "no type is told",
        "in another node's inside",
        "too deep",
        "fewer came than are counted",
        "none came and none are counted",
        "a shortcut to an untold node",
    ],
)
async def test_a_process_whose_workspace_is_not_shown_is_a_gap_once_and_then_named(
    answers: dict[str, Any],
) -> None:
    batch = await placed(answers)
    [gap] = batch.gaps
    assert "the workspace of workflow 5 is unknown" in gap.error
    assert (batch.unread, batch.facts, batch.accepted) == ({5}, (), {})
    for mark in (UNREAD, f"abc{ACCEPTED}"):
        batch = await placed(answers, {5: mark})
        assert (batch.unread, batch.gaps) == (frozenset(), ())
        assert "its workspace is unknown" in batch.accepted[5]


async def test_a_process_that_names_no_folder_is_named_and_no_gap() -> None:
    batch = await placed({PROCESS: begun()})
    assert (batch.unread, batch.gaps, list(batch.accepted)) == (frozenset(), (), [5])


async def test_a_process_whose_attachments_lie_outside_up_to_the_top_has_no_workspace() -> None:
    batch = await placed({**SHOWN, NODES: seen(node(611, 610), node(610, -1, type=0))})
    assert (batch.unread, batch.gaps, batch.accepted) == (frozenset(), (), {})


async def test_an_attachment_without_a_type_is_looked_for_where_it_lies() -> None:
    rows = listed(node(611, 610, type=None), total=1)
    answers = {FOLDER: rows, NODES: seen(node(611, 610), node(610, 1000, type=0), node(1000, 2, type=848))}
    batch = await placed(answers)
    assert (batch.workspaces, batch.gaps) == ({5: 1000}, ())
    answers[NODES] = seen(node(611, 610), node(610, -1, type=0))
    batch = await placed(answers)
    assert (len(batch.gaps), batch.unread) == (1, {5})


@pytest.mark.parametrize("parent", [610, None])
async def test_where_climbing_ends_in_the_dark_the_one_call_is_asked(parent: int | None) -> None:
    """More attachments than are asked for one by one at first: each is, before it is given up."""
    many = range(611, 617)
    answers = {
        FOLDER: listed(*(node(number, parent) for number in many), total=len(many)),
        NODES: seen(*(node(number, parent) for number in many)),
        HOME: {"id": 1000, "type": 848},
    }
    batch = await placed(answers)
    assert (batch.workspaces, batch.gaps) == ({5: 1000}, ())
    assert [fact.workspace for fact in batch.facts if isinstance(fact, Step)] == [1000]


async def test_what_is_accepted_stays_so_until_the_row_of_the_process_changes() -> None:
    client = CannedClient({"GET /v2/workflows/status": {"results": [row(5, due_date="")]}})
    first = (await Extractor(client).processes(None, {})).hashes
    known = {5: noted(first[5], accepted=True)}
    found = await Extractor(client).processes(None, known)
    assert (found.read, found.hashes, found.active) == ((), known, (5,))
    found = await Extractor(client).processes(None, {5: f"other{ACCEPTED}"})
    assert (found.read, found.hashes) == ((5,), first)


# -- the ends of completed steps


def step(task: int = 1, **more: object) -> Json:
    person = {"userId": 7, "loginName": "ada", "firstName": "Ada", "lastName": "L"}
    return {
        "task_id": task,
        "process_id": 5,
        "subprocess_id": 5,
        "task_name": f"Step {task}",
        "task_start_date": "2026-03-01T10:00:00",
        "task_due_date": "",
        "task_assignees": {"assignee": [person]},
        **more,
    }


def process(completed: list[Json], **details: object) -> Json:
    lists = {"completed": completed, "current": [], "next": []}
    return {"results": {"step_list": lists, "wf_details": {"status": "ontime", **details}, "attachments": {}}}


def work(task: int, done: str | None, performer: object = 7) -> Json:
    return {"TASKID": task, "WORK": {"SubWorkTask_DateDone": done, "SubWorkTask_PerformerID": performer}}


MEMBER = {"results": {"data": {"properties": {"id": 7, "type": 0, "name": "ada", "business_email": None}}}}
PROCESS, INFO = r"GET /v2/workflows/status/processes/5", "GET /v2/workflows/status/info"
ACTIVITIES = r"GET /v2/processes/5/subprocesses/5/activities"


async def steps_of(client: CannedClient, dispositions: bool = True) -> tuple[list[Step], FactBatch]:
    extractor = Extractor(client, Needs(dispositions=dispositions))
    batch = await extractor.read_processes([5], {5: 1})
    return [fact for fact in batch.facts if isinstance(fact, Step)], batch


async def test_a_step_that_tells_its_own_end_needs_no_other_call() -> None:
    person = {"userId": 7, "loginName": "ada"}
    own = step(
        task_completed_date="2026-03-01T11:00:00Z", task_completed_by=person, task_disposition="signed"
    )
    client = CannedClient({PROCESS: process([own])})
    ((found,), batch) = await steps_of(client)
    assert (found.completed_at, found.completed_by, found.disposition, found.unknown) == (
        datetime(2026, 3, 1, 11, tzinfo=UTC),
        "ada",
        "signed",
        frozenset(),
    )
    assert len(client.asked) == 1
    assert client.dialect.step_ends is StepEnds.OWN
    assert batch.gaps == ()


@pytest.mark.parametrize("place", ["WORK", "WORKINFO"])
@pytest.mark.parametrize("listed", [True, False])
async def test_the_end_of_a_bare_step_is_in_the_info_of_its_process(place: str, listed: bool) -> None:
    row = work(1, "2026-03-01T11:00:00")
    inside = row.pop("WORK")
    row[place] = [inside] if listed else inside
    info = {"results": {"stepList": [row] if listed else row}}
    activity = {"action": "disposition", "date": "2026-03-01T11:00:02", "user_id": 7}
    activity["action_properties"] = {"label": "Approve", "event": "approve"}
    client = CannedClient(
        {
            PROCESS: process([step()], work_workID=12),
            INFO: info,
            ACTIVITIES: {"results": {"data": [activity]}},
            r"GET /v2/members/7": MEMBER,
        }
    )
    ((found,), _) = await steps_of(client)
    assert (found.completed_at, found.completed_by) == (datetime(2026, 3, 1, 11, tzinfo=UTC), "ada")
    assert (found.disposition, found.unknown) == ("Approve", frozenset())
    assert client.calls(INFO) == [{"workid": "12"}]
    assert client.dialect.step_ends is StepEnds.INFO


async def test_activities_are_asked_for_only_where_a_rule_uses_dispositions() -> None:
    info = {"results": {"stepList": [work(1, "2026-03-01T11:00:00")]}}
    client = CannedClient({PROCESS: process([step()]), INFO: info, r"GET /v2/members/7": MEMBER})
    ((found,), _) = await steps_of(client, dispositions=False)
    assert client.calls(ACTIVITIES) == []
    assert found.unknown == {"disposition"}


@pytest.mark.parametrize(
    "rows",
    [
        [
            {
                "action": "disposition",
                "date": "2026-03-01T11:00:20",
                "user_id": 7,
                "action_properties": {"label": "No"},
            }
        ],
        [
            {
                "action": "disposition",
                "date": "2026-03-01T11:00:00",
                "user_id": 8,
                "action_properties": {"label": "No"},
            }
        ],
    ],
)
async def test_an_activity_of_another_time_or_person_says_nothing_of_a_step(rows: list[Json]) -> None:
    answers: dict[str, Any] = {
        PROCESS: process([step()]),
        INFO: {"results": {"stepList": [work(1, "2026-03-01T11:00:00")]}},
        ACTIVITIES: {"results": {"data": rows}},
        r"GET /v2/members/7": MEMBER,
    }
    ((found,), _) = await steps_of(CannedClient(answers))
    assert (found.disposition, found.unknown) == (None, {"disposition"})


async def test_a_step_that_was_only_sent_on_has_no_disposition_and_that_is_known() -> None:
    answers: dict[str, Any] = {
        PROCESS: process([step()]),
        INFO: {"results": {"stepList": [work(1, "2026-03-01T11:00:00")]}},
        ACTIVITIES: {
            "results": {"data": [{"action": "sendon", "date": "2026-03-01T11:00:00", "user_id": 7}]}
        },
        r"GET /v2/members/7": MEMBER,
    }
    ((found,), _) = await steps_of(CannedClient(answers))
    assert (found.disposition, found.unknown) == (None, frozenset())


async def test_without_info_a_step_is_completed_at_an_unknown_time_without_an_error() -> None:
    client = CannedClient({PROCESS: process([step()])})
    ((found,), batch) = await steps_of(client)
    assert found.is_completed
    assert not found.is_open
    assert (found.completed_at, found.unknown) == (None, {"completed_at", "completed_by", "disposition"})
    assert batch.gaps == ()
    assert batch.unread == frozenset()
    assert client.dialect.step_ends is StepEnds.UNKNOWN
    await steps_of(client)
    assert len(client.calls(INFO)) == 1, "a server without the call is not asked again"


@pytest.mark.parametrize(
    "failure",
    [
        {"error": "internal"},
        Unavailable("/v2/workflows/status/info", "no answer"),
        NotReadable("/v2/workflows/status/info", "not now", 500),
    ],
)
async def test_after_a_failed_info_a_completed_step_waits_for_a_run_open_ones_do_not(
    failure: EcmError | Json,
) -> None:
    answers: dict[str, Any] = {PROCESS: process([step()]), INFO: failure}
    answers[PROCESS]["results"]["step_list"]["current"] = [step(2)]
    answers["GET /v2/workflows/status"] = {"results": [row(5)]}
    found, batch = await steps_of(CannedClient(answers))
    assert [(one.step, one.is_open) for one in found] == [(2, True)]
    assert [gap.path for gap in batch.gaps] == ["/v2/workflows/status/info"]
    assert batch.unread == {5}
    extractor = Extractor(CannedClient(answers))
    assert (await extractor.processes(None, {5: UNREAD})).read == (5,)
    again = await extractor.read_processes([5], {5: 1})
    assert [(one.step, one.is_open) for one in again.facts if isinstance(one, Step)] == [
        (1, False),
        (2, True),
    ]


async def test_after_refused_activities_a_step_waits_a_run_if_rules_use_dispositions() -> None:
    answers: dict[str, Any] = {
        PROCESS: process([step()]),
        INFO: {"results": {"stepList": [work(1, "2026-03-01T11:00:00")]}},
        ACTIVITIES: NotReadable("/x", "not now", 500),
        r"GET /v2/members/7": MEMBER,
        "GET /v2/workflows/status": {"results": [row(5)]},
    }
    found, batch = await steps_of(CannedClient(answers))
    assert (found, batch.unread) == ([], {5})
    extractor = Extractor(CannedClient(answers), Needs(dispositions=True))
    await extractor.processes(None, {5: UNREAD})
    [told] = (await extractor.read_processes([5], {5: 1})).facts
    assert isinstance(told, Step)
    assert (told.completed_by, told.unknown) == ("ada", {"disposition"})


async def test_the_newest_end_counts_where_a_step_was_completed_twice() -> None:
    both = [work(1, "2026-03-01T11:00:00"), work(1, "2026-03-01T12:00:00", "")]
    answers: dict[str, Any] = {PROCESS: process([step()]), INFO: {"results": {"stepList": both}}}
    ((found,), _) = await steps_of(CannedClient(answers))
    assert found.completed_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert found.unknown == {"completed_by", "disposition"}


async def test_ends_and_dispositions_are_those_of_the_steps_own_subprocess() -> None:
    def told(sub: int, done: str) -> Json:
        row = work(1, done)
        row["WORK"] |= {"SubWorkTask_WorkID": 5, "SubWorkTask_SubWorkID": sub}
        return row

    def activity(label: str) -> Json:
        row = {"action": "disposition", "date": "2026-03-01T11:00:02", "user_id": 7}
        return {"results": {"data": [row | {"action_properties": {"label": label}}]}}

    info = [told(5, "2026-03-01T11:00:00"), told(8, "2026-03-01T11:00:01")]
    client = CannedClient(
        {
            PROCESS: process([step(), step(subprocess_id=8)]),
            INFO: {"results": {"stepList": info}},
            ACTIVITIES: activity("Approve"),
            r"GET /v2/processes/5/subprocesses/8/activities": activity("Reject"),
            r"GET /v2/members/7": MEMBER,
        }
    )
    found, _ = await steps_of(client)
    assert [(one.subprocess, one.completed_at, one.disposition) for one in found] == [
        (None, datetime(2026, 3, 1, 11, tzinfo=UTC), "Approve"),
        (8, datetime(2026, 3, 1, 11, 0, 1, tzinfo=UTC), "Reject"),
    ]


async def test_an_end_that_names_no_subprocess_is_not_given_to_either_of_two() -> None:
    info = {"results": {"stepList": [work(1, "2026-03-01T11:00:00"), work(2, "2026-03-01T12:00:00")]}}
    steps = [step(), step(subprocess_id=8), step(2, subprocess_id=8)]
    client = CannedClient({PROCESS: process(steps), INFO: info, r"GET /v2/members/7": MEMBER})
    found, _ = await steps_of(client, dispositions=False)
    assert [(one.step, one.completed_at) for one in found] == [
        (1, None),
        (1, None),
        (2, datetime(2026, 3, 1, 12, tzinfo=UTC)),
    ]


# -- people


@pytest.mark.parametrize(
    "assignees",
    [
        {
            "assignedto": {"groupId": 9, "groupName": "Clerks", "assignees": [7, 8]},
            "assignee": [{"userId": 7}],
        },
        {"assignedto": [{"groupId": 9}], "assignee": [{"userId": 7}]},
        {"assignee": [{"userId": 7, "groupName": "Clerks"}]},
        {"groupName": "Clerks", "assignee": [{"userId": 7}]},
    ],
)
async def test_a_group_is_one_assignee_wherever_it_is_written(assignees: Json) -> None:
    group = {"results": {"data": {"properties": {"id": 9, "type": 1, "name": "Clerks"}}}}
    client = CannedClient(
        {
            PROCESS: process([step(task_assignees=assignees)]),
            r"GET /v2/members/9": group,
            r"GET /v2/members/7": MEMBER,
        }
    )
    ((found,), _) = await steps_of(client)
    assert found.assignees == ("group:Clerks",)


async def test_an_assignee_without_a_login_is_looked_up() -> None:
    bare = step(task_assignees={"assignee": [{"userId": 7, "firstName": "A", "lastName": "L"}]})
    client = CannedClient({PROCESS: process([bare]), r"GET /v2/members/7": MEMBER})
    ((found,), _) = await steps_of(client)
    assert found.assignees == ("user:ada",)


GROUP = {"results": {"data": {"properties": {"id": 9, "type": 1, "name": "Clerks"}}}}


@pytest.mark.parametrize(
    ("assignee", "expected"),
    [
        ([{"id": 7, "name": "Ada L"}], ("user:ada",)),
        ([{"userId": 9}], ("group:Clerks",)),
        ([{"id": 9, "name": "Clerks"}], ("group:Clerks",)),
        ([{"userId": -1}, {"userId": 0, "id": 7}], ("user:ada",)),
        ([], ()),
    ],
)
async def test_an_assignee_is_read_by_any_id_above_zero_group_or_person(
    assignee: Json, expected: tuple[str, ...]
) -> None:
    answer = process([])
    answer["results"]["step_list"]["current"] = [step(task_assignees={"assignee": assignee})]
    client = CannedClient({PROCESS: answer, r"GET /v2/members/7": MEMBER, r"GET /v2/members/9": GROUP})
    ((found,), batch) = await steps_of(client)
    assert (found.assignees, found.unknown, batch.gaps) == (expected, frozenset(), ())


@pytest.mark.parametrize(
    "assignees",
    [
        {"assignee": [{"userId": -1}]},
        {"assignee": [{"person": "Ada"}]},
        {"assignee": [{"userId": 12}]},
        {"assigneeCount": 1, "currentAssignee": "L, Ada"},
        {"assigneeCount": "2", "assignee": []},
        {"currentAssignee": "L, Ada"},
        {"assignedto": [{"name": "Clerks"}]},
        {"groupId": 12},
    ],
)
async def test_assignees_of_whom_nobody_can_be_read_are_a_gap_and_hide_no_other_step(assignees: Json) -> None:
    role = {"results": {"data": {"properties": {"id": 12, "type": 848, "name": "Owner"}}}}
    answer = process([])
    answer["results"]["step_list"]["current"] = [step(task_assignees=assignees), step(2)]
    client = CannedClient({PROCESS: answer, r"GET /v2/members/12": role})
    found, batch = await steps_of(client)
    assert [one.step for one in found] == [2]
    [gap] = batch.gaps
    assert ("Step 1" in gap.error, gap.workspaces, batch.unread) == (True, (1,), frozenset({5}))


ADA = {"userId": 7, "loginName": "ada"}


async def assigned_to(assignees: Json, known: dict[int, str]) -> tuple[list[Step], FactBatch]:
    role = {"results": {"data": {"properties": {"id": 12, "type": 848, "name": "Owner"}}}}
    answer = process([])
    answer["results"]["step_list"]["current"] = [step(task_assignees=assignees), step(2)]
    extractor = Extractor(
        CannedClient({PROCESS: answer, r"GET /v2/members/12": role, "GET /v2/workflows/status": listed()})
    )
    await extractor.processes(None, known)
    batch = await extractor.read_processes([5], {5: 1})
    return [fact for fact in batch.facts if isinstance(fact, Step)], batch


@pytest.mark.parametrize(
    ("assignees", "known"),
    [
        ({"assigneeCount": 2, "assignee": [ADA]}, "user:ada"),
        ({"assignee": [ADA, {"firstName": "Bob", "lastName": "C"}]}, "user:ada"),
        ({"assignee": [ADA, {"userId": 12}]}, "user:ada"),
        ({"assignedto": [{"groupName": "Clerks"}, {"groupId": 12}], "assignee": [ADA]}, "group:Clerks"),
        ({"assignedto": {"groupId": 12}, "assignee": [ADA]}, "user:ada"),
    ],
)
async def test_a_step_for_more_people_than_can_be_read_is_theirs_and_a_gap_once(
    assignees: Json, known: str
) -> None:
    found, batch = await assigned_to(assignees, {})
    assert [(one.step, one.assignees, one.unknown) for one in found] == [
        (1, (known,), frozenset()),
        (2, ("user:ada",), frozenset()),
    ]
    [gap] = batch.gaps
    assert ("Step 1" in gap.error, gap.workspaces, batch.unread) == (True, (1,), frozenset({5}))
    for mark in (UNREAD, f"abc{ACCEPTED}"):
        again, batch = await assigned_to(assignees, {5: mark})
        assert (again, batch.gaps, batch.unread) == (found, (), frozenset())
        assert "Step 1" in batch.accepted[5]


@pytest.mark.parametrize(
    "assignees",
    [
        {"assigneeCount": 1, "assignee": [ADA], "currentAssignee": "L, Ada"},
        {"assigneeCount": 1, "assignee": [ADA], "assignedto": {"groupId": 0, "groupName": ""}},
        {"assigneeCount": 40, "assignee": [ADA], "assignedto": {"groupId": 9, "groupName": "Clerks"}},
        {"assigneeCount": 0, "assignee": [], "currentAssignee": ""},
        {"assigneeCount": None, "assignee": None, "currentAssignee": None},
        {},
    ],
)
async def test_a_step_that_lists_as_many_as_it_counts_or_a_group_lacks_nobody(assignees: Json) -> None:
    found, batch = await assigned_to(assignees, {})
    assert ([one.step for one in found], batch.gaps, batch.accepted) == ([1, 2], (), {})


# -- the lists


def row(number: int, status: str = "ontime", **more: object) -> Json:
    return {"data": {"wfstatus": {"process_id": number, "status_key": status, **more}}}


async def test_each_list_is_one_call_in_the_dialects_spelling() -> None:
    client = CannedClient({"GET /v2/workflows/status": {"results": []}}, Dialect(kind=KindSpelling.LOWER))
    client.clock = lambda: datetime(2026, 3, 10, 12, tzinfo=UTC)
    await Extractor(client).processes(datetime(2026, 3, 10, 11, 45, tzinfo=UTC), {})
    assert client.calls("GET /v2/workflows/status") == [
        {"wstatus": "completed", "kind": "Managed", "wfretention": "3"},
        {"wstatus": "stopped", "kind": "Managed", "wfretention": "3"},
        {"wstatus": "ontime", "kind": "Managed"},
        {"wstatus": "workflowlate", "kind": "Managed"},
    ]


async def test_a_server_that_refuses_one_spelling_gets_the_documented_one() -> None:
    def status(path: str, params: dict[str, str]) -> Json:
        if "kind" in params:
            raise NotReadable(path, "unknown parameter kind", 400)
        return {"results": [row(1)]}

    client = CannedClient({"GET /v2/workflows/status": status})
    found = await Extractor(client).processes(None, {})
    assert found.read == (1,)
    assert client.dialect.kind is KindSpelling.UPPER


async def test_a_list_that_ignores_the_status_is_read_by_its_rows() -> None:
    every = {"results": [row(1), row(2, "completed"), row(3, "stopped")]}
    client = CannedClient({"GET /v2/workflows/status": every})
    found = await Extractor(client).processes(NOON, {})
    assert (found.active, set(found.hashes)) == ((1,), {1, 2, 3})
    again = await Extractor(client).processes(NOON, found.hashes)
    assert (again.read, again.vanished) == ((), ())


async def test_ended_processes_that_began_before_the_days_asked_for_are_told_apart() -> None:
    def ended(number: int, begun: str) -> Json:
        return row(number, "completed", date_initiated=begun)

    rows = [
        ended(1, "2019-05-01T10:00:00"),
        ended(2, "2019-06-01T10:00:00Z"),
        ended(3, (NOON - timedelta(hours=30)).isoformat()),
        ended(4, "2019-07-01T10:00:00"),
        ended(5, "2019-08-01T10:00:00"),
        ended(6, "no date"),
        row(7, date_initiated="2019-01-01T10:00:00"),
    ]
    client = CannedClient({"GET /v2/workflows/status": {"results": rows}})
    client.clock = lambda: NOON
    found = await Extractor(client).processes(NOON - timedelta(hours=1), {4: "it was active", 5: UNREAD})
    assert set(found.read) == {3, 4, 5, 7}, "what was known, began lately, or is open is read in any case"
    assert found.old == (6, 2, 1), "the last begun first, and before them what tells no date"
    assert set(found.hashes) == {1, 2, 3, 4, 5, 6, 7}
    again = await Extractor(client).processes(NOON, found.hashes)
    assert (again.read, again.old) == ((), ())


async def test_a_list_that_counts_more_than_it_has_is_no_whole_list() -> None:
    some = {"results": [row(1)], "collection": {"paging": {"total_count": 2}}}
    found = await Extractor(CannedClient({"GET /v2/workflows/status": some})).processes(None, {2: "abc"})
    assert (found.read, found.vanished, found.hashes) == ((), (), {2: "abc"})
    assert "2 are said to be in the list" in found.gaps[0].error


async def test_a_row_without_an_id_is_a_gap_and_loses_no_other() -> None:
    some = {"results": [{"data": {"wfstatus": {"status_key": "ontime"}}}, row(2)]}
    found = await Extractor(CannedClient({"GET /v2/workflows/status": some})).processes(None, {})
    assert found.read == (2,)
    assert {gap.path for gap in found.gaps} == {"/v2/workflows/status"}

"""Workflows: found to have changed by the hash of their row, read step by step, put in their workspaces."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.ecm import contracts
from tests.ecm.conftest import Server
from vigil.compliance.facts import Step
from vigil.ecm import Extractor, Gone
from vigil.ecm.steps import needs_activities, of_process, row_hash

LATE = contracts.BEGINNING + timedelta(hours=12)


async def test_at_first_the_active_ones_are_to_be_read(server: Server) -> None:
    async with server.client() as client:
        found = await Extractor(client).processes(None, {})
    assert set(found.read) == {7001, 7002}
    assert set(found.hashes) == {7001, 7002}
    assert found.vanished == ()


async def test_when_nothing_moved_nothing_is_to_be_read(server: Server) -> None:
    async with server.client() as client:
        first = await Extractor(client).processes(None, {})
        second = await Extractor(client).processes(contracts.NOON, first.hashes)
    assert (second.read, second.vanished) == ((), ())
    assert second.hashes == first.hashes
    assert second.requests == 4


async def test_whatever_happened_between_two_polls_is_to_be_read(moving: Server) -> None:
    """One went on, one ended, one went on and ended again, one came and went: only the first is in a list of active ones."""
    async with moving.client() as client:
        extractor = Extractor(client)
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


async def test_a_workflow_without_an_end_in_the_list_is_found_by_its_beginning(
    moving: Server,
) -> None:
    """All but 7003, which was at its end, went on and ended again: an estate can do that, a workflow of ECM cannot."""
    moving.quirks(completion_dates=False)
    async with moving.client() as client:
        extractor = Extractor(client)
        first = await extractor.processes(None, {})
        moving.sandbox.move(contracts.at(10))
        second = await extractor.processes(contracts.NOON, first.hashes)
        third = await extractor.processes(contracts.at(10), second.hashes)
    assert {*second.read, *second.vanished} == {7001, 7002, 7004}
    assert (third.read, third.vanished) == ((), ())


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


async def test_a_version_that_tells_ends_by_activities_only_gives_the_same_steps(server: Server) -> None:
    path = "/v2/workflows/status/processes/7003"
    async with server.client() as client:
        results = (await client.get(path))["results"]
        activities = (await client.get(f"{path}/activities"))["results"]
    whole = of_process(7003, 1022, results, [], UTC, path)
    bare = {
        k: v
        for k, v in results["step_list"]["completed"][0].items()
        if not k.startswith(("task_completed", "task_disp"))
    }
    results["step_list"]["completed"] = [bare]
    assert needs_activities(results)
    (told,) = of_process(7003, 1022, results, activities, UTC, path)
    assert (
        (told.completed_by, told.disposition)
        == (whole[0].completed_by, whole[0].disposition)
        == ("bob", "signed")
    )
    assert told.completed_at == LATE + timedelta(minutes=5)

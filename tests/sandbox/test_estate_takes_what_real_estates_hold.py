"""What strangers' estates hold and leave out loads as it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.shared import ESTATES
from tests.support.small_estate import Draft
from tests.support.tickets import Tickets
from vigil.sandbox.estate.load import load
from vigil.sandbox.world.world import World


@pytest.mark.shared
@pytest.mark.parametrize(("name", "workspaces", "events"), [("helpdesk", 525, 6592), ("fines", 100, 611)])
def test_the_shared_estates_load_and_play_to_their_end(name: str, workspaces: int, events: int) -> None:
    estate = load(ESTATES / name)
    assert (len(estate.workspaces), len(estate.events)) == (workspaces, events)
    world = World(estate)
    assert world.move(datetime(2030, 1, 1, tzinfo=UTC)) == events
    assert len(world.state.workspaces) == workspaces


def test_optional_keys_may_be_absent_or_null(draft: Draft, tmp_path: Path) -> None:
    draft.users = [
        {"login": "ada", "name": "Ada"},
        {"login": "bob", "name": "Bob", "email": None, "zone": None},
    ]
    draft.types = [
        {"type": "Case", "categories": [{"name": "C", "attributes": [{"name": "x", "kind": "date"}]}]}
    ]
    draft.workspaces = [
        {"id": 1, "type": "Case", "name": "A", "created": "2024-01-01T00:00Z", "attrs": {"C.x": None}},
        {"id": 2, "type": "Case", "name": "B", "created": "2024-01-01T00:00:00.5+01:00"},
    ]
    draft.event("2024-01-02T00:00:00Z", "document_added", workspace=1, id=9, name="a", type=None, by=None)
    draft.event(
        "2024-01-02T00:00:00Z", "step_assigned", workspace=1, process=5, step=1, title="T", to="ada", due=None
    )
    draft.event(
        "2024-01-02T00:00:00Z", "step_completed", workspace=1, process=5, step=1, by="ada", disposition=None
    )
    draft.event("2024-01-02T00:00:00Z", "attribute_changed", workspace=1, attr="C.x", value="", by="ada")
    estate = load(draft.save(tmp_path))
    assert estate.users["ada"].groups == () and estate.users["ada"].devices == ()
    assert estate.workspaces[1].attrs == {"C.x": None}
    assert estate.events[3].data["value"] is None


def test_roles_hold_logins_groups_and_deleted_users(draft: Draft, tmp_path: Path) -> None:
    draft.case(roles={"case manager": ["ada", "clerks", "eve"], "clerk": []})
    estate = load(draft.save(tmp_path))
    assert estate.workspaces[100].roles["case manager"] == ("ada", "clerks", "eve")
    assert estate.groups == {"clerks": ("ada", "bob")}
    assert World(estate).state.deleted == {"eve"}


def test_a_workspace_without_an_event_of_its_own_exists_from_its_creation(
    draft: Draft, tmp_path: Path
) -> None:
    draft.meta["start"] = "2024-06-01T00:00:00Z"
    draft.case(created="2023-05-01T00:00:00Z")
    draft.event("2024-01-02T00:00:00Z", "comment_added", workspace=100, by="ada", text="before the start")
    draft.event("2024-07-02T00:00:00Z", "comment_added", workspace=100, by="ada", text="after it")
    world = World(load(draft.save(tmp_path)))
    world.move(datetime(2023, 5, 1, tzinfo=UTC) - timedelta(seconds=1))
    assert not world.state.workspaces
    world.move(world.estate.start)
    assert [a.text for a in world.state.workspaces[100].audit] == ["", "before the start"]


def test_a_change_may_stand_before_the_creation_of_the_same_instant(draft: Draft, tmp_path: Path) -> None:
    draft.case()
    draft.event(
        "2024-01-01T08:00:00Z",
        "attribute_changed",
        workspace=100,
        attr="Case.status",
        value="closed",
        by="ada",
    )
    draft.event("2024-01-01T08:00:00Z", "workspace_created", workspace=100)
    world = World(load(draft.save(tmp_path)))
    world.move(datetime(2024, 1, 1, 8, tzinfo=UTC))
    assert world.state.workspaces[100].attrs["Case.status"] == "closed"


def test_a_fraction_of_a_second_never_puts_an_event_before_an_earlier_tick(
    draft: Draft, tmp_path: Path
) -> None:
    draft.case()
    draft.event(
        "2024-01-02T06:00:00.250Z", "document_added", workspace=100, id=9, name="a", type=None, by="ada"
    )
    world = World(load(draft.save(tmp_path)))
    world.move(datetime(2024, 1, 2, 6, tzinfo=UTC))
    assert not world.state.documents
    world.move(datetime(2024, 1, 2, 7, tzinfo=UTC))
    assert world.zulu(world.state.documents[9].created) == "2024-01-02T06:00:01Z"


def test_two_workspaces_may_use_the_same_process_number(draft: Draft, tmp_path: Path) -> None:
    draft.case(100)
    draft.case(101)
    for workspace in (100, 101):
        step = {"workspace": workspace, "process": 7, "step": 1}
        draft.event("2024-01-02T08:00:00Z", "step_assigned", **step, title="Check", to="ada")
    draft.event(
        "2024-01-02T09:00:00Z", "step_completed", workspace=101, process=7, step=1, by="ada", disposition="ok"
    )
    world = World(load(draft.save(tmp_path)))
    world.move(datetime(2024, 1, 3, tzinfo=UTC))
    first, second = (world.state.workspaces[n].processes[0] for n in (100, 101))
    assert first.id == 7 and second.id != 7
    assert first.is_active() and not second.is_active()


def test_an_open_step_may_be_given_to_somebody_else(draft: Draft, tmp_path: Path) -> None:
    draft.case()
    for person in ("ada", "clerks"):
        draft.event(
            "2024-01-02T08:00:00Z", "step_assigned", workspace=100, process=7, step=1, title="T", to=person
        )
    world = World(load(draft.save(tmp_path)))
    world.move(datetime(2024, 1, 3, tzinfo=UTC))
    assert [s.to for s in world.state.processes[7].open_steps()] == ["clerks"]
    assert world.state.active == [7]


def test_a_thousand_workspaces_and_ten_thousand_events_load_and_play_in_seconds(tmp_path: Path) -> None:
    draft = Draft()
    begin = datetime(2024, 1, 1, 8, tzinfo=UTC)
    for number in range(1000):
        draft.case(1000 + number)
    for number in range(10_000):
        ts = (begin + timedelta(minutes=number)).isoformat()
        workspace = 1000 + number % 1000
        draft.event(ts, "attribute_changed", workspace=workspace, attr="Case.amount", value=number, by="ada")
    folder = draft.save(tmp_path)
    started = time.perf_counter()
    world = World(load(folder))
    world.move(begin + timedelta(days=30))
    # About a third of a second alone; the machine is shared.
    assert time.perf_counter() - started < 5


def test_synthetic_ids_stand_above_every_id_of_the_estate(draft: Draft, tmp_path: Path) -> None:
    draft.case(4_123_456_789)
    draft.event("2024-01-02T08:00:00Z", "document_added", workspace=4_123_456_789, id=5_000_000_001, name="a", type="X",
                by="ada")  # fmt: skip
    world = World(load(draft.save(tmp_path)))
    world.move(datetime(2024, 1, 3, tzinfo=UTC))
    workspace = world.state.workspaces[4_123_456_789]
    made = [world.user_id("ada"), world.user_id(None), world.member_id("clerks"), world.class_id("X"),
            world.category_id("Case", 0), *(world.role_id(workspace, r) for r in workspace.type.roles)]  # fmt: skip
    assert len(set(made)) == len(made) and min(made) > 5_000_000_001


def test_the_same_estate_gives_the_same_ids(draft: Draft, tmp_path: Path) -> None:
    draft.case()
    estate = load(draft.save(tmp_path))
    first, second = World(estate), World(estate)
    assert [first.user_id(n) for n in first.logins] == [second.user_id(n) for n in second.logins]


def test_the_clock_does_not_go_back(draft: Draft, tmp_path: Path) -> None:
    world = World(load(draft.save(tmp_path)))
    world.move(datetime(2024, 1, 3, tzinfo=UTC))
    with pytest.raises(ValueError, match="forward only"):
        world.move(datetime(2024, 1, 2, tzinfo=UTC))


def test_moving_in_any_steps_comes_to_the_same_world(tmp_path: Path) -> None:
    estate = load(Tickets().save(tmp_path / "tickets"))
    at_once, stepwise = World(estate), World(estate)
    end, step = estate.events[-1].ts, timedelta(days=3, hours=5)
    now = estate.start
    while now < end:
        stepwise.move(now)
        now += step
    stepwise.move(end)
    at_once.move(end)
    assert {n: (w.modified, w.attrs, w.roles, w.audit) for n, w in at_once.state.workspaces.items()} == {
        n: (w.modified, w.attrs, w.roles, w.audit) for n, w in stepwise.state.workspaces.items()
    }
    assert at_once.state.by_modified["Ticket"].keys == stepwise.state.by_modified["Ticket"].keys
    assert at_once.state.active == stepwise.state.active


@pytest.mark.parametrize("many", [0, 10_000])  # sorted once at the end, kept in order event by event
def test_the_order_by_modify_date_is_what_sorting_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr("vigil.sandbox.world.world.MANY", many)
    world = World(load(Tickets().save(tmp_path / "tickets")))
    world.move(datetime(2013, 2, 1, tzinfo=UTC))
    keys = world.state.by_modified["Ticket"].keys
    assert keys == sorted((world.state.modified(w), w.id) for w in world.state.workspaces.values())


def test_steps_begin_at_0_comments_may_be_empty_and_integers_come_as_35_0(
    draft: Draft, tmp_path: Path
) -> None:
    draft.case(attrs={"Case.amount": 35.0})
    step = {"workspace": 100, "process": 0, "step": 0}
    draft.event("2024-01-02T08:00:00Z", "step_assigned", **step, title="T", to="ada")
    draft.event("2024-01-02T09:00:00Z", "step_completed", **step, by="ada", disposition="ok")
    draft.event("2024-01-02T09:00:00Z", "comment_added", workspace=100, by="ada", text="")
    world = World(load(draft.save(tmp_path)))
    assert world.move(datetime(2024, 1, 3, tzinfo=UTC)) == 4
    assert world.state.processes[0].steps[0].disposition == "ok"
    assert repr(world.state.workspaces[100].attrs["Case.amount"]) == "35"


def test_ten_thousand_users_with_zones_load_in_seconds(draft: Draft, tmp_path: Path) -> None:
    draft.users = [
        {"login": f"u{n}", "name": f"U {n}", "zone": "Europe/Berlin", "groups": []} for n in range(10_000)
    ]
    draft.case(roles={"clerk": ["u9999"]})
    folder = draft.save(tmp_path)
    started = time.perf_counter()
    assert len(load(folder).users) == 10_000
    assert time.perf_counter() - started < 5

"""Each numbered quirk of the contract: what the simulator does with it on, and with it off."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import time
from dataclasses import fields
from typing import Any

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Ecm, Running
from vigil.sandbox.quirks import Quirks

DAY = "2024-01-10T00:00:00Z"
UNKNOWN_URL = "The REST API URL could not be found in the mappings registry"


def names(answer: Any) -> list[str]:
    return [row["data"]["properties"]["name"] for row in answer["results"]]


def ids(answer: Any) -> list[int]:
    return [row["data"]["properties"]["id"] for row in answer["results"]]


def paging(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.get("paging") or answer["collection"]["paging"]
    return found


def listing(more: str = "") -> str:
    return f"/v2/businessworkspaces?where_workspace_type_id=1&expanded_view=true&sort=asc_id{more}"


def cases(draft: Draft, count: int) -> None:
    for number in range(count):
        draft.case(1000 + number)


def document(draft: Draft, number: int, ts: str = "2024-01-02T08:00:00Z", **more: Any) -> None:
    data = {"workspace": 100, "id": number, "name": f"{number}.pdf", "type": "Contract", "by": "ada"}
    draft.event(ts, "document_added", **(data | more))


@pytest.fixture
def one(draft: Draft, start: Start) -> Running:
    """A case (100) with two documents (900, 901), seen on the tenth of January."""
    draft.case(100)
    document(draft, 900)
    document(draft, 901)
    running = start(draft)
    running.at(DAY)
    return running


def test_every_number_of_the_contract_has_a_switch() -> None:
    numbers = {f.metadata["quirk"] for f in fields(Quirks) if "quirk" in f.metadata}
    assert numbers == set(range(1, 48))


def test_01_caps_clamp_silently_and_are_echoed(draft: Draft, start: Start) -> None:
    cases(draft, 510)
    for number in range(110):
        document(draft, 9000 + number, workspace=1000)
    draft.users += [{"login": f"u{n}", "name": f"U {n}"} for n in range(25)]
    running = start(draft)
    running.at(DAY)
    running.set(children_cap=100)
    paths = {
        listing("&limit=1000"): 500,
        "/v2/nodes/1000/nodes?limit=1000": 100,
        "/v2/members?where_type=0&limit=100": 20,
    }
    for path, cap in paths.items():
        answer = running.ecm.get(path)
        assert (paging(answer)["limit"], len(answer["results"])) == (cap, cap)
    running.set(caps_clamp=False)
    for path, whole in zip(paths, (510, 110, 28), strict=True):
        assert len(running.ecm.get(path)["results"]) == whole


def test_02_a_page_past_the_end_repeats_the_last(draft: Draft, start: Start) -> None:
    cases(draft, 5)
    running = start(draft)
    running.at(DAY)
    last = running.ecm.get(listing("&limit=2&page=3"))
    assert ids(last) == [1004]
    assert ids(running.ecm.get(listing("&limit=2&page=9"))) == [1004]
    running.set(last_page_repeats=False)
    assert ids(running.ecm.get(listing("&limit=2&page=9"))) == []


def test_03_a_ticket_rotates_in_a_response_and_the_old_one_goes_on_working(one: Running) -> None:
    one.set(ticket_rotates=3)
    answers = [one.ecm.call("GET", "/v2/nodes/100") for _ in range(3)]
    fresh = [a.headers.get("OTCSTicket") for a in answers]
    assert fresh[:2] == [None, None] and fresh[2] not in (None, one.ecm.ticket)
    assert one.ecm.status("/v2/nodes/100") == 200
    assert Ecm(one.sandbox, str(fresh[2])).status("/v2/nodes/100") == 200
    one.set(ticket_rotates=0)
    later = Ecm(one.sandbox)
    assert all(later.call("GET", "/v2/nodes/100").headers.get("OTCSTicket") is None for _ in range(10))


def test_04_a_ticket_expires_in_the_middle_of_a_page_walk(draft: Draft, start: Start) -> None:
    cases(draft, 6)
    running = start(draft)
    running.at(DAY)
    running.set(ticket_expires=2)
    walker = Ecm(running.sandbox)
    statuses = [walker.status(listing(f"&limit=2&page={page}")) for page in (1, 2, 3)]
    assert statuses == [200, 200, 401]
    assert ids(Ecm(running.sandbox).get(listing("&limit=2&page=3"))) == [1004, 1005]


def test_05_all_tickets_die_at_once_so_that_many_requests_get_401_together(one: Running) -> None:
    callers = [Ecm(one.sandbox) for _ in range(4)]
    one.sandbox.faults(revoke_tickets=True)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: callers[n % 4].status("/v2/nodes/100"), range(16)))
    assert statuses == [401] * 16
    one.set(tickets_revoked=3)
    again = Ecm(one.sandbox)
    assert 401 in [again.status("/v2/nodes/100") for _ in range(3)]
    one.set(tickets_revoked=0)
    steady = Ecm(one.sandbox)
    assert {steady.status("/v2/nodes/100") for _ in range(10)} == {200}


def test_06_a_missing_node_and_an_unknown_url_are_400(one: Running) -> None:
    answer = one.ecm.call("GET", "/v2/nodes/7")
    assert (answer.status, answer.json) == (400, {"error": "Could not get a node for 7"})
    for of in ("audit", "versions"):
        answer = one.ecm.call("GET", f"/v2/nodes/7/{of}")
        assert answer.status == 400 and "you do not have permission to access it" in answer.json["error"]
    assert one.ecm.status("/v2/businessworkspaces/7") == 400
    answer = one.ecm.call("GET", "/v2/no/such/thing")
    assert (answer.status, answer.json["error"]) == (400, UNKNOWN_URL)
    one.set(missing_is_400=False)
    assert one.ecm.status("/v2/nodes/7") == one.ecm.status("/v2/nodes/7/audit") == 404


def test_06_a_missing_workspace_may_be_404_at_its_own_paths(one: Running) -> None:
    paths = (
        "/v2/businessworkspaces/7",
        "/v2/businessworkspaces/7/roles",
        "/v2/businessworkspaces/7/relateditems",
    )
    assert [one.ecm.status(path) for path in paths] == [400] * 3
    one.set(missing_workspace_404=True)
    assert [one.ecm.status(path) for path in paths] == [404] * 3
    assert one.ecm.status("/v2/nodes/7") == 400


def test_07_the_children_and_categories_of_a_missing_node_are_500(one: Running) -> None:
    assert one.ecm.status("/v2/nodes/7/nodes") == 500
    assert one.ecm.status("/v2/nodes/7/categories") == 500
    one.set(missing_children_500=False)
    assert one.ecm.status("/v2/nodes/7/nodes") == 400


def test_08_html_comes_with_200(one: Running) -> None:
    assert one.ecm.call("GET", "/v2/nodes/100").headers["content-type"] == "application/json"
    one.set(html_200=1.0)
    answer = one.ecm.call("GET", "/v2/nodes/100")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.body.startswith(b"<html>")


def test_09_please_try_again_comes_once_for_each_url(one: Running) -> None:
    one.set(try_again_500=1.0)
    first, second = (one.ecm.call("GET", "/v2/nodes/100") for _ in range(2))
    assert first.status == 500 and b"try again" in first.body
    assert second.status == 200
    assert one.ecm.status("/v2/nodes/900") == 500


def test_10_a_proxy_answers_502_503_and_504(one: Running) -> None:
    one.set(proxy_errors=1.0)
    answers = [one.ecm.call("GET", "/v2/nodes/100") for _ in range(30)]
    assert {a.status for a in answers} == {502, 503, 504}
    assert all(a.body.startswith(b"<html>") for a in answers)


def test_11_naive_dates_of_the_server_s_zone_stand_beside_dates_with_z(one: Running) -> None:
    def dates() -> tuple[str, str, str]:
        (row,) = one.ecm.get(listing())["results"]
        node = one.ecm.get("/v2/nodes/100")["results"]["data"]["properties"]
        audit = one.ecm.get("/v2/nodes/100/audit")["results"]["data"]["audit"]
        return row["data"]["properties"]["create_date"], node["create_date"], audit[0]["audit_date"]

    # Eight in UTC is nine in Rome.
    assert dates() == ("2024-01-01T09:00:00", "2024-01-01T08:00:00Z", "2024-01-01T08:00:00Z")
    one.set(mixed_dates=False)
    assert dates() == ("2024-01-01T09:00:00",) * 3


def test_12_unset_is_null_or_empty_or_absent(draft: Draft, start: Start) -> None:
    cases(draft, 6)
    running = start(draft)
    running.at(DAY)

    def forms() -> set[str]:
        found = set()
        for number in range(1000, 1006):
            (entry,) = running.ecm.get(f"/v2/nodes/{number}/categories")["results"]
            values = entry["data"]["categories"]
            prefix = next(iter(values)).split("_")[0]
            found |= {repr(values.get(f"{prefix}_{n}", "absent")) for n in range(3, 8)}
        return found

    assert forms() == {"None", "''", "'absent'"}
    running.set(unset_forms=False)
    assert forms() == {"None"}


def test_13_categories_come_in_three_containers(one: Running) -> None:
    (entry,) = one.ecm.get("/v2/nodes/100/categories")["results"]
    key = next(iter(entry["data"]["categories"]))
    category = key.split("_")[0]
    inside = one.ecm.get("/v2/nodes/100?fields=categories")["results"]["data"]["categories"]
    assert isinstance(inside, list) and inside[0][key] == "open"
    detail = one.ecm.get("/v2/businessworkspaces/100")["results"][0]["data"]["categories"]
    assert isinstance(detail, dict) and detail[category][key] == "open"
    one.set(category_containers=False)
    detail = one.ecm.get("/v2/businessworkspaces/100")["results"][0]["data"]["categories"]
    assert isinstance(detail, list) and detail[0][key] == "open"


def test_14_sets_have_numbered_rows(draft: Draft, start: Start) -> None:
    rows = [{"name": "Ann", "since": "2023-05-01"}, {"name": "Ben"}]
    draft.case(100, attrs={"Case.status": "open", "Case.Contacts": rows})
    running = start(draft)
    running.at(DAY)

    def contacts() -> dict[str, Any]:
        (entry,) = running.ecm.get("/v2/nodes/100/categories?metadata")["results"]
        keys = entry["metadata"]["categories"]
        member = next(k for k, d in keys.items() if d["name"] == "name")
        category, of_set, x, attribute = member.split("_")
        assert x == "x" and keys[f"{category}_{of_set}"]["persona"] == "set"
        values = entry["data"]["categories"]
        return {
            k: v for k, v in values.items() if k.startswith(f"{category}_{of_set}_") and k.endswith(attribute)
        }

    assert [k.split("_")[2] for k in contacts()] == ["1", "2"]
    assert list(contacts().values()) == ["Ann", "Ben"]
    running.set(set_rows=False)
    assert list(contacts().values()) == ["Ann"]


def test_15_what_may_not_be_read_vanishes_from_lists_counted_or_not(draft: Draft, start: Start) -> None:
    cases(draft, 5)
    running = start(draft)
    running.at(DAY)
    running.set(unreadable=[1001, 1003])
    answer = running.ecm.get(listing())
    assert ids(answer) == [1000, 1002, 1004] and paging(answer)["total_count"] == 5
    assert running.ecm.status("/v2/nodes/1001") == 400
    running.set(unreadable_counted=False)
    answer = running.ecm.get(listing())
    assert ids(answer) == [1000, 1002, 1004] and paging(answer)["total_count"] == 3


def test_15_a_user_reads_only_the_workspaces_whose_roles_hold_him(draft: Draft, start: Start) -> None:
    draft.case(100)
    draft.case(101, roles={"clerk": ["clerks"]})
    draft.case(102, roles={"case manager": []})
    document(draft, 900)
    running = start(draft)
    running.at(DAY)
    running.set(unreadable_counted=False)
    ada, bob = (Ecm(running.sandbox, running.ecm.login(name)) for name in ("ada", "bob"))
    assert (ids(ada.get(listing())), ids(bob.get(listing()))) == ([100, 101], [101])
    assert (ada.status("/v2/nodes/900"), bob.status("/v2/nodes/900")) == (200, 400)


def test_16_nodes_list_drops_ids_without_a_word(one: Running) -> None:
    form = {"body": json.dumps({"ids": [900, 7, 100]})}
    one.set(unreadable=[901])
    assert ids(one.ecm.call("POST", "/v2/nodes/list", form).json) == [900, 100]
    assert ids(one.ecm.call("POST", "/v2/nodes/list", {"body": '{"ids": [901, 900]}'}).json) == [900]
    one.set(nodes_list_drops=False)
    assert one.ecm.call("POST", "/v2/nodes/list", form).status == 400


def test_17_a_list_shifts_while_it_is_paged(draft: Draft, start: Start) -> None:
    cases(draft, 6)
    running = start(draft)
    running.at(DAY)

    def walk() -> list[list[int]]:
        return [ids(running.ecm.get(listing(f"&limit=2&page={page}"))) for page in (1, 2, 3)]

    steady = [[1000, 1001], [1002, 1003], [1004, 1005]]
    assert walk() == steady
    running.set(list_shifts=1)  # a row comes in front: one is seen twice
    assert walk() == [[1001, 1002], [1002, 1003], [1004, 1005]]
    assert walk() == steady
    running.set(list_shifts=-1)  # the first row leaves: another is not seen at all
    assert walk() == [[1000, 1001], [1003, 1004], [1005]]
    assert paging(running.ecm.get(listing("&limit=2&page=1")))["total_count"] == 5
    running.set(list_shifts=0)
    assert walk() == steady


def test_18_filters_match_the_start_of_a_name(draft: Draft, start: Start) -> None:
    draft.types += [{"type": "Case Review", "categories": []}]
    draft.case(100, name="Alpha")
    draft.case(101, name="Alphabet")
    draft.workspaces.append(
        {"id": 102, "type": "Case Review", "name": "Not alpha", "created": "2024-01-01T08:00:00Z"}
    )
    running = start(draft)
    running.at(DAY)

    def found(query: str) -> list[int]:
        return ids(running.ecm.get(f"/v2/businessworkspaces?expanded_view=true&sort=asc_id&{query}"))

    running.set(where_name_equals=False)
    assert found("where_workspace_type_name=Case") == [100, 101, 102]
    assert found("where_name=alpha") == [100, 101]
    assert found("where_name=contains_alpha") == [100, 101, 102]
    running.set(starts_with=False)
    assert found("where_workspace_type_name=Case") == [100, 101]
    assert found("where_name=alpha") == [100]
    assert found("where_name=startswith_alpha") == [100, 101]
    assert found("where_name=contains_alpha") == [100, 101, 102]


def test_19_without_expanded_view_only_recently_opened_ones_are_listed(draft: Draft, start: Start) -> None:
    cases(draft, 4)
    running = start(draft)
    running.at(DAY)
    short = "/v2/businessworkspaces?where_workspace_type_id=1&sort=asc_id"
    assert ids(running.ecm.get(short)) == []
    running.ecm.get("/v2/businessworkspaces/1002")
    assert ids(running.ecm.get(short)) == [1002]
    assert len(ids(running.ecm.get(listing()))) == 4
    running.set(recent_without_expanded=False)
    assert len(ids(running.ecm.get(short))) == 4


def test_21_a_deleted_user_stays_as_an_id_in_roles_and_attributes(draft: Draft, start: Start) -> None:
    draft.case(100, attrs={"Case.lead": "ada"}, roles={"case manager": ["ada", "bob"], "clerk": ["eve"]})
    draft.event("2024-01-05T08:00:00Z", "user_deleted", login="ada")
    running = start(draft)
    running.at(DAY)

    def seen() -> tuple[list[list[str]], set[Any]]:
        roles = running.ecm.get("/v2/businessworkspaces/100/roles?fields=members")["results"]
        (entry,) = running.ecm.get("/v2/nodes/100/categories")["results"]
        members = [[m["name"] for m in r["data"]["members"]] for r in roles]
        return members, {v for v in entry["data"]["categories"].values() if isinstance(v, int)}

    members, held = seen()
    assert members == [["ada", "bob"], ["eve"]]
    (ada,) = held
    found = running.ecm.get(f"/v2/members/{ada}")["results"]["data"]["properties"]
    assert (found["name"], found["deleted"]) == ("ada", True)
    assert running.ecm.call("POST", "/v1/auth", {"username": "ada", "password": "ada"}).status == 401
    running.set(deleted_users_stay=False)
    assert seen() == ([["bob"], []], set())


def test_22_groups_hold_groups(draft: Draft, start: Start) -> None:
    draft.meta["groups"] = {"office": ["clerks", "eve"], "empty": []}
    draft.case(100, roles={"clerk": ["office"]})
    running = start(draft)
    running.at(DAY)
    groups = running.ecm.get("/v2/members?where_type=1")
    assert names(groups) == ["clerks", "office", "empty"]
    number = ids(groups)[1]
    running.set(groups_need_where_type=False)
    assert names(running.ecm.get(f"/v2/members/{number}/members")) == ["clerks", "eve"]
    assert names(running.ecm.get(f"/v2/members/{number}/members?where_type=1")) == ["clerks"]
    assert names(running.ecm.get(f"/v2/members/{ids(groups)[2]}/members")) == []
    assert Ecm(running.sandbox, running.ecm.login("bob")).status("/v2/nodes/100") == 200
    running.set(groups_nest=False)
    assert sorted(names(running.ecm.get(f"/v2/members/{number}/members"))) == ["ada", "bob", "eve"]


def test_23_audit_rows_have_no_id_and_two_may_share_a_second(draft: Draft, start: Start) -> None:
    draft.case(100)
    for text in ("one", "two"):
        draft.event("2024-01-02T08:00:00Z", "comment_added", workspace=100, by="ada", text=text)
    running = start(draft)
    running.at(DAY)
    rows = running.ecm.get("/v2/nodes/100/audit?where_type=5200")["results"]["data"]["audit"]
    assert [r["audit_name"] for r in rows] == ["Comment Added: two", "Comment Added: one"]
    assert len({(r["id"], r["event_type"], r["audit_date"], r["user_id"]) for r in rows}) == 1
    assert "audit_id" not in rows[0]
    running.set(audit_without_ids=False)
    rows = running.ecm.get("/v2/nodes/100/audit?where_type=5200")["results"]["data"]["audit"]
    assert len({r["audit_id"] for r in rows}) == 2


def test_24_a_child_s_change_does_not_touch_the_workspace_s_modify_date(draft: Draft, start: Start) -> None:
    draft.case(100)
    draft.case(101, created="2024-01-01T09:00:00Z")
    document(draft, 900)
    draft.event("2024-01-04T08:00:00Z", "version_added", workspace=100, id=900, by="ada")
    running = start(draft)
    running.at(DAY)

    def newest() -> list[tuple[int, str, int]]:
        answer = running.ecm.get("/v2/businessworkspaces?expanded_view=true&sort=desc_modify_date")
        found = [row["data"]["properties"] for row in answer["results"]]
        return [(p["id"], p["modify_date"], p["size"]) for p in found]

    # The document's creation is seen (quirk 29), its second version is not.
    assert newest() == [(100, "2024-01-02T09:00:00", 1), (101, "2024-01-01T10:00:00", 0)]
    running.set(child_change_silent=False)
    assert newest() == [(100, "2024-01-04T09:00:00", 1), (101, "2024-01-01T10:00:00", 0)]


def test_25_answers_are_slow_cut_or_shorter_than_they_say(one: Running) -> None:
    one.set(slow_answers=1.0, slow_seconds=0.4)
    began = time.monotonic()
    assert one.ecm.status("/v2/nodes/100") == 200
    assert time.monotonic() - began >= 0.4
    for quirk in ("cut_connections", "wrong_lengths"):
        one.set(slow_answers=0.0, cut_connections=0.0, wrong_lengths=0.0)
        one.set(**{quirk: 1.0})
        with pytest.raises(http.client.IncompleteRead):
            one.ecm.call("GET", "/v2/nodes/100")
    one.set(wrong_lengths=0.0)
    assert one.ecm.status("/v2/nodes/100") == 200


def test_26_a_deep_offset_is_refused(draft: Draft, start: Start) -> None:
    cases(draft, 6)
    running = start(draft)
    running.at(DAY)
    running.set(deep_offset=4)
    assert [running.ecm.status(listing(f"&limit=2&page={page}")) for page in (1, 2, 3)] == [200, 200, 400]
    running.set(deep_offset=0)
    assert running.ecm.status(listing("&limit=2&page=3")) == 200


def test_roles_may_ignore_fields_members_as_some_versions_do(one: Running) -> None:
    path = "/v2/businessworkspaces/100/roles"
    role = one.ecm.get(f"{path}?fields=members")["results"][0]["data"]
    assert [m["name"] for m in role["members"]] == ["ada"]
    one.set(roles_ignore_members=True)
    role = one.ecm.get(f"{path}?fields=members")["results"][0]["data"]
    assert "members" not in role
    assert names(one.ecm.get(f"{path}/{role['properties']['id']}/members")) == ["ada"]


def test_random_faults_are_the_same_for_the_same_seed(one: Running) -> None:
    def run(seed: int) -> list[int]:
        one.sandbox.faults({"clear": True, "seed": seed, "quirks": {"proxy_errors": 0.3}})
        return [one.ecm.status("/v2/nodes/100") for _ in range(40)]

    first = run(7)
    assert run(7) == first and {200} < set(first)
    assert run(8) != first


def test_41_each_node_has_a_clock_of_its_own(draft: Draft, start: Start) -> None:
    cases(draft, 2)
    draft.event("2024-01-02T09:00:00Z", "comment_added", workspace=1000, text="one", by="bob")
    draft.event("2024-01-02T10:00:00Z", "comment_added", workspace=1000, text="two", by="bob")
    running = start(draft)
    ahead = [
        {"endpoint": "GET /v2/nodes/*", "ahead": 3600},
        {"endpoint": "event *", "ahead": -600, "since": "2024-01-02T09:30:00Z"},
    ]
    running.sandbox.faults({"clocks": ahead})
    running.at("2024-01-02T11:00:00+00:00")
    dated = {p: running.ecm.call("GET", p).headers.get_all("date") for p in ("/v2/nodes/1000", listing())}
    assert list(dated.values()) == [["Tue, 02 Jan 2024 12:00:00 GMT"], ["Tue, 02 Jan 2024 11:00:00 GMT"]]
    rows = running.ecm.get("/v2/nodes/1000/audit?where_type=5200")["results"]["data"]["audit"]
    assert [row["audit_date"] for row in rows] == ["2024-01-02T09:50:00Z", "2024-01-02T09:00:00Z"]


def test_41_a_later_change_may_have_an_earlier_date(draft: Draft, start: Start) -> None:
    cases(draft, 2)
    for hour, value in ((9, "waiting"), (10, "closed")):
        ts = f"2024-01-02T{hour:02}:00:00Z"
        draft.event(ts, "attribute_changed", workspace=1000, attr="Case.status", value=value)
    running = start(draft)
    running.at("2024-01-02T09:30:00+00:00")
    running.sandbox.faults({"clocks": [{"endpoint": "event attribute_changed", "ahead": -5400}]})
    running.at("2024-01-02T11:00:00+00:00")
    shown = running.ecm.get("/v2/nodes/1000")["results"]["data"]["properties"]["modify_date"]
    assert shown == "2024-01-02T08:30:00Z"


@pytest.mark.parametrize(
    "clock",
    [{"endpoint": "*"}, {"endpoint": "*", "ahead": "far"}, {"endpoint": "*", "ahead": 1, "since": "soon"}],
)
def test_a_clock_that_is_none_is_refused_and_nothing_is_changed(
    one: Running, clock: dict[str, object]
) -> None:
    with pytest.raises(Exception, match=r"clock has|since"):
        one.sandbox.faults({"clocks": [clock]})
    assert one.sandbox.faults({})["ecm"]["clocks"] == []

"""The inbox: newest first, page by page, and acknowledged once."""

from __future__ import annotations

from datetime import timedelta

from tests.gateway.conftest import Api, entry
from vigil.compliance.notices import NoticeState
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.outbox import acknowledgements
from vigil.service.why import about_person


def test_a_notice_comes_with_its_words_and_the_link_to_its_item(api: Api) -> None:
    (id,) = api.tell(entry("ada", 4711))
    assert api.of("ada").get(f"/v1/notices/{id}").json() == {
        "id": id,
        "rule": "contract-renewal",
        "workspace": 4711,
        "step": "",
        "fire_at": "2026-03-02T08:00:00Z",
        "state": "sent",
        "title": "Contract 4711 ends",
        "body": "On 31 March",
        "link": "https://ecm.example.org/cs/cs/app/nodes/4711",
        "severity": "normal",
        "acknowledgement": None,
    }


def test_pages_follow_one_another_without_a_gap_while_new_notices_come(api: Api) -> None:
    api.tell(*(entry("ada", n) for n in range(1, 8)))
    ada, seen, before = api.of("ada"), [], None
    for round in range(10):
        page = ada.get("/v1/notices", params={"limit": 3} | ({"before": before} if before else {})).json()
        seen += [n["workspace"] for n in page["notices"]]
        api.tell(entry("ada", 100 + round))
        before = page["next"]
        if before is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_a_last_page_that_is_full_has_no_next(api: Api) -> None:
    api.tell(entry("ada", 1), entry("ada", 2))
    assert api.of("ada").get("/v1/notices", params={"limit": 2}).json()["next"] is None


def test_what_was_never_meant_to_be_said_is_in_no_inbox(api: Api) -> None:
    quiet, mute, lost = api.tell(
        entry("ada", 1, NoticeState.SUPPRESSED),
        entry("ada", 2, NoticeState.NO_DEVICE),
        entry("ada", 3, NoticeState.FAILED, message=NoticeMessage()),
    )
    ada = api.of("ada")
    assert [n["id"] for n in ada.get("/v1/notices").json()["notices"]] == [lost, mute]
    assert ada.get(f"/v1/notices/{quiet}").status_code == 404
    assert ada.put(f"/v1/notices/{quiet}/acknowledgement").status_code == 404
    assert ada.get(f"/v1/notices/{lost}").json()["title"] == ""


def test_the_first_acknowledgement_counts_and_a_second_one_changes_nothing(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    ada = api.of("ada")
    first = ada.put(f"/v1/notices/{id}/acknowledgement")
    api.clock.move(timedelta(hours=1))
    second = ada.put(f"/v1/notices/{id}/acknowledgement")
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json() == ada.get(f"/v1/notices/{id}").json()["acknowledgement"]
    assert first.json()["how"] == "app"


def test_a_notice_on_one_of_two_devices_can_be_acknowledged_already(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1, NoticeState.QUEUED))
    assert api.of("ada").put(f"/v1/notices/{id}/acknowledgement").status_code == 200


def test_the_ledger_keeps_who_when_and_how_and_why_tells_it(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    api.of("ada").put(f"/v1/notices/{id}/acknowledgement")
    with api.ledger.read() as connection:
        seen = acknowledgements.of_notices(connection, [id])[id]
    assert (seen.person, seen.at, seen.how) == ("ada", api.clock(), "app")
    (told,) = about_person(api.ledger, "ada").told
    assert told.acknowledged == seen

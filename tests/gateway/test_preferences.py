"""Preferences: read, set whole, refused where they make no sense."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.conftest import Api

NOTHING: dict[str, Any] = {"quiet": None, "digest": False, "language": None, "zone": None, "channels": []}
ALL = {
    "quiet": {"from": "22:00", "to": "07:00"},
    "digest": True,
    "language": "de",
    "zone": "Europe/Berlin",
    "channels": ["email", "webhook", "push"],
}


def test_who_asked_for_nothing_has_nothing(api: Api) -> None:
    assert api.of("ada").get("/v1/preferences").json() == NOTHING


def test_what_was_set_is_read_back_and_only_by_its_person(api: Api) -> None:
    assert api.of("ada").put("/v1/preferences", json=ALL).json() == ALL
    assert api.of("ada").get("/v1/preferences").json() == ALL
    assert api.of("bob").get("/v1/preferences").json() == NOTHING


def test_setting_is_whole_what_is_left_out_is_taken_back(api: Api) -> None:
    api.of("ada").put("/v1/preferences", json=ALL)
    assert api.of("ada").put("/v1/preferences", json={"language": "it"}).json() == NOTHING | {
        "language": "it"
    }
    assert api.of("ada").get("/v1/preferences").json() == NOTHING | {"language": "it"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet": {"from": "22:00"}},
        {"quiet": {"from": "22:00", "to": "22:00"}},
        {"quiet": {"from": "24:00", "to": "07:00"}},
        {"quiet": {"from": "22:00", "to": "07:00:00"}},
        {"quiet": {"from": "22:00", "to": "07:00", "days": []}},
        {"quiet": []},
        {"digest": "yes"},
        {"digest": 1},
        {"language": "german!"},
        {"zone": "Mars/Olympus"},
        {"channels": ["sms"]},
        {"channels": ["push", "push"]},
        {"person": "bob"},
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_set(api: Api, wrong: dict[str, Any]) -> None:
    api.of("ada").put("/v1/preferences", json=ALL)
    assert api.of("ada").put("/v1/preferences", json=wrong).status_code == 422
    assert api.of("ada").get("/v1/preferences").json() == ALL

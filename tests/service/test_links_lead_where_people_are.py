"""The address in people's browsers may be given with or without the path of Extended ECM: links have it once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vigil.compliance.events import Event
from vigil.service.site import Site, smart_view

RIGHT = "https://p.example.org/cs/cs/app"


@pytest.mark.parametrize(
    ("public_url", "cgi", "wanted"),
    [
        ("https://p.example.org", "/cs/cs", RIGHT),
        ("https://p.example.org/", "/cs/cs", RIGHT),
        ("https://p.example.org/cs/cs", "/cs/cs", RIGHT),
        ("https://p.example.org/cs/cs/", "/cs/cs", RIGHT),
        ("https://p.example.org/cs/cs/app", "/cs/cs", RIGHT),
        ("https://p.example.org/portal", "/cs/cs", "https://p.example.org/portal/cs/cs/app"),
        ("https://p.example.org/portal/cs/cs", "/cs/cs", "https://p.example.org/portal/cs/cs/app"),
        ("https://p.example.org/cs", "/cs/cs", "https://p.example.org/cs/cs/cs/app"),
        ("https://p.example.org/OTCS/cs.exe", "/otcs/cs.exe", "https://p.example.org/OTCS/cs.exe/app"),
        ("https://p.example.org", "", "https://p.example.org/app"),
        ("https://p.example.org/app", "", "https://p.example.org/app"),
    ],
)
def test_the_path_of_extended_ecm_is_there_once(public_url: str, cgi: str, wanted: str) -> None:
    assert smart_view(public_url, cgi) == wanted
    site = Site(public_url, "UTC", Path("rules"), Path("templates"), cgi)
    assert site.link(7) == f"{wanted}/nodes/7"


def test_the_link_of_a_forgotten_event_leads_to_its_workspace() -> None:
    site = Site("https://p.example.org", "UTC", Path("rules"), Path("templates"), "/cs/cs")
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert site.link(7, Event("", 7, at, "document:52", {"at": at})) == f"{RIGHT}/nodes/7"

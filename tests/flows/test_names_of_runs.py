"""Runs are named by their instant in the site's zone; of an hour that the clocks show twice the name says which."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vigil.delivery.errors import CredentialRefused
from vigil.ecm.errors import Malformed, NotReadable, Refused, Unavailable
from vigil.errors import BadInput, BadRequest, Problem, VigilError
from vigil.ledger import LedgerLocked


@pytest.mark.parametrize(
    ("at", "zone", "said"),
    [
        ("2026-03-02T08:15", "Europe/Berlin", "2026-03-02 09:15"),
        ("2026-03-02T08:15", "UTC", "2026-03-02 08:15"),
        ("2026-10-25T00:30", "Europe/Berlin", "2026-10-25 02:30 CEST"),
        ("2026-10-25T01:30", "Europe/Berlin", "2026-10-25 02:30 CET"),
        ("2026-03-29T01:30", "Europe/Berlin", "2026-03-29 03:30"),
    ],
)
def test_an_instant_is_told_as_the_sites_clocks_show_it(at: str, zone: str, said: str) -> None:
    from flows.support.run_names import clock

    assert clock(datetime.fromisoformat(at).replace(tzinfo=UTC), zone) == said


@pytest.mark.parametrize(
    ("error", "brief"),
    [
        (Refused("/v1/auth", "Authentication failed", 401), "Extended ECM refused the login"),
        (Unavailable("/v2/nodes/1", "no answer"), "Extended ECM did not answer"),
        (NotReadable("/v2/nodes/1", "gone", 404), "Extended ECM does not let something be read"),
        (Malformed("/v2/nodes/1", "HTML instead of JSON", 200), "Extended ECM's answer could not be read"),
        (LedgerLocked("the ledger sqlite:///x is locked"), "the ledger is locked by another writer"),
        (BadInput([Problem("rules/a.yaml", 3, 1, "unknown key")]), "rules/a.yaml is refused"),
        (BadRequest("no such rule: x.\nThe rules are y."), "no such rule: x."),
        (VigilError("long " * 20), f"{'long ' * 11}long…"),
        (CredentialRefused("the account", "HTTP 403"), "the account was refused: HTTP 403"),
    ],
)
def test_what_was_wrong_stands_in_the_name_in_a_few_words(error: VigilError, brief: str) -> None:
    assert error.brief == brief
    assert len(error.brief) <= 61

"""Every reason of the ledger has its words, and docs/reasons.md has one row for each: name, words, and the code that is kept."""

from __future__ import annotations

import pytest

from tests.shared import PROJECT
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger.notice_message import NoticeMessage
from vigil.service.reasons import WORDS, in_words, of_row

PAGE = PROJECT / "docs" / "reasons.md"


def test_every_reason_has_its_row_and_every_row_its_reason() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines()]
    documented = {
        row[0].strip("`"): (row[1], row[3]) for row in rows if len(row) == 4 and row[0].startswith("`")
    }
    assert documented == {why.name.lower(): (WORDS[why], why.value) for why in (*Why, *GuardWhy)}


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", ""),
        ("in digest 12", "sent in digest 12"),
        ("expired: UNAVAILABLE", "no try succeeded in time; the last one: UNAVAILABLE"),
        ("expired: CONNECT", "no try succeeded in time; the last one: no connection to the server"),
        (
            "SENDER_ID_MISMATCH; SMTP_550_5.1.1",
            "every device of the person refused it: SENDER_ID_MISMATCH; SMTP_550_5.1.1",
        ),
        ("templates/milestone/title.j2:3: no such field", "templates/milestone/title.j2:3: no such field"),
        ("FCM answered 503 UNAVAILABLE", "FCM answered 503 UNAVAILABLE"),
    ],
)
def test_what_delivery_left_is_said_as_far_as_it_can_be(reason: str, said: str) -> None:
    assert in_words(reason) == said


def test_whom_nobody_stands_for_is_named() -> None:
    lacks = ("role owner of Contract 4711 is empty", "group records is empty")
    row = {"reason": Why.NOBODY.value, "message": NoticeMessage(lacks=lacks)}
    assert of_row(row) == f"the finding has no recipient: {lacks[0]} and {lacks[1]}"
    assert of_row({"reason": Why.NOBODY.value, "message": NoticeMessage()}) == "the finding has no recipient"

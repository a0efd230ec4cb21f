"""The account of a run: outcomes first, in words a steward knows; a result for the run's name; the numbers below."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.accounts import AT, account, row
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger.outbox.counts import ToCome, Waiting
from vigil.service import account_text
from vigil.service.accounting import Account

DEAD = "FCM answered 503 UNAVAILABLE: The service is currently unavailable"
REFUSED = "service account x was refused: HTTP 403; mend it"


@pytest.mark.parametrize(
    ("made", "said", "result"),
    [
        (account(), "nothing new", "nothing new"),
        (account(row("sent")), "1 person was told", "1 told"),
        (account(row("sent"), row("sent"), row("sent", "bo")), "2 people were told (3 notices)", "3 told"),
        (account(earlier={"sent": 2}), "2 delivered from earlier runs", "2 told"),
        (
            account(earlier={"sent": 1, "failed": 3}),
            "1 delivered from earlier runs; 3 given up from earlier runs",
            "1 told, 3 given up",
        ),
        (account(waits=Waiting({DEAD: 1})), f"1 notice waits for another try: {DEAD}", "1 waits"),
        (
            account(waits=Waiting({DEAD: 32, "no connection to FCM: connection refused": 8}, behind=2)),
            f"42 notices wait for another try: {DEAD} (32 of 40), no connection to FCM: connection refused (8), "
            "2 behind an earlier notice",
            "42 wait",
        ),
        (
            account(later=ToCome(quiet=2, quiet_until=AT + timedelta(hours=8))),
            "2 notices wait for the end of quiet hours, the first until 2 March 2026 17:15 (Europe/Berlin)",
            "nothing new",
        ),
        (
            account(waits=Waiting({DEAD: 1}, {DEAD: AT + timedelta(seconds=12)})),
            f"1 notice waits for another try: {DEAD}, next try 2 March 2026 09:15:12 (Europe/Berlin)",
            "1 waits",
        ),
        (
            account(waits=Waiting(held=39, untaken=2)),
            "41 notices wait to be sent: 39 in another worker's hands, 2 not taken up",
            "41 wait",
        ),
        (
            account(row("suppressed", reason=Why.GROUPED.value), later=ToCome(digest=2)),
            "2 notices wait for the next digest",
            "nothing new",
        ),
        (
            account(later=ToCome(digest=3, no_digest=2)),
            "3 notices wait for the next digest, 2 of them for too long: the digest does not run",
            "2 without a digest",
        ),
        (
            account(row("suppressed", reason=GuardWhy.HELD.value), later=ToCome(guard=1, answer_by=AT)),
            "1 notice waits for a guard's answer, the first until 2 March 2026 09:15 (Europe/Berlin)",
            "nothing new",
        ),
        (
            account(later=ToCome(guard=3, not_asked=2)),
            "3 notices wait for a guard's answer, and nobody was asked about 2: `vigil guard list`",
            "2 without an answer",
        ),
        (
            account(row("suppressed", reason=GuardWhy.UNDECIDED.value), later=ToCome(undecided=1)),
            "1 notice waits for its guard's decision",
            "nothing new",
        ),
        (account(later=ToCome(behind=1)), "1 workspace waits for the next watch", "nothing new"),
        (
            account(
                row("unroutable", None, Why.NOBODY.value, lacks=["role owner of Contract 4711 is empty"])
            ),
            "1 finding without a recipient: role owner of Contract 4711 is empty",
            "1 reached nobody",
        ),
        (
            account(row("no_device"), row("no_device"), row("no_device", "bo")),
            "2 people have neither a device nor a mailbox (3 notices)",
            "nothing new",
        ),
        (
            account(row("failed", reason="expired: CONNECT")),
            "1 given up: no try succeeded in time; the last one: no connection to the server",
            "1 given up",
        ),
        (account(row("suppressed", reason=Why.ACTOR.value)), "1 not sent: the person did it", "nothing new"),
        (account(already_told=1200), "1,200 queued by earlier runs", "nothing new"),
        (account(gaps=("Contract 1 (x)",)), "1 gap: could not read Contract 1 (x)", "1 gap"),
        (
            account(row("sent"), refused_rules=("Rules refused: 2: a.yaml:1:1 unknown key",)),
            "1 person was told",
            "1 told, rules refused: 2",
        ),
        (account(gaps=("a", "b")), "2 gaps: could not read a and more", "2 gaps"),
    ],
)
def test_each_outcome_is_a_sentence_with_its_plural(made: Account, said: str, result: str) -> None:
    assert account_text.sentence(made) == said
    assert account_text.result(made) == result


def test_of_much_that_nobody_could_be_told_the_line_names_two_and_the_page_all() -> None:
    lacks = [f"role owner of Contract {n} is empty" for n in range(5)]
    made = account(*(row("unroutable", None, Why.NOBODY.value, lacks=[said]) for said in [*lacks, lacks[0]]))
    assert account_text.sentence(made) == f"6 findings without a recipient: {lacks[0]}, {lacks[1]} and 3 more"
    assert (
        "### Findings without a recipient\n\n- role owner of Contract 0 is empty (2 findings)\n"
        in account_text.page(made)
    )
    assert all(said in account_text.page(made) for said in lacks)


def test_the_page_has_outcomes_first_and_numbers_below_in_a_named_zone() -> None:
    made = account(
        row("sent"),
        row("suppressed", reason=Why.INHIBITED.value),
        numbers={"routed": 2, "requests": 1234},
        unseen={9: 1},
        places={9: 'Contract 9 "Supply of steel"'},
        refused=(REFUSED,),
    )
    page = account_text.page(made)
    assert page.startswith("## watch of default, 2 March 2026 09:15 (Europe/Berlin)\n\n- 1 person was told\n")
    order = [
        "1 person was told",
        "Credentials to correct",
        "Changes that came",
        "Numbers of the run",
        "| requests | 1,234 |",
    ]
    assert sorted(order, key=page.index) == order
    assert '- Contract 9 "Supply of steel": 1 change by its audit trail' in page
    assert "| **suppressed: another rule already reports on the workspace** | 1 |" in page


def test_a_refused_credential_is_told_once() -> None:
    made = account(waits=Waiting({REFUSED: 3}), refused=(REFUSED,))
    assert account_text.sentence(made) == f"3 notices wait for another try: {REFUSED}"
    assert account_text.sentence(account(refused=(REFUSED,))) == REFUSED

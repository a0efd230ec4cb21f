"""An escalation counts from when its people were told: the ledger says when that was."""

from __future__ import annotations

from datetime import timedelta

from tests.support.samples import MINUTE, T0, entry
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger
from vigil.ledger.outbox import acknowledgements, digests, escalatable, leases, queue
from vigil.ledger.outbox.leases import Settled, Tried

RULE = "contract-renewal"
DAY = timedelta(days=1)


def test_it_is_the_first_accepted_attempt_and_else_when_it_was_queued(ledger: Ledger) -> None:
    old = T0 - 100 * DAY  # when it happened: a backfill
    with ledger.write() as connection:
        queue.enqueue(
            connection,
            [
                entry(1, person="ada", fire_at=old),
                entry(1, person="bert", fire_at=old),
                entry(1, person="mia", fire_at=old, state="no_device"),
                entry(2, person="mia", fire_at=old, state="no_device"),
                entry(3, person="ada", fire_at=old),
            ],
            T0,
        )
        claimed = {(c.workspace, c.person): c for c in leases.claim(connection, "me", T0, 5 * MINUTE, 100)}
        ada, bert = claimed[1, "ada"].id, claimed[1, "bert"].id
        tried = [
            Tried(ada, 1, T0 + MINUTE, T0 + MINUTE, "unknown"),
            Tried(ada, 1, T0 + 20 * MINUTE, T0 + 20 * MINUTE, "accepted", 200),
            Tried(bert, 2, T0 + 9 * MINUTE, T0 + 9 * MINUTE, "accepted", 200),
            Tried(bert, 3, T0 + 30 * MINUTE, T0 + 30 * MINUTE, "accepted", 200),
        ]
        settled = [Settled(c.id, NoticeState.SENT, tried_at=T0) for c in claimed.values() if c.workspace == 1]
        leases.settle(connection, "me", tried, settled)
    with ledger.read() as connection:
        said = {s.workspace: s for s in escalatable.notices(connection, [RULE], T0 - DAY)}
    assert {w: (s.fire_at, s.told_at) for w, s in said.items()} == {
        1: (old, T0 + 9 * MINUTE),
        2: (old, T0),
    }, "what still waits to be delivered was not said"


def test_what_was_queued_long_ago_and_sent_now_is_found(ledger: Ledger) -> None:
    with ledger.write() as connection:
        queue.enqueue(connection, [entry(1), entry(2, state="no_device")], T0)
        (held,) = leases.claim(connection, "me", T0 + 9 * DAY, 5 * MINUTE, 100)
        at = T0 + 9 * DAY
        leases.settle(
            connection,
            "me",
            [Tried(held.id, 1, at, at, "accepted", 200)],
            [Settled(held.id, NoticeState.SENT, tried_at=at)],
        )
    with ledger.read() as connection:
        (said,) = escalatable.notices(connection, [RULE], T0 + 8 * DAY)
    assert (said.workspace, said.told_at) == (1, at)


def test_what_went_out_in_a_digest_was_told_when_the_digest_was(ledger: Ledger) -> None:
    """Its attempts and its acknowledgement are those of the digest; other reasons name no digest."""
    later = T0 + DAY
    with ledger.write() as connection:
        waits = entry(1, state="suppressed", reason=Why.GROUPED.value)
        other = entry(2, state="suppressed", reason="in digestion")
        queue.enqueue(connection, [waits, other], T0)
        queue.enqueue(connection, [entry(0, rule="digest")], later)
        (digest,) = leases.claim(connection, "me", later, 5 * MINUTE, 100)
        (parked,) = (r["id"] for r in queue.rows(connection, workspace=1))
        digests.put_into(connection, [parked], digest.id)
        accepted = [Tried(digest.id, 1, later, later, "accepted", 200)]
        leases.settle(connection, "me", accepted, [Settled(digest.id, NoticeState.SENT, tried_at=later)])
    with ledger.read() as connection:
        (said,) = escalatable.notices(connection, [RULE], later - DAY / 2)
    assert (said.workspace, said.told_at, said.acknowledged) == (1, later, False)
    with ledger.write() as connection:
        acknowledgements.acknowledge(connection, digest.id, "ada", later, "app")
        (said,) = escalatable.notices(connection, [RULE], later - DAY / 2)
    assert said.acknowledged

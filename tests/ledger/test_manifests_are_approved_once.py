"""A manifest is kept as it was shown, and is approved once, whoever else tries at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.samples import MINUTE, T0
from vigil.ledger import Ledger
from vigil.ledger.outbox import manifests

ROWS = [
    {"person": "ada", "rule": "renewal", "sends": True},
    {"person": "bert", "rule": "renewal", "sends": False},
]


def keep(ledger: Ledger) -> str:
    with ledger.write() as connection:
        return manifests.keep(connection, ROWS, T0)


def approve(ledger: Ledger, id: str, minute: int = 1) -> bool:
    with ledger.write() as connection:
        return manifests.approve(connection, id, T0 + minute * MINUTE)


def test_it_comes_back_as_it_was_kept(ledger: Ledger) -> None:
    id = keep(ledger)
    with ledger.read() as connection:
        kept = manifests.find(connection, id)
        assert kept is not None
        assert (kept.id, kept.approved_at, kept.rows) == (id, None, tuple(ROWS))
        assert manifests.find(connection, "nope") is None


def test_the_second_approval_finds_it_approved(ledger: Ledger) -> None:
    id = keep(ledger)
    assert approve(ledger, id)
    assert not approve(ledger, id, 2)
    assert not approve(ledger, "nope")


def test_working_it_out_again_keeps_its_approval(ledger: Ledger) -> None:
    id = keep(ledger)
    approve(ledger, id)
    assert keep(ledger) == id
    with ledger.read() as connection:
        kept = manifests.find(connection, id)
    assert kept is not None
    assert kept.approved_at == T0 + MINUTE


def test_of_eight_approvals_at_once_one_counts(ledger: Ledger) -> None:
    id = keep(ledger)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda n: approve(ledger, id, n), range(8))) == 1

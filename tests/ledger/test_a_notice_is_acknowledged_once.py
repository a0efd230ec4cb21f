"""Of any number of acknowledgements of a notice one counts, on both databases: a mail's link works once because of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.samples import MINUTE, T0
from vigil.ledger import Ledger
from vigil.ledger.outbox import acknowledgements
from vigil.ledger.outbox.acknowledgements import Acknowledged


def test_the_first_counts_and_stays_as_it_is(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert acknowledgements.acknowledge(connection, 7, "ada", T0, "link")
    with ledger.write() as connection:
        assert not acknowledgements.acknowledge(connection, 7, "ada", T0 + MINUTE, "app")
        assert acknowledgements.of_notices(connection, [7]) == {7: Acknowledged(7, "ada", T0, "link")}


def test_of_many_at_once_one_counts(ledger: Ledger) -> None:
    def once(_: int) -> bool:
        with ledger.write() as connection:
            return acknowledgements.acknowledge(connection, 7, "ada", T0, "link")

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(once, range(8))) == 1

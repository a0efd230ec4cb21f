"""The ledger's answers to the stages of `pipeline`: see `pipeline.Records`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vigil.compliance.evaluation.superseded import SentOccurrences
from vigil.ledger import Ledger
from vigil.ledger.observed import behind
from vigil.ledger.outbox import sent_history
from vigil.ledger.people import devices, preferences
from vigil.service.contacts import Contacts


class LedgerRecords:
    """The queries of the stages, answered by the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def occurrences(self, asked: Mapping[str, Collection[int]]) -> dict[str, SentOccurrences]:
        with self._ledger.read() as connection:
            return {rule: sent_history.occurrences(connection, rule, some) for rule, some in asked.items()}

    def unread(self, workspaces: Collection[int]) -> Mapping[int, str]:
        with self._ledger.read() as connection:
            return behind.why_unread(connection, workspaces)

    def contacts(self, people: Collection[str]) -> Contacts:
        with self._ledger.read() as connection:
            return Contacts(devices.of_people(connection, people), preferences.of_people(connection, people))

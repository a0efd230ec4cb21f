"""The ledger's answers to the stages of `pipeline`: see `pipeline.Records`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vigil.compliance.superseded import Told
from vigil.ledger import Ledger, behind, devices, earlier
from vigil.ledger import people as preferences
from vigil.service.contacts import Contacts


class LedgerRecords:
    """The queries of the stages, answered by the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def occurrences(self, asked: Mapping[str, Collection[int]]) -> dict[str, Told]:
        with self._ledger.read() as connection:
            return {rule: earlier.occurrences(connection, rule, some) for rule, some in asked.items()}

    def unread(self, workspaces: Collection[int]) -> Mapping[int, str]:
        with self._ledger.read() as connection:
            return behind.why_unread(connection, workspaces)

    def contacts(self, people: Collection[str]) -> Contacts:
        with self._ledger.read() as connection:
            return Contacts(devices.of_people(connection, people), preferences.of_people(connection, people))

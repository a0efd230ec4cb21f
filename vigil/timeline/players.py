"""The shared resources of timelines: the templates, and the two kinds of player."""

from __future__ import annotations

import asyncio
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vigil.compliance.rules.model import RuleSet
from vigil.delivery.rendering.render import Renderer
from vigil.timeline.memory_player import MemoryPlayer
from vigil.timeline.model import Timeline
from vigil.timeline.results import Watcher

if TYPE_CHECKING:
    from vigil.ledger.in_memory import InMemoryLedger
    from vigil.timeline.ledger_player import LedgerPlayer


class Players:
    """The resources that all timelines share: the templates, and the in-memory ledger for the real run."""

    def __init__(self, templates: Path) -> None:
        self.renderer = Renderer(templates)

    def in_memory(self, timeline: Timeline, rules: RuleSet, watcher: Watcher | None = None) -> MemoryPlayer:
        """The fast player, without a ledger."""
        return MemoryPlayer(self.renderer, timeline, rules, watcher)

    def on_ledger(self, timeline: Timeline, rules: RuleSet, watcher: Watcher | None = None) -> LedgerPlayer:
        """The player of the real run, over an empty ledger. It makes the previous one invalid."""
        # Imported here: loading the database and the push client takes longer than a hundred timelines in memory.
        from vigil.timeline.ledger_player import LedgerPlayer

        return LedgerPlayer(self._in_memory.fresh(), self.renderer, self._loop, timeline, rules, watcher)

    @cached_property
    def _in_memory(self) -> InMemoryLedger:
        # Made at its first use: a forked process makes its own.
        from vigil.ledger.in_memory import InMemoryLedger

        return InMemoryLedger()

    @cached_property
    def _loop(self) -> asyncio.Runner:
        return asyncio.Runner()

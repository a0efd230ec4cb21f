"""The outcome of a flow that a command ran."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ended:
    """The name of a run's state, its message, whether it is green (docs/states.md), and whether it read everything."""

    name: str
    message: str
    green: bool
    read: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


async def ended(run: Awaitable[Any]) -> Ended:
    """The end of a run that returns its state (`return_state=True`). Raises the error of a run that did not reach its end."""
    from flows.support.states import IncompleteRun, Named  # imports Prefect, which reads its settings then

    state = await run
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, BaseException) and not isinstance(result, IncompleteRun):
        raise result
    green = state.is_completed()
    return Ended(state.name or "", state.message or "", green, read=green or state.name == Named.UNDELIVERED)


async def outcome(run: Awaitable[Any]) -> tuple[Any, str]:
    """The result of a flow, and what is missing from it: empty if nothing is."""
    from flows.support.states import IncompleteRun

    try:
        return await run, ""
    except IncompleteRun as incomplete:
        return incomplete.data, str(incomplete)

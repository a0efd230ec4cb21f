"""Names of runs: what ran, when, and once it is known what came of it. "watch 2026-03-02 09:15 · 8 told"

The instant is in the site's zone, which is known once its block is read: so a run is named when it is opened, and named again at its
end. A site that is not the default one stands in the name, too. A name is worth no run: where it cannot be given, the run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import FlowRun
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from vigil.safe_text import label

DEFAULT = "default"
BEFORE_RESULT = " · "
WAITS = "waits for an answer"

_head: ContextVar[str] = ContextVar("the name of the run without its result")


def forget() -> None:
    """Begin anew: in a notebook one run comes after another."""
    _head.set("")


async def begins(site: str, zone: str, instants: Sequence[datetime]) -> None:
    """Name the run after what it does and its instant; of a window after both its ends.

    A run that was suspended and goes on keeps its name: the instant of its question says more than that of the answer.
    """
    context = FlowRunContext.get()
    if context is None or context.flow is None or context.flow_run is None:
        return
    of = "" if site == DEFAULT else f" {site}"
    clocks = " to ".join(clock(at, zone) for at in instants)
    _head.set(_head.get("") or _suspended(context.flow_run) or f"{context.flow.name}{of} {clocks}")
    context.flow_run.name = _head.get()  # what is logged from now on goes under it
    await rename(_client(context), context.flow_run, _head.get())


async def ends(result: str) -> None:
    """Put what came of the run behind its name. One that never was opened is named after this instant, in UTC."""
    context = FlowRunContext.get()
    if context is None or context.flow is None or context.flow_run is None:
        return
    unopened = f"{context.flow.name} {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    head = _head.get("") or _suspended(context.flow_run) or unopened
    await rename(_client(context), context.flow_run, f"{head}{BEFORE_RESULT}{result}")


def _client(context: FlowRunContext) -> PrefectClient:
    return cast(PrefectClient, context.client)  # every flow here is asynchronous


def head_of(run: FlowRun) -> str:
    """The name of a run without its result."""
    return run.name.partition(BEFORE_RESULT)[0]


def _suspended(run: FlowRun) -> str:
    """The name, without its end, of a run that was suspended; empty for any other."""
    return head_of(run) if run.name.endswith(f"{BEFORE_RESULT}{WAITS}") else ""


async def rename(client: PrefectClient, run: FlowRun, name: str) -> None:
    """Give a run another name, where that can be done."""
    try:
        await client.update_flow_run(run.id, name=label(name))
    except Exception as error:  # noqa: BLE001  whatever it is: the run is worth more than its name
        get_run_logger().warning("a run could not be renamed to %r: %s", name, error)


def clock(at: datetime, zone: str) -> str:
    """An instant as a clock in the zone shows it. Of an hour that the clocks show twice the zone's abbreviation says which."""
    local = at.astimezone(ZoneInfo(zone))
    twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{local:%Y-%m-%d %H:%M}{f' {local:%Z}' if twice else ''}"


__all__ = ["BEFORE_RESULT", "WAITS", "begins", "clock", "ends", "forget", "head_of", "rename"]

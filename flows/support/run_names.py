"""Names of runs: the flow, the instant and, at the end, the result. "watch 2026-03-02 09:15 · 8 told"

The instant is in the site's zone, which is known only after its block is read: so a run is named when it is opened, and again at its
end. The name includes a site other than the default. If the name cannot be set, the run continues.
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
    """Reset the name: a notebook runs several flows in one process."""
    _head.set("")


async def begins(site: str, zone: str, instants: Sequence[datetime]) -> None:
    """Name the run after its flow and instant, or after both ends of its window.

    A resumed run keeps its name: the instant of its question is more useful than that of the answer.
    """
    context = FlowRunContext.get()
    if context is None or context.flow is None or context.flow_run is None:
        return
    of = "" if site == DEFAULT else f" {site}"
    clocks = " to ".join(clock(at, zone) for at in instants)
    _head.set(_head.get("") or _suspended(context.flow_run) or f"{context.flow.name}{of} {clocks}")
    context.flow_run.name = _head.get()  # later log records use this name
    await rename(_client(context), context.flow_run, _head.get())


async def ends(result: str) -> None:
    """Append the result to the run's name. A run that was never opened is named after the current time, in UTC."""
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
    """The name without its result of a run that was suspended; empty for other runs."""
    return head_of(run) if run.name.endswith(f"{BEFORE_RESULT}{WAITS}") else ""


async def rename(client: PrefectClient, run: FlowRun, name: str) -> None:
    """Rename a run if possible."""
    try:
        await client.update_flow_run(run.id, name=label(name))
    except Exception as error:  # noqa: BLE001  the run matters more than its name
        get_run_logger().warning("a run could not be renamed to %r: %s", name, error)


def clock(at: datetime, zone: str) -> str:
    """An instant in local time. In an hour that occurs twice, the zone's abbreviation tells the two apart."""
    local = at.astimezone(ZoneInfo(zone))
    twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{local:%Y-%m-%d %H:%M}{f' {local:%Z}' if twice else ''}"


__all__ = ["BEFORE_RESULT", "WAITS", "begins", "clock", "ends", "forget", "head_of", "rename"]

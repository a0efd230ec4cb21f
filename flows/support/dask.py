"""Reads and evaluates in the processes of a Dask cluster: a task there receives a handle that opens the run again. docs/scaling.md

Used only if the site's block names a Dask cluster, which needs prefect-dask (the extra `scale`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.support.sites import block_of, ledger_of
from vigil.compliance.channels import TextFormat
from vigil.compliance.rules.model import RuleSet
from vigil.ecm.located import Located
from vigil.ecm.model import ListedWorkspace
from vigil.errors import BadRequest
from vigil.service import evaluation, extraction
from vigil.service.plan import Plan
from vigil.service.resources import renderers_of
from vigil.service.run import Run, RunCounters, utc_now

if TYPE_CHECKING:
    from prefect_dask.task_runners import DaskTaskRunner

LOCAL = "local:"


class NoDask(BadRequest):
    """The site's block names Dask, but prefect-dask is not installed."""


@dataclass(frozen=True)
class RunHandle:
    """The data with which another process opens a run again. It contains no secrets: that process reads the block itself.

    The rules are those of the start of the run, even if they were edited since. `at` is the instant at which its clock stands
    still; None for the real clock.
    """

    site: str
    flow: str
    run: int
    as_of: datetime
    at: datetime | None
    rules: RuleSet


@asynccontextmanager
async def reopened(handle: RunHandle) -> AsyncIterator[Run]:
    """A part of a run, in another process than the run's own. Its `counters` are complete at the end."""
    block = await block_of(handle.site)
    site, at = block.site(), handle.at
    formats = renderers_of(site.templates, block.channels)
    run = Run(
        flow=handle.flow,
        as_of=handle.as_of,
        ledger=ledger_of(block),
        site=site,
        rules=handle.rules,
        renderer=formats[TextFormat.PLAIN],
        clock=utc_now if at is None else (lambda: at.astimezone(UTC)),
        channels=block.channels,
        formats=formats,
        part_of=handle.run,
    )
    async with run.reading(block.ecm.client()):
        yield run
        run.counters.requests = run.client.requests


@task(task_run_name="read workspaces elsewhere: {n}", cache_policy=NO_CACHE, persist_result=False)
async def read_page(
    handle: RunHandle, rows: Sequence[ListedWorkspace], located: Located | None, n: int
) -> RunCounters:
    async with reopened(handle) as run:
        await extraction.read_page(run, rows, located)
    return run.counters


@task(
    task_run_name="evaluate and queue elsewhere: batch {n} of {of}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def evaluate_batch(handle: RunHandle, plan: Plan, n: int, of: int) -> tuple[RunCounters, set[str]]:
    """Evaluate the only batch of `plan`. Returns its counters, and the rules with first findings."""
    async with reopened(handle) as run:
        first = await evaluation.process_batch(run, plan, 1)
    return run.counters, first


class Dask:
    """See `vigil.service.run.RemoteWorkers`."""

    def __init__(self, run: Run, handle: RunHandle, runner: DaskTaskRunner) -> None:
        self._run, self._handle, self._runner = run, handle, runner

    async def read_page(self, rows: Sequence[ListedWorkspace], located: Located | None = None) -> None:
        self._run.counters.add(await self._do(read_page, rows=tuple(rows), located=located, n=len(rows)))

    async def evaluate_batch(self, plan: Plan, n: int) -> set[str]:
        batch = plan.batches[n - 1]
        alone = replace(plan.of(batch), batches=(batch,), behind={})
        counters, first = await self._do(evaluate_batch, plan=alone, n=n, of=len(plan.batches))
        self._run.counters.add(counters)
        return set(first)

    async def _do(self, what: Any, **arguments: Any) -> Any:
        future = self._runner.submit(what, {"handle": self._handle, **arguments})
        return await asyncio.to_thread(future.result)


@contextmanager
def spread(run: Run, dask: str, at: datetime | None) -> Iterator[None]:
    """Run pages and batches in the processes of `dask`: the address of a scheduler, or local:N. Raises NoDask."""
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise NoDask(
            f'the site "{run.site.name}" names Dask ("{dask}"), which is not installed here: `pip install vigil[scale]`'
        ) from None
    handle = RunHandle(run.site.name, run.flow, run.id, run.as_of, at, run.rules)
    with DaskTaskRunner(**_where(dask)) as runner:
        run.remote = Dask(run, handle, runner)
        try:
            yield
        finally:
            run.remote = None


def _where(dask: str) -> dict[str, Any]:
    if not dask.startswith(LOCAL):
        return {"address": dask}
    cluster = {
        "n_workers": int(dask.removeprefix(LOCAL)),
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
    }
    return {"cluster_kwargs": cluster}

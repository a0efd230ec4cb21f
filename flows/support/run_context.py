"""Opens the resources of a run from the site's block, and closes them whatever happens."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.support import dask, events, run_names
from flows.support.sites import block_of, ledger_of
from vigil.compliance.channels import TextFormat
from vigil.ledger import Ledger, LedgerError
from vigil.ledger.values import RunState
from vigil.service import accounting, instants
from vigil.service.resources import renderers_of, rules_of, unworded
from vigil.service.run import Run, utc_now
from vigil.service.site import Site

log = logging.getLogger("vigil.flows")


@asynccontextmanager
async def opened(
    flow: str,
    site: str,
    as_of: datetime | None,
    reads: bool = True,
    forward: bool = False,
    window: Sequence[datetime] = (),
) -> AsyncIterator[Run]:
    """A run of `flow` for the named site. With `as_of` its clock stands still at that instant; without, it is the real clock.

    A `forward` run records what it reads under its instant: it refuses an `as_of` before the ledger's newest data (raises Earlier).
    A run that `reads` logs in to Extended ECM. The run is named after its instant, or after its `window`. If the run fails, the
    ledger records that, and the error is raised again.
    """
    instants.refuse_without_zone(as_of=as_of)
    block = await block_of(site)
    where = block.site()
    clock = utc_now if as_of is None else (lambda: as_of.astimezone(UTC))
    await run_names.begins(site, where.zone, window or (clock(),))
    ledger = ledger_of(block)
    if as_of is not None and forward:
        instants.refuse_earlier(ledger, flow, as_of)
    run = Run(
        flow=flow,
        as_of=clock().replace(microsecond=0) if as_of is None else clock(),
        ledger=ledger,
        site=where,
        clock=clock,
        topics=block.fcm.topics,
        # No retry becomes due while the clock stands still.
        patience=where.retry_patience if as_of is None else timedelta(0),
        **_rules_and_words(where, ledger, channels=block.channels),
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(_noted(run))
        if reads:
            await stack.enter_async_context(run.reading(block.ecm.client()))
        await stack.enter_async_context(run.sending(block.transport(clock)))
        if reads and block.settings.dask:
            stack.enter_context(dask.spread(run, block.settings.dask, as_of))
        yield run


@contextmanager
def _noted(run: Run) -> Iterator[None]:
    """Emit an event for a failure that automations expect, record the failure in the ledger, and raise it again."""
    try:
        yield
    except BaseException as error:
        events.of_failure(run, error)
        _close_failed(run)
        raise


def _rules_and_words(where: Site, ledger: Ledger, channels: Collection[str]) -> dict[str, Any]:
    """The rules and templates of a run, and the problems of files that could not be used (decision 0015)."""
    current, templates = rules_of(where.rules, ledger), where.templates
    formats = renderers_of(templates, channels)
    renderer = formats[TextFormat.PLAIN]
    return {
        "rules": current.rules,
        "refused": current.refused,
        "renderer": renderer,
        "channels": channels,
        "formats": formats,
        "unworded": unworded(templates, current, renderer),
    }


def _close_failed(run: Run) -> None:
    """Record the failure if possible. If the ledger itself is locked or unreachable, the first error is the one to report."""
    try:
        accounting.close(run, RunState.FAILED)
    except LedgerError as error:
        log.warning("run %d could not be closed in the ledger: %s", run.id, error)

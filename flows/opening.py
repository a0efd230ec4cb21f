"""Opens what a run needs from the site's block, and closes it again, whatever happens between."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from flows import naming, signals, spreading
from flows.sites import block_of, ledger_of
from vigil.delivery.render import Channel
from vigil.ledger import Ledger, LedgerError
from vigil.service import accounting, instants
from vigil.service.opening import renderer_of, rules_of, unworded
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
    """A run of `flow` for the named site. Without `as_of` it speaks of now; with it, its clock stands there.

    A run that goes `forward` files what it reads under its instant: an `as_of` before what the ledger already knows is refused (raises
    Earlier). Logs in to Extended ECM when it `reads`. The run is named after its instant, or after the `window` that it is about. One
    that fails is written as failed in the ledger, then the error goes on.
    """
    instants.refuse_without_zone(as_of=as_of)
    block = await block_of(site)
    where = block.site()
    clock = utc_now if as_of is None else (lambda: as_of.astimezone(UTC))
    await naming.begins(site, where.zone, window or (clock(),))
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
        # By a clock that stands no other try ever falls due.
        patience=where.retry_patience if as_of is None else timedelta(0),
        **_rules_and_words(where, ledger, mail=block.smtp is not None),
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(_noted(run))
        if reads:
            await stack.enter_async_context(run.reading(block.ecm.client()))
        await stack.enter_async_context(run.sending(block.transport(clock)))
        if reads and block.settings.dask:
            stack.enter_context(spreading.spread(run, block.settings.dask, as_of))
        yield run


@contextmanager
def _noted(run: Run) -> Iterator[None]:
    """Whatever fails the run is told in an event where somebody waits for it, and noted in the ledger."""
    try:
        yield
    except BaseException as error:
        signals.of_failure(run, error)
        _close_failed(run)
        raise


def _rules_and_words(where: Site, ledger: Ledger, mail: bool) -> dict[str, Any]:
    """What a run evaluates and says it with, and what of the files could not be used (decision 0015)."""
    standing, templates = rules_of(where.rules, ledger), where.templates
    renderer = renderer_of(templates)
    return {
        "rules": standing.rules,
        "refused": standing.refused,
        "renderer": renderer,
        "mail": renderer_of(templates, Channel.HTML) if mail else None,
        "unworded": unworded(templates, standing, renderer),
    }


def _close_failed(run: Run) -> None:
    """Note the failure where that is possible: with the ledger itself locked or away, the first error is the one to tell."""
    try:
        accounting.close(run, "failed")
    except LedgerError as error:
        log.warning("run %d could not be closed in the ledger: %s", run.id, error)

"""Opens what a run needs from the site's block, and closes it again, whatever happens between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from blocks.site import VigilSite
from vigil.service import accounting
from vigil.service.opening import ledger_at, renderer_of, rules_of
from vigil.service.run import Run, utc_now


@asynccontextmanager
async def opened(flow: str, site: str, as_of: datetime | None) -> AsyncIterator[Run]:
    """A run of `flow` for the named site. Without `as_of` it speaks of now; with it, its clock stands there.

    A run that fails is written as failed in the ledger, then the error goes on to Prefect.
    """
    block = cast(VigilSite, await VigilSite.aload(site))
    where = block.site()
    clock = utc_now if as_of is None else (lambda: as_of.astimezone(UTC))
    run = Run(
        flow=flow,
        as_of=clock().replace(microsecond=0) if as_of is None else clock(),
        ledger=ledger_at(block.ledger.url.get_secret_value()),
        site=where,
        rules=rules_of(Path(where.rules)),
        renderer=renderer_of(Path(where.templates)),
        clock=clock,
    )
    try:
        async with run.reading(block.ecm.client()), run.sending(block.fcm.transport(clock)):
            yield run
    except BaseException:
        accounting.close(run, "failed")
        raise

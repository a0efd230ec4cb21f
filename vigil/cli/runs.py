"""Starts flows from the terminal, with the configured Prefect API, or a private server if none is configured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console
from rich.text import Text

from vigil import places, stopping
from vigil.cli import printing
from vigil.cli.ledgers import of_site
from vigil.cli.output import Output
from vigil.cli.printing import Layout
from vigil.ecm import Extractor, Needs
from vigil.flow_runs.outcomes import ended, outcome
from vigil.flow_runs.prefect_server import prefect_api
from vigil.service import snapshot
from vigil.service.reports import writers
from vigil.service.reports.frames import About, Frame
from vigil.terminal import errors, tell

SENDING = "what was sent is not sent again, the next run reads and delivers what is left, and running this again is safe"


@contextmanager
def prefect_for_commands() -> Iterator[str]:
    """The API of the configured Prefect, or of a private server, which is reported on stderr and shared between commands."""
    with prefect_api(places.prefect(), say=partial(tell, machine=True)) as url:
        yield url


def name_ledger(site: str, console: Console) -> None:
    """Print the site's ledger before other output. Call it where Prefect is available."""
    from flows.support.sites import block_of

    source = of_site(asyncio.run(block_of(site)))
    console.print(source.open(writes=True)[1], markup=False, highlight=False, soft_wrap=True)


def types(site: str) -> str:
    """The workspace types of a site's Extended ECM and the names of its groups and users, as JSON."""
    with prefect_for_commands():
        from flows.support.sites import block_of

        async def go() -> str:
            block = await block_of(site)
            async with block.ecm.client() as client:
                extractor = Extractor(client, Needs())
                found = snapshot.written(await extractor.types(), await extractor.people())
                return json.dumps(found, indent=1, ensure_ascii=False)

        return asyncio.run(go())


def watch(site: str, as_of: datetime | None, accept_fewer: bool, console: Console) -> int:
    """Run the watch flow and print its final state with its account. 0 for Completed, 1 for any other.

    Raises the error of a run that did not reach its end.
    """
    with stopping.going_on(SENDING), prefect_for_commands():
        import flows.watch
        from flows.support.states import Named

        name_ledger(site, console)
        run = flows.watch.watch(site=site, as_of=as_of, accept_fewer=accept_fewer, return_state=True)
        end = stopping.run(ended(run))
    console.print(str(end), markup=False, highlight=False, soft_wrap=True)
    return 0 if end.name == Named.COMPLETED else 1


def sweep(site: str, scope: Mapping[str, Any], console: Console, output: Output) -> int:
    """Run the sweep flow and print or write its findings. 1 if something could not be read or delivered, 0 otherwise."""
    with stopping.going_on(SENDING), prefect_for_commands():
        import flows.sweep

        name_ledger(site, errors if output.takes_stdout else console)
        found, missing = stopping.run(
            outcome(flows.sweep.sweep(site=site, scope=flows.sweep.SweepScope(**scope)))
        )
    _show(found, printing.FINDINGS, "What the sweep found", console, output)
    return _tell(console, output, missing)


def backfill(
    site: str, after: datetime | None, upto: datetime | None, approve: str, console: Console, output: Output
) -> int:
    """Run the backfill flow and print its manifest, or what its approval sent. 1 if something could not be delivered."""
    with stopping.going_on(SENDING), prefect_for_commands():
        import flows.backfill

        name_ledger(site, errors if output.takes_stdout else console)
        found, missing = stopping.run(
            outcome(flows.backfill.backfill(site=site, after=after, upto=upto, approve=approve))
        )
    layout = printing.NOTICES if approve else printing.MANIFEST
    _show(
        found, layout, "What was approved" if approve else "What the window should have said", console, output
    )
    if output.for_people and not approve and found["sends"].any():
        id = About.of(found).manifest
        console.print(f"Send it: vigil backfill --site {site} --approve {id}", markup=False, highlight=False)
    return _tell(console, output, missing)


def _show(found: Frame, layout: Layout, title: str, console: Console, output: Output) -> None:
    if output.for_people:
        printing.show(console, found, layout, title)
    elif not output.takes_stdout:
        printing.line(console, Text(f"{title}: {writers.head(found)}", style="bold"))
    output.write(found)


def _tell(console: Console, output: Output, missing: str) -> int:
    if missing:
        where = errors if output.takes_stdout else console
        where.print(missing, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return 1 if missing else 0

"""Manual operations of a running site: automations, and answers to guards."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from vigil import stopping
from vigil.cli.runs import SENDING, name_ledger, prefect_for_commands
from vigil.delivery.push.topics import TopicOutcome
from vigil.flow_runs.outcomes import outcome
from vigil.ledger import Ledger
from vigil.ledger.outbox import guard_holds
from vigil.service.run import utc_now
from vigil.service.subscriptions import send_changes
from vigil.wording import counted


def install_automations(folder: Path, site: str, notify: str | None, console: Console) -> None:
    """Install the shipped automations in the configured Prefect."""
    with prefect_for_commands():
        from flows.support.automations import install

        for name, done in asyncio.run(install(folder, site, notify)):
            console.print(f"{name}: {done}", highlight=False)
    if notify is None:
        console.print(
            "They notify nobody yet: give --notify TYPE/NAME of a notification block, such as slack-webhook/ops"
        )


def list_guards(ledger: Ledger, console: Console) -> int:
    """Print the newest guard holds. Returns how many wait for an answer."""
    with ledger.read() as connection:
        found = guard_holds.latest(connection)
    table = Table(title="Guard holds", title_justify="left")
    for column in ("id", "rule", "since (UTC)", "notices", "why", "state", "by"):
        table.add_column(column)
    for t in found:
        at = f"{t.tripped_at:%Y-%m-%d %H:%M}"
        table.add_row(str(t.id), t.rule, at, str(t.notices), "\n".join(t.reasons), t.state, t.answered_by)
    console.print(table if found else "There are no guard holds.")
    return sum(t.state == guard_holds.WAITING for t in found)


def answer_guard(site: str, hold: int, answer: Literal["send", "drop"], by: str, console: Console) -> int:
    """Answer a guard hold, and deliver the sent notices. 1 if something could not be delivered, 0 otherwise."""
    with stopping.going_on(SENDING), prefect_for_commands():
        from flows.guard import guard

        async def go() -> tuple[str, bool]:
            state: Any = await guard(hold=hold, answer=answer, by=by, site=site, return_state=True)
            _, missing = await outcome(state.aresult())  # raises what failed it
            return state.message, bool(missing)

        name_ledger(site, console)
        said, missing = stopping.run(go())
        console.print(said, highlight=False)
        return 1 if missing else 0


def sync_topics(site: str, console: Console) -> None:
    """Update FCM's topic subscriptions now, and print the outcomes."""
    with prefect_for_commands():
        from flows.support.sites import block_of, ledger_of

        async def go() -> Counter[TopicOutcome]:
            block = await block_of(site)
            async with block.fcm.topics() as client:
                return await send_changes(ledger_of(block), client, utc_now)

        name_ledger(site, console)
        done = asyncio.run(go())
    said = ", ".join(f"{counted(n, 'device')} {what}" for what, n in sorted(done.items()))
    console.print(said or "There was nothing to change.", highlight=False)

"""`vigil connect`: a site's blocks and its ledger, from what a person gave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vigil.ledger import Ledger, ownership
from vigil.ledger.errors import named
from vigil.replay.by_hand import prefect_for_commands
from vigil.service.connecting.changing import MAIL, Around, Change, NotConnected, Wanted, changes, connected
from vigil.service.connecting.forms import SITE


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a site. `ledger` is its address, without a password."""

    is_new: bool
    changes: Sequence[Change]
    ledger: str


def connect(
    site: str,
    wanted: Wanted,
    around: Around,
    ask: Callable[[str], str],
    agreed: Callable[[Sequence[Change]], bool],
) -> Saved:
    """Save a site with what is wanted of it, and leave everything else as it is.

    `ask` gets a secret that is missing. `agreed` is asked about changes that need a person's yes. Raises NotConnected for what
    makes no site, and for a no; LedgerError for a ledger that cannot be opened. Then nothing was saved.
    """
    with prefect_for_commands():
        return asyncio.run(_connect(site, wanted, around, ask, agreed))


async def _connect(
    site: str,
    wanted: Wanted,
    around: Around,
    ask: Callable[[str], str],
    agreed: Callable[[Sequence[Change]], bool],
) -> Saved:
    from blocks import kept
    from flows.sites import server

    blocks = {name: str(v) for (part, name), v in wanted.items() if part == SITE and name in kept.CONNECTIONS}
    async with server() as client:
        saved = await kept.read(client, site, blocks)
        new = connected(site, saved, wanted, around, ask)
        is_new = SITE not in saved
        ledger = Ledger.open(new["ledger"]["url"])
        found = [*([] if is_new else changes(saved, new)), *_taken_over(ledger, site)]
        if (doubtful := [c for c in found if c.confirmed]) and not agreed(doubtful):
            listed = "\n".join(f"  {c}" for c in doubtful)
            raise NotConnected(f"nothing was saved, since this needs a yes (--yes):\n{listed}")
        with ledger.write() as connection:
            ownership.hand_over(connection, site, datetime.now(UTC))
        await kept.save(client, site, new)
        if MAIL not in new and not is_new and saved[SITE].get(MAIL) == site:
            await kept.forget(client, MAIL, site)
    return Saved(is_new, found, named(ledger.engine.url))


def _taken_over(ledger: Ledger, site: str) -> list[Change]:
    """That the ledger is another site's until now."""
    with ledger.read() as connection:
        owner = ownership.owner(connection)
    if owner is None or owner.name == site:
        return []
    where = named(ledger.engine.url)
    said = f'{where} of the site "{owner.name}" since {owner.since:%Y-%m-%d}'
    return [Change("ledger", said, f'of "{site}", and refused to "{owner.name}" from now on', confirmed=True)]

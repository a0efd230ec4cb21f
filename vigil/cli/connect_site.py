"""`vigil connect`: a site's blocks and its ledger, from what a person gave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vigil.cli.runs import prefect_for_commands
from vigil.ledger import Ledger, ownership
from vigil.ledger.engine import parse_url
from vigil.ledger.errors import named
from vigil.service.connecting.changes import (
    Around,
    FieldChange,
    NotConnected,
    Wanted,
    changes,
    connected,
    link,
)
from vigil.service.connecting.forms import OPTIONAL, SITE


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a site. `ledger` is its address, without a password; `link` is how those in its notices begin."""

    is_new: bool
    changes: Sequence[FieldChange]
    ledger: str
    link: str


def save_site(
    site: str,
    wanted: Wanted,
    around: Around,
    ask: Callable[[str], str],
    agreed: Callable[[Sequence[FieldChange]], bool],
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
    agreed: Callable[[Sequence[FieldChange]], bool],
) -> Saved:
    from blocks import kept
    from flows.support.sites import server

    blocks = {name: str(v) for (part, name), v in wanted.items() if part == SITE and name in kept.CONNECTIONS}
    async with server() as client:
        saved = await kept.read(client, site, blocks)
        new = connected(site, saved, wanted, around, ask)
        is_new = SITE not in saved
        sharing = await kept.sharing(client, site, new)
        found = [c for c in changes(saved, new, sharing) if c.also or not is_new]
        owner = ownership.seen(new["ledger"]["url"])
        where = named(parse_url(new["ledger"]["url"]))
        found += _taken_over(owner, where, site, is_new)
        if (doubtful := [c for c in found if c.confirmed]) and not agreed(doubtful):
            listed = "\n".join(f"  {c}" for c in doubtful)
            raise NotConnected(f"nothing was saved, since this needs a yes (--yes):\n{listed}")
        _own(new["ledger"]["url"], site, owner)
        await kept.save(client, site, new)
        own = [part for part in OPTIONAL if not is_new and saved[SITE].get(part) == site]
        given_up = [part for part in own if part not in new]
        # Another site may have the same.
        shared = await kept.sharing(client, site, saved) if given_up else {}
        for part in given_up:
            if part not in shared:
                await kept.forget(client, part, site)
    return Saved(is_new, found, where, link(new))


def _own(url: str, site: str, agreed: ownership.Owner | None) -> None:
    """Make a ledger the site's, when its owner is the one that was `agreed` to. Raises NotConnected for one that came meanwhile."""
    ledger = Ledger.open(url)
    try:
        with ledger.write() as connection:
            found = ownership.owner(connection)
            if found not in (None, agreed):
                raise NotConnected(
                    f'nothing was saved: {named(ledger.engine.url)} became the site "{found.name}"\'s meanwhile; try again'
                )
            ownership.hand_over(connection, site, datetime.now(UTC))
    finally:
        ledger.close()


def _taken_over(owner: ownership.Owner | None, where: str, site: str, is_new: bool) -> list[FieldChange]:
    """That the ledger is another site's until now: one of another name, or one of this name that this Prefect does not know."""
    if owner is None or (owner.name == site and not is_new):
        return []
    if owner.name == site:
        said = f'{where} belongs already to a site "{site}" (since {owner.since:%Y-%m-%d}), which is not in this Prefect'
        goes_on = "with --yes it goes on for this one, if that is the same Extended ECM"
        return [FieldChange("ledger", said, goes_on, confirmed=True)]
    said = f'{where} of the site "{owner.name}" since {owner.since:%Y-%m-%d}'
    return [
        FieldChange("ledger", said, f'of "{site}", and refused to "{owner.name}" from now on', confirmed=True)
    ]

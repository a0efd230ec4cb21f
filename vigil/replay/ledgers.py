"""Which ledger a command means: a site's, the one at an address, or the demo's. One rule for all of them.

`--site` names a site, whose block says the ledger; `--ledger` or VIGIL_LEDGER an address; `--demo` the demo's. With none of them it is
the ledger of the site "default", and where there is no site at all the demo's, which the first line then says.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vigil.errors import BadRequest
from vigil.ledger import Ledger, ownership
from vigil.ledger.errors import named
from vigil.replay.prefect_server import QUIET, ServerError, prefect_api

if TYPE_CHECKING:
    from blocks.site import Connected

DEFAULT = "default"
VARIABLE = "VIGIL_LEDGER"
INSTEAD = "without Prefect, name the ledger with --ledger"


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger, whose it is, and what a command needs of the site to read it: nothing of that where only an address was given."""

    url: str = field(repr=False)
    whose: str = ""  # in words; empty: what the ledger says itself
    site: str = ""
    zone: str = "UTC"
    rules: Path | None = None
    templates: Path | None = None
    project: str = ""  # of Firebase
    link_base: str = ""  # of the gateway
    link_secrets: str = field(default="", repr=False)

    def open(self) -> Ledger:
        """Open it. Raises LedgerOfAnother when it is not the site's."""
        ledger = Ledger.open(self.url)
        if self.site:
            with ledger.read() as connection:
                ownership.refuse_another(connection, self.site)
        return ledger

    def line(self, ledger: Ledger) -> str:
        """What every output begins with: whose ledger this is, and where, without a password."""
        with ledger.read() as connection:
            owner = ownership.owner(connection)
        whose = self.whose or (f'of the site "{owner.name}"' if owner else "of no site yet")
        return f"Ledger {whose}: {named(ledger.engine.url)}"


def choose(site: str | None, url: str | None, demo: bool, project: Path, home: Path) -> Source:
    """The ledger that is meant. `project` is the folder that the demo is below, `home` that of the server which commands start.

    Raises BadRequest for a choice that is none, NoSite, and ServerError when the Prefect that is configured does not answer.
    """
    if sum(map(bool, (site, url, demo))) > 1:
        raise BadRequest("--site, --ledger and --demo each name a ledger: give one of them")
    if demo:
        return _demo(project, "of the demo")
    if url:
        return Source(url)
    if not site and (url := os.environ.get(VARIABLE)):
        return Source(url, f"of {VARIABLE}")
    found = _connected(site, home)
    if found is None:
        return _demo(project, "of the demo, since there is no site")
    return of_site(found)


def of_site(connected: Connected) -> Source:
    """The ledger of a site, as its blocks say."""
    where, mail = connected.site(), connected.smtp
    secrets = mail.link_secrets if mail else None
    return Source(
        connected.ledger.url.get_secret_value(),
        f'of the site "{where.name}"',
        where.name,
        where.zone,
        where.rules,
        where.templates,
        connected.fcm.project,
        link_base=(mail.gateway if mail else None) or "",
        link_secrets=secrets.get_secret_value() if secrets else "",
    )


def _demo(project: Path, whose: str) -> Source:
    folder = project / "var" / "demo"
    file, meta = folder / "ledger.sqlite", folder / "estate" / "meta.json"
    if not file.is_file():
        raise BadRequest(
            "there is no ledger: no site is connected here (`vigil connect`), and no demo was run (`vigil demo`). "
            "--ledger names one by its address"
        )
    zone = json.loads(meta.read_text())["zone"] if meta.is_file() else "UTC"
    return Source(f"sqlite:///{file}", whose, zone=zone)


def _connected(site: str | None, home: Path) -> Connected | None:
    """The site, or the one that is meant without a name; None when there is no site at all."""
    if os.environ.get("PREFECT_API_URL"):
        try:
            with prefect_api(home):
                return _asked(site)
        except ServerError as error:
            raise ServerError(f"{error}; {INSTEAD}") from None
    if not any_site(home):
        if site is None:
            return None
        raise BadRequest(
            f'there is no site "{site}": PREFECT_API_URL is not set, and nobody connected one here. Set it to the address of '
            f"your Prefect server, or make the site with `vigil connect --site {site} ...`; {INSTEAD}"
        )
    os.environ.update(QUIET, PREFECT_HOME=str(home))  # Prefect reads it when it is imported
    return _asked(site, here=True)


def _asked(site: str | None, here: bool = False) -> Connected | None:
    """What Prefect says of it: the server that is configured, or the database of our own, in this process."""
    from flows import sites

    async def go() -> Connected | None:
        async with sites.database_here() if here else sites.server() as client:
            if (unwell := await client.api_healthcheck()) is not None:
                raise ServerError(
                    f"the Prefect at {client.api_url} does not answer ({type(unwell).__name__})"
                )
            if site is None and DEFAULT not in (there := await sites.names(client)):
                if there:
                    raise BadRequest(
                        f'there is no site "{DEFAULT}" here, but {", ".join(there)}: name one with --site'
                    )
                return None
            return await sites.found(client, site or DEFAULT)

    return asyncio.run(go())


def any_site(home: Path) -> bool:
    """Whether a site may be kept by the server that commands start for themselves. Looks into its database: starting it takes long.

    A database that looks different from what is expected may have one: Prefect will know.
    """
    file = home / "prefect.db"
    if not file.is_file():
        return False
    asked = "SELECT count(*) FROM block_document d JOIN block_type t ON t.id = d.block_type_id WHERE t.slug = 'vigil-site'"
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return bool(connection.execute(asked).fetchone()[0])
    except sqlite3.Error:
        return True

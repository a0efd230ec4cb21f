"""Selects the ledger of a command: a site's, the one at an address, or the demo's. One rule for all commands.

`--site` names a site, whose block names the ledger; `--ledger` or VIGIL_LEDGER gives an address; `--demo` selects the demo's. Without
them it is the ledger of the site "default" or, if there is no site at all, the demo's, which the first line then says.
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

from vigil import places
from vigil.errors import BadRequest
from vigil.flow_runs.prefect_address import address
from vigil.flow_runs.prefect_server import QUIET, ServerError, prefect_api, private
from vigil.ledger import Ledger, ownership
from vigil.ledger.maintenance.schema_version import schema
from vigil.terminal import tell

if TYPE_CHECKING:
    from blocks.site import Connected
    from vigil.delivery.push.settings import FcmSettings

DEFAULT = "default"
VARIABLE = "VIGIL_LEDGER"
NOWHERE = "no site is connected here (`vigil connect`), and no demo was run (`vigil demo`)"
INSTEAD = "without Prefect, name the ledger with --ledger"


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger, its owner, and the settings of the site that a command needs; without them if only an address was given."""

    url: str = field(repr=False)
    whose: str = ""  # in words; empty: what the ledger says itself
    site: str = ""
    zone: str = "UTC"
    sensitive: frozenset[str] = frozenset()  # attributes whose values are not told
    rules: Path | None = None
    templates: Path | None = None
    project: str = ""  # of Firebase
    link_base: str = ""  # of the gateway
    link_secrets: str = field(default="", repr=False)
    fcm: FcmSettings | None = None

    def open(self, *, writes: bool) -> tuple[Ledger, str]:
        """Open it, and return the first line of every output: the owner and the place of the ledger, without a password.

        If there is none, it is created for a command that `writes`, and the line says so; a command that only reads raises BadRequest,
        because an empty ledger would answer every question with nothing. Raises LedgerOfAnother if it does not belong to the site.
        """
        before = schema(self.url)
        if before.found is None and not writes:
            what = f"ledger {self.whose}".rstrip()
            raise BadRequest(f"there is no {what} at {before.name}: check the address. Nothing was made")
        ledger = Ledger.open(self.url)
        with ledger.read() as connection:
            if self.site:
                ownership.refuse_another(connection, self.site)
            owner = ownership.owner(connection)
        whose = self.whose or (f'of the site "{owner.name}"' if owner else "of no site yet")
        made = ", made now" if before.found is None else ""
        return ledger, f"Ledger {whose}{made}: {before.name}"


def choose(site: str | None, url: str | None, demo: bool) -> Source:
    """The selected ledger.

    Raises BadRequest for an invalid choice, NoSite, and ServerError if the configured Prefect does not answer.
    """
    if sum(map(bool, (site, url, demo))) > 1:
        raise BadRequest("--site, --ledger and --demo each name a ledger: give one of them")
    if demo:
        return _demo("of the demo", "no demo was run (`vigil demo`)")
    if url:
        return Source(url)
    if not site and (url := os.environ.get(VARIABLE)):
        return Source(url, f"of {VARIABLE}")
    found = _connected(site)
    if found is None:
        return _demo("of the demo, since there is no site", NOWHERE)
    return of_site(found)


def of_site(connected: Connected) -> Source:
    """The ledger of a site, from its blocks."""
    where, mail = connected.site(), connected.smtp
    secrets = mail.link_secrets if mail else None
    return Source(
        url=connected.ledger.url.get_secret_value(),
        whose=f'of the site "{where.name}"',
        site=where.name,
        zone=where.zone,
        sensitive=where.sensitive,
        rules=where.rules,
        templates=where.templates,
        project=connected.fcm.project,
        link_base=(mail.gateway if mail else None) or "",
        link_secrets=secrets.get_secret_value() if secrets else "",
        fcm=connected.fcm.settings(),
    )


def _demo(whose: str, absent: str) -> Source:
    folder = places.demo()
    file, meta = folder / "ledger.sqlite", folder / "estate" / "meta.json"
    if not file.is_file():
        raise BadRequest(f"there is no ledger: {absent}. --ledger names one by its address")
    zone = json.loads(meta.read_text())["zone"] if meta.is_file() else "UTC"
    return Source(f"sqlite:///{file}", whose, zone=zone)


def _connected(site: str | None) -> Connected | None:
    """The named site, or the default one; None if there is no site at all."""
    home = places.prefect()
    if address():
        try:
            with prefect_api():
                return _asked(site)
        except ServerError as error:
            raise ServerError(f"{error}; {INSTEAD}") from None
    if not any_site(home):
        if site is None:
            return None
        raise BadRequest(
            f'there is no site "{site}": no Prefect is configured, and nobody connected one here. Set PREFECT_API_URL to the '
            f"address of your Prefect server, or make the site with `vigil connect --site {site} ...`; {INSTEAD}"
        )
    tell(private(home), machine=True)
    os.environ.update(QUIET, PREFECT_HOME=str(home))  # Prefect reads it when it is imported
    return _asked(site, here=True)


def _asked(site: str | None, here: bool = False) -> Connected | None:
    """The site from Prefect: the configured server, or the database of a private one, in this process."""
    from flows.support import sites

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
    """Whether the private server may have a site. It reads the database directly, because starting the server takes long.

    For a database with an unexpected schema the answer is yes, and Prefect decides.
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

"""A site that was connected without PREFECT_API_URL is found in the database of our own Prefect, and no server is started for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import PROJECT

# In a process of its own: Prefect reads where its database is when it is imported.
CODE = """
import asyncio, os, sys
from pathlib import Path
from vigil.cli.ledgers import any_site, choose
from vigil.flow_runs.prefect_server import QUIET

home = Path(sys.argv[1])
os.environ.update(QUIET, PREFECT_HOME=str(home))
from blocks import kept
from flows.support import sites

CONNECTED = {
    "ecm": {"url": "https://ecm.example.org/cs/cs", "username": "v", "password": "p", "zone": "Europe/Berlin"},
    "fcm": {"service_account": '{"project_id": "a-project"}'},
    "ledger": {"url": f"sqlite:///{home}/ledger.sqlite"},
    "site": {"ecm": "default", "fcm": "default", "ledger": "default"},
}

async def save(values):
    async with sites.database_here() as client:
        assert await sites.names(client) == []
        if values:
            await kept.save(client, "default", values)

asyncio.run(save({}))
assert not any_site(home), "a database without a site"
asyncio.run(save(CONNECTED))
source = choose(None, None, False)
from prefect.settings import get_current_settings
assert get_current_settings().server.ui.enabled is False, "Prefect would copy its pages into its package"
print(source.open(writes=True)[1], source.zone)
"""


@pytest.mark.slow
def test_a_site_in_our_own_database_says_its_ledger(tmp_path: Path) -> None:
    home = tmp_path / "var" / "prefect"
    home.mkdir(parents=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "VIGIL_"))}
    environment |= {"HOME": str(tmp_path), "VIGIL_HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", CODE, str(home)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    line = f'Ledger of the site "default", made now: sqlite:///{home}/ledger.sqlite Europe/Berlin'
    assert ended.stdout.splitlines() == [line], "Prefect itself says nothing"
    assert ended.stderr.splitlines() == [f"no Prefect is configured: this uses a private one in {home}"]

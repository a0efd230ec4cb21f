"""In an estate too large for one run, known items are looked at in rounds: nothing is missed, only told when its turn comes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.shared import PROJECT
from tests.support.jsonl import write_lines
from vigil.ledger import Ledger
from vigil.replay.estate import SITE, Replay, register, results, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.process import SandboxProcess

START = datetime(2024, 3, 25, tzinfo=UTC)
EVERY = timedelta(hours=2)
LATE = [1000 + 50 * n + 49 for n in range(6)]
"""The workspaces, of 300, that get a second document after the first look."""
RULE = """
rule: filed
kind: transition
subject: {workspace_type: Memo}
events: [document_added]
to: [role: author]
"""


def test_what_no_list_shows_is_told_when_its_turn_comes(prefect_url: str, tmp_path: Path) -> None:
    """Nothing shows a new document (quirk 29 off, no search), and a run looks at 125 known workspaces: its turn may be the third."""
    save(tmp_path / "estate")
    (tmp_path / "rules.yaml").write_text(RULE)
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    end = START + 6 * EVERY
    what = Replay(tmp_path / "estate", tmp_path / "rules.yaml", PROJECT / "templates", START, end, EVERY, url)
    told = asyncio.run(watched(what))
    assert sorted(r["workspace"] for r in results(Ledger.open(url))) == LATE, "each is told, and told once"
    assert told[0] == 0 and 0 < told[1] < len(LATE), "some had to wait for their turn"


async def watched(what: Replay) -> list[int]:
    """How many notices there are after each tick, when a run may look up 250 known items."""
    from flows.watch import watch

    estate, ledger = load(what.estate), Ledger.open(what.ledger_url)
    register(ledger, estate, START)
    told = []
    with SandboxProcess(what.estate, start=START) as sandbox:
        absent = {"modules_absent": ["search", "recyclebin"], "creation_touches_parent": False}
        sandbox.faults(ecm={"quirks": absent})
        await save_site(what, estate, sandbox, verify_requests=1)
        for tick in what.ticks():
            sandbox.move(tick)
            await watch(site=SITE, as_of=tick)
            told.append(len(results(ledger)))
    return told


def save(folder: Path) -> None:
    """300 workspaces with a document each, and later one more in some."""
    folder.mkdir()
    before, after = (START - timedelta(days=9)).isoformat(), (START + timedelta(hours=1)).isoformat()
    numbers = range(1000, 1300)
    memo = {"type": "Memo", "attrs": {}, "roles": {"author": ["ada"]}, "created": before}
    added = {"kind": "document_added", "type": "Letter", "by": "ada"}
    ada = {"login": "ada", "name": "Ada", "email": "ada@example.org", "groups": []}
    meta = {
        "name": "large",
        "zone": "UTC",
        "start": START.isoformat(),
        "public_url": "https://ecm.example.org",
    }
    kind = {"type": "Memo", "categories": [], "roles": ["author"], "required_documents": []}
    (folder / "meta.json").write_text(json.dumps(meta))
    write_lines(folder / "types.jsonl", [kind])
    write_lines(folder / "users.jsonl", [ada | {"devices": [{"token": "t", "platform": "web"}]}])
    write_lines(folder / "workspaces.jsonl", ({"id": n, "name": f"Memo {n}", **memo} for n in numbers))
    first = [{"ts": before, "workspace": n, "id": 10_000 + n, "name": "a.pdf", **added} for n in numbers]
    second = [{"ts": after, "workspace": n, "id": 20_000 + n, "name": "b.pdf", **added} for n in LATE]
    write_lines(folder / "events.jsonl", [*first, *second])

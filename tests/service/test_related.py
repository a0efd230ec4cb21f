"""Fields of related workspaces, from Extended ECM to what a run finds: a change at the other end is news at this one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.shared import PROJECT
from tests.support.jsonl import write_lines
from tests.support.plain_runs import evaluated_whole
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.notify.routing import Directory
from vigil.compliance.rules.loader import load_text
from vigil.delivery.rendering.render import Renderer
from vigil.ecm import Client, Settings
from vigil.ledger import Ledger
from vigil.sandbox.process import SandboxProcess
from vigil.service import extraction
from vigil.service.extraction import Extraction
from vigil.service.run import Run
from vigil.service.site import Site

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = load_text(
    {
        "r.yaml": """\
rule: blocked
kind: condition
subject: {workspace_type: Supplier}
where: {field: attr.status, op: eq, value: blocked}
when: {field: related.Contract.attr.status, op: eq, value: active}
to: [user: ada]
resolved: true
"""
    }
)
SUPPLIERS, CONTRACTS = range(2001, 2011), range(1001, 1041)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    """Ten blocked suppliers with four contracts each; in the second hour one contract comes into force, in the fourth it ends."""

    begins, born = NOON - 24 * HOUR, (NOON - 20 * HOUR).isoformat()
    meta = {"name": "e", "zone": "UTC", "start": begins.isoformat(), "public_url": "https://ecm.example"}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    status = [{"name": "status", "kind": "string"}]
    write_lines(
        tmp_path / "types.jsonl",
        [
            {
                "type": t,
                "categories": [{"name": t, "attributes": status}],
                "roles": ["owner"],
                "required_documents": [],
            }
            for t in ("Supplier", "Contract")
        ],
    )
    write_lines(
        tmp_path / "users.jsonl",
        [{"login": "ada", "name": "Ada", "email": "ada@example.org", "groups": [], "devices": []}],
    )
    workspaces: list[dict[str, object]] = [
        {
            "id": n,
            "type": "Supplier",
            "name": f"Supplier {n}",
            "created": born,
            "attrs": {"Supplier.status": "blocked"},
            "roles": {},
            "related": list(CONTRACTS[4 * i : 4 * i + 4]),
        }
        for i, n in enumerate(SUPPLIERS)
    ]
    workspaces += [
        {
            "id": n,
            "type": "Contract",
            "name": f"Contract {n}",
            "created": born,
            "attrs": {"Contract.status": "draft"},
            "roles": {},
        }
        for n in CONTRACTS
    ]
    write_lines(tmp_path / "workspaces.jsonl", workspaces)
    events: list[dict[str, object]] = [
        {"ts": born, "kind": "workspace_created", "workspace": w["id"]} for w in workspaces
    ]
    events += [
        {
            "ts": (NOON + n * HOUR).isoformat(),
            "kind": "attribute_changed",
            "workspace": 1006,
            "attr": "Contract.status",
            "value": v,
        }
        for n, v in ((2, "active"), (4, "ended"))
    ]
    write_lines(tmp_path / "events.jsonl", events)
    with SandboxProcess(tmp_path, start=NOON) as sandbox:
        yield sandbox


def look(
    sandbox: SandboxProcess, ledger: Ledger, at: datetime, full: bool = False
) -> tuple[list[Finding], int]:
    """One run without sending: what it finds, and how many requests it makes."""
    sandbox.move(at)
    site = Site("https://ecm.example", "UTC", PROJECT / "rules", PROJECT / "templates", verify_requests=4)
    run = Run("watch", at, ledger, site, RULES, Renderer(PROJECT / "templates"), clock=lambda: at)
    before = sandbox.requests()["ecm"]["total"]
    asyncio.run(_read(run, sandbox))
    asked = sandbox.requests()["ecm"]["total"] - before
    _, works = evaluated_whole(run, Directory())
    return [x for work in works for x in work.findings], asked


async def _read(run: Run, sandbox: SandboxProcess) -> None:
    async with run.reading(Client(Settings(sandbox.ecm_url, username="vigil", password="vigil", zone="UTC"))):
        reading = Extraction(run)
        full = extraction.full_scan_due(reading)
        if full:
            await extraction.read_schema(reading)
        else:
            extraction.known_schema(reading)
        read: set[int] = set()
        async for rows in extraction.changed_pages(reading, full):
            read |= {r.id for r in rows}
            await extraction.read_page(run, rows)
        for some in extraction.related_slices(reading, read):
            await extraction.read_related(run, some)


def test_what_changes_at_the_other_end_of_a_relation_is_found_and_its_end_too(
    sandbox: SandboxProcess, ledger: Ledger
) -> None:
    first, _ = look(sandbox, ledger, NOON)
    assert first == []
    look(sandbox, ledger, NOON + HOUR / 2)  # probes with what is known now
    quiet, asked = look(sandbox, ledger, NOON + HOUR)
    assert quiet == []
    found, _ = look(sandbox, ledger, NOON + 2 * HOUR)
    assert [(x.workspace, x.resolved) for x in found] == [(2002, False)]
    assert "status of related Contract is draft and active, with active among them" in found[0].why
    over, _ = look(sandbox, ledger, NOON + 4 * HOUR)
    assert [(x.workspace, x.resolved) for x in over] == [(2002, True)]
    # Two lists, and the next two suppliers whose relations are asked for again: not one request a known workspace.
    assert asked <= 8


def test_only_workspaces_whose_rules_read_related_ones_are_asked_for_them(
    sandbox: SandboxProcess, ledger: Ledger
) -> None:
    look(sandbox, ledger, NOON)
    by_endpoint = sandbox.requests()["ecm"]["by_endpoint"]
    asked = sum(n for name, n in by_endpoint.items() if "relateditems" in name)
    probes = 2 * 2  # one workspace of each type, both ways
    assert asked == 2 * len(SUPPLIERS) + probes

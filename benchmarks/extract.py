"""Reading workspaces with attributes and documents: Vigil beside pyxecm's own loader, in one run, over the simulator.

    python benchmarks/extract.py                  100 workspaces at 0, 50 and 200 ms; 1,000 at 50 ms
    python benchmarks/extract.py --full           both sizes at every latency (a quarter of an hour: the rival is slow)
    python benchmarks/extract.py --quiet 100000   a quiet run over so many workspaces beside the full run before it

Each contender runs in a process of its own; requests and bytes are what the simulator counted. Both get the same from the
server: every workspace with its categories, every document with its own. Vigil reads document types, makers and version
numbers besides. pyxecm downloads no documents here, which it would by default.

The rivals: `pyxecm-3` and `pyxecm-30` are `load_items_new` with its default of 3 threads and with 30. It drops most documents
(see the column); `pyxecm-whole` is the older `load_items`, which finds them all with a thread for each workspace.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vigil.compliance.facts import Document, Workspace
from vigil.ecm import Client, Extractor, ListedWorkspace, Needs, Settings, Stamp
from vigil.ecm.probes import Known, probe
from vigil.sandbox.process import SandboxProcess

ZONE = "Europe/Berlin"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DOCUMENTS = 5
CHANGED = 20
"""How many workspaces change before the quiet run."""

Json = dict[str, Any]


# -- the estate ---------------------------------------------------------------------------------------------------


def write_estate(folder: Path, workspaces: int) -> None:
    """Contracts with a dozen attributes and five documents each, of which one expires; then a little happens."""
    folder.mkdir()
    names = ["status", "title", "region", "unit", "partner", "currency", "terms", "note"]
    attributes = [{"name": name, "kind": "string"} for name in names]
    attributes += [{"name": "expires", "kind": "date"}, {"name": "owner", "kind": "user"}]
    attributes += [{"name": "amount", "kind": "integer"}, {"name": "renews", "kind": "boolean"}]
    kind = {
        "type": "Contract",
        "categories": [{"name": "Terms", "attributes": attributes}],
        "roles": ["owner"],
        "required_documents": [{"type": "Signed contract"}],
    }
    people = [f"user-{number:02}" for number in range(40)]
    users = [
        {"login": p, "name": p, "email": f"{p}@example.org", "groups": [], "devices": []} for p in people
    ]
    meta = {"name": "benchmark", "zone": ZONE, "start": _begin(0), "public_url": "https://ecm.example.org"}
    _write(folder / "meta.json", [meta])
    _write(folder / "types.jsonl", [kind])
    _write(folder / "users.jsonl", users)
    _write(folder / "workspaces.jsonl", _workspaces(workspaces, names, people))
    _write(folder / "events.jsonl", _events(workspaces, people))


def _begin(number: int) -> str:
    return (NOON - timedelta(days=30) + timedelta(seconds=number)).isoformat()


def _workspaces(count: int, names: list[str], people: list[str]) -> Iterator[Json]:
    chance = random.Random(7)
    for number in range(count):
        attrs: Json = {f"Terms.{name}": f"{name} {chance.randrange(100)}" for name in names}
        attrs["Terms.expires"] = (date(2026, 1, 1) + timedelta(days=chance.randrange(700))).isoformat()
        attrs |= {
            "Terms.owner": chance.choice(people),
            "Terms.amount": number,
            "Terms.renews": number % 2 == 0,
        }
        yield {
            "id": 100_000 + number,
            "type": "Contract",
            "name": f"Contract {number}",
            "created": _begin(number),
            "attrs": attrs,
            "roles": {"owner": [chance.choice(people)]},
        }


def _events(count: int, people: list[str]) -> Iterator[Json]:
    for number in range(count):
        yield {"ts": _begin(number), "kind": "workspace_created", "workspace": 100_000 + number}
        for place in range(DOCUMENTS):
            document = {
                "id": 1_000_000 + number * DOCUMENTS + place,
                "name": f"document {place}.pdf",
                "type": "Signed contract" if place == 0 else "Annex",
                "by": people[number % len(people)],
            }
            expires = {"expires": "2027-12-31"} if place == 0 else {}
            what = {"workspace": 100_000 + number, **document, **expires}
            yield {"ts": _begin(number), "kind": "document_added", **what}
    for place in range(min(CHANGED, count)):
        what = {
            "workspace": 100_000 + place * (count // CHANGED or 1),
            "attr": "Terms.status",
            "by": people[0],
        }
        at = (NOON + timedelta(minutes=5, seconds=place)).isoformat()
        yield {"ts": at, "kind": "attribute_changed", "value": "changed", **what}


def _write(path: Path, rows: Any) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


# -- the contenders, each in a process of its own ------------------------------------------------------------------


async def run_vigil(url: str) -> Json:
    """A first run: everything. Ten batches of 250 at once, as the flow has them."""
    found = {"workspaces": 0, "documents": 0}
    began = time.perf_counter()
    async with Client(Settings(url, "vigil", "vigil", zone=ZONE)) as client:
        client.dialect = await probe(client, Known(), NOON)
        extractor = Extractor(client, Needs())
        (kind,) = await extractor.types()
        located = await extractor.feed.locate(NOON)
        tasks: list[asyncio.Task[None]] = []

        async def read(rows: tuple[ListedWorkspace, ...]) -> None:
            batch = await extractor.read_workspaces(rows, located=located.of([row.id for row in rows]))
            found["workspaces"] += sum(isinstance(fact, Workspace) for fact in batch.facts)
            found["documents"] += sum(isinstance(fact, Document) for fact in batch.facts)

        async for page in extractor.changed(kind, None):
            tasks += [asyncio.create_task(read(page[at : at + 250])) for at in range(0, len(page), 250)]
            while len([task for task in tasks if not task.done()]) > 10:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                tasks = [task for task in tasks if not task.done()]
        await asyncio.gather(*tasks)
    return {"seconds": time.perf_counter() - began, **found}


def run_pyxecm(url: str, name: str) -> Json:
    """pyxecm's two loaders over the folder that holds the workspaces."""
    from pyxecm.otcs import OTCS

    place = urlsplit(url)
    began = time.perf_counter()
    otcs = OTCS(
        "http",
        place.hostname,
        place.port,
        username="vigil",
        password="vigil",
        base_path=place.path,
        # Otherwise it asks for categories without their metadata, and then fails for want of it.
        use_numeric_category_identifier=False,
    )
    otcs.authenticate()
    folder = otcs.get_node(100_000)["results"]["data"]["properties"]["parent_id"]
    if name == "whole":
        otcs.load_items(folder, filter_workspace_subtypes=[848], download_documents=False)
    else:
        otcs.load_items_new(
            folder,
            filter_workspace_subtypes=[848],
            exclude_node_ids=[],  # without a list its first check fails for every node
            download_documents=False,
            workers=int(name),
        )
    frame = otcs.get_data().get_data_frame()
    seconds = time.perf_counter() - began
    documents = int(frame["item_type"].notna().sum()) if "item_type" in frame else 0
    return {"seconds": seconds, "workspaces": int(frame["workspace_id"].nunique()), "documents": documents}


def child(name: str, url: str) -> None:
    result = asyncio.run(run_vigil(url)) if name == "vigil" else run_pyxecm(url, name.removeprefix("pyxecm-"))
    # ru_maxrss is in KiB on Linux.
    print(json.dumps({**result, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measure(name: str, sandbox: SandboxProcess) -> Json:
    before = sandbox.requests()["ecm"]
    command = [sys.executable, __file__, "--child", name, "--url", sandbox.ecm_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed\n{done.stderr[-2000:]}")
    after = sandbox.requests()["ecm"]
    result: Json = json.loads(done.stdout.splitlines()[-1])
    return {**result, "requests": after["total"] - before["total"], "bytes": after["bytes"] - before["bytes"]}


# -- the two tables ------------------------------------------------------------------------------------------------


def compare(workspaces: int, latencies: list[int], rivals: list[str]) -> None:
    """One table a latency: seconds, requests, bytes, peak memory, and each rival's share of them beside Vigil's."""
    with tempfile.TemporaryDirectory() as folder:
        estate = Path(folder) / "estate"
        write_estate(estate, workspaces)
        with SandboxProcess(estate, start=NOON) as sandbox:
            for latency in latencies:
                sandbox.faults(ecm={"latency_ms": latency})
                print(f"\n{workspaces:,} workspaces x {DOCUMENTS} documents, {latency} ms", flush=True)
                print(_HEADS)
                ours = measure("vigil", sandbox)
                print(_line("vigil", ours, ours), flush=True)
                for rival in rivals:
                    print(_line(rival, measure(rival, sandbox), ours), flush=True)


_HEADS = (
    f"{'':<12}{'seconds':>9}{'requests':>10}{'MB':>8}{'peak MiB':>10}{'workspaces':>12}{'documents':>11}"
    f"{'x slower':>10}{'x requests':>12}"
)


def _line(name: str, found: Json, ours: Json) -> str:
    slower, more = found["seconds"] / ours["seconds"], found["requests"] / ours["requests"]
    return (
        f"{name:<12}{found['seconds']:>9.2f}{found['requests']:>10,}{found['bytes'] / 1e6:>8.1f}{found['memory']:>10.0f}"
        f"{found['workspaces']:>12,}{found['documents']:>11,}{slower:>10.1f}{more:>12.1f}"
    )


async def _quiet(sandbox: SandboxProcess, workspaces: int) -> None:
    """A full run, then one after a few changes: its requests against the full one's."""
    async with Client(Settings(sandbox.ecm_url, "vigil", "vigil", zone=ZONE)) as client:
        client.dialect = await probe(client, Known(), NOON)
        extractor = Extractor(client, Needs())
        (kind,) = await extractor.types()
        located = await extractor.feed.locate(NOON)
        stamps: dict[int, Stamp] = {}
        newest, began = NOON, time.perf_counter()
        async for page in extractor.changed(kind, None):
            for at in range(0, len(page), 250):
                part = located.of([row.id for row in page[at : at + 250]])
                for fact in (await extractor.read_workspaces(page[at : at + 250], located=part)).facts:
                    if len(stamps) < 5000 and isinstance(fact, Workspace):
                        stamps[fact.id] = Stamp(fact.modified, fact.size)
            newest = max(newest, page[0].modified)
        hashes = (await extractor.processes(None, {})).hashes
        full, seconds = client.requests, time.perf_counter() - began
        sandbox.move(NOON + timedelta(minutes=15))
        began = time.perf_counter()
        rows = [row async for page in extractor.changed(kind, newest) for row in page]
        await extractor.read_workspaces(rows)
        await extractor.processes(NOON, hashes)
        await extractor.verify(stamps)  # the slice of known nodes that each run asks for by id
        quiet = client.requests - full
        print(f"\nA quiet run over {workspaces:,} workspaces, of which {len(rows)} changed")
        print(f"  full   {full:>9,} requests  {seconds:>8.1f} s")
        print(
            f"  quiet  {quiet:>9,} requests  {time.perf_counter() - began:>8.1f} s   {quiet / full:.3%} of the requests"
        )


def quiet(workspaces: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        estate = Path(folder) / "estate"
        write_estate(estate, workspaces)
        with SandboxProcess(estate, start=NOON, patience=900) as sandbox:
            asyncio.run(_quiet(sandbox, workspaces))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="both sizes at every latency")
    parser.add_argument("--quick", action="store_true", help="100 workspaces at 50 ms only")
    parser.add_argument("--quiet", type=int, metavar="N", help="a quiet run over N workspaces instead")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    rivals = ["pyxecm-3", "pyxecm-30", "pyxecm-whole"]
    if given.child:
        child(given.child, given.url)
    elif given.quiet:
        quiet(given.quiet)
    elif given.quick:
        compare(100, [50], rivals)
    else:
        compare(100, [0, 50, 200], rivals)
        compare(1000, [0, 50, 200] if given.full else [50], rivals)


if __name__ == "__main__":
    main()

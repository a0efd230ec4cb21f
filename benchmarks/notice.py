"""From an event in Extended ECM to the device: how many ticks, at which size, and with how many requests a tick?

    python benchmarks/notice.py 1000 10000 100000            # workspaces, with 5 documents each
    python benchmarks/notice.py 10000 --ticks 24 --modes search,none

`watch` runs every 15 minutes of a simulated day in which events of each kind happen, a thousand in all (a tenth of the workspaces at
most). The device that received the notice says when. Each mode goes over the same estate and a copy of the same ledger, in one run of
this file: with search; with a search whose index is an hour late; without search and recycle bin. The rival is the mode without
search, which finds by rounds over everything known what no list shows.

A tick counts from the event: 0 is the first `watch` at or after it (with a late index: at or after the index has it).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from vigil.flow_runs.prefect_server import prefect_api
from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.ledger.watermarks import Watermark, WatermarkName, set_watermark
from vigil.replay.estate import SITE, Replay, register, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.process import SandboxProcess

PROJECT = Path(__file__).resolve().parent.parent
Json = dict[str, Any]

ZONE = "Europe/Berlin"
DAY = datetime(2026, 3, 3, tzinfo=UTC)
TICK = timedelta(minutes=15)
DOCUMENTS = 5
YEAR = 400
BEHIND = timedelta(hours=1)
"""How late the index of the second mode is."""

KINDS = (
    "document at the root",
    "document three folders deep",
    "new version",
    "attribute",
    "role",
    "step",
    "deletion",
    "expiry",
)
INDEXED = KINDS[:4]
"""The kinds of which an index is told; a step and a role are in none, a deletion is in the recycle bin."""

RULES = """
rule: {name}
kind: {kind}
subject: {{workspace_type: Contract}}
{what}
to: [user: reader]
"""
WHATS = {
    "root": ("transition", "events: [{document_added: {type: Letter}}]"),
    "deep": ("transition", "events: [{document_added: {type: Drawing}}]"),
    "version": ("transition", "events: [{version_added: {}}]"),
    "attribute": ("transition", "events: [{attribute_changed: {field: attr.status}}]"),
    "role": ("transition", "events: [{role_changed: {role: owner}}]"),
    "step": ("transition", "events: [{step_assigned: {}}]"),
    "deletion": ("condition", "require: {document: Licence, state: present}"),
}
EXPIRY = """
rule: expiry
kind: milestone
subject: {workspace_type: Contract}
due: attr.expires
steps: [{id: now, at: 0h, to: [user: reader]}]
"""
RULE_OF = dict(zip(KINDS, (*WHATS, "expiry"), strict=True))
MODES: Mapping[str, Json] = {
    "search": {},
    "late": {"search_lag": int(BEHIND.total_seconds())},
    "none": {"modules_absent": ["search", "recyclebin"]},
}


@dataclass(frozen=True)
class Happening:
    """One event of the day."""

    kind: str
    workspace: int
    at: datetime


@dataclass(frozen=True)
class First:
    """The first `watch`: `memory` is the peak of its process, in MiB."""

    seconds: float
    requests: int
    memory: float


@dataclass(frozen=True)
class Day:
    """What a mode gave: for each happening the ticks from the event to the device, None if not within the day; requests by tick."""

    ticks: Mapping[Happening, int | None]
    requests: Sequence[int]
    seconds: float


def write(folder: Path, workspaces: int) -> list[Happening]:
    """The estate: contracts with five documents, of which one has a folder three deep, a month old; then the day."""
    folder.mkdir()
    day = happenings(workspaces)
    when = {h.workspace: h.at for h in day if h.kind == "expiry"}
    kind = {
        "type": "Contract",
        "categories": [
            {
                "name": "Contract",
                "attributes": [
                    {"name": "status", "kind": "string"},
                    {"name": "expires", "kind": "datetime"},
                    {"name": "value", "kind": "integer"},
                ],
            }
        ],
        "roles": ["owner"],
        "required_documents": [{"type": "Licence"}],
    }
    people = [
        {
            "login": f"user-{n:02}",
            "name": f"User {n}",
            "email": f"user-{n}@example.org",
            "groups": [],
            "devices": [],
        }
        for n in range(40)
    ]
    reader = {"login": "reader", "name": "Rita Reader", "email": "reader@example.org", "groups": [],
              "devices": [{"token": "reader-phone", "platform": "android"}]}  # fmt: skip
    _lines(
        folder / "meta.json",
        [
            {
                "name": "notice",
                "zone": ZONE,
                "start": _ago(41, YEAR - 1),
                "public_url": "https://ecm.example.org",
            }
        ],
    )
    _lines(folder / "types.jsonl", [kind])
    _lines(folder / "users.jsonl", [*people, reader])
    _lines(folder / "workspaces.jsonl", _workspaces(workspaces, when))
    _lines(folder / "events.jsonl", [*_before(workspaces), *map(_event, day)])
    return day


def happenings(workspaces: int) -> list[Happening]:
    """A thousand events spread over the day, the kinds in turn, each in a workspace of its own."""
    count = min(1000, workspaces // 10) // len(KINDS) * len(KINDS)
    chance = random.Random(11)
    places = chance.sample(range(workspaces), count)
    moments = sorted(chance.uniform(60, 86_000) for _ in range(count))
    return [
        Happening(KINDS[n % len(KINDS)], 100_000 + place, DAY + timedelta(seconds=int(at)))
        for n, (place, at) in enumerate(zip(places, moments, strict=True))
    ]


def _ago(days: int, number: int) -> str:
    """When the workspace of this number was made: spread over more than a year, as those of a site that is in use are."""
    return (DAY - timedelta(days=days + number % YEAR, seconds=number % 40_000)).isoformat()


def _workspaces(count: int, when: Mapping[int, datetime]) -> Iterator[Json]:
    far = datetime(2030, 1, 1, tzinfo=UTC)
    for n in range(count):
        attrs = {
            "Contract.status": "active",
            "Contract.expires": when.get(100_000 + n, far).isoformat(),
            "Contract.value": n,
        }
        yield {"id": 100_000 + n, "type": "Contract", "name": f"Contract {n:06}", "created": _ago(40, n), "attrs": attrs,
               "roles": {"owner": [f"user-{n % 40:02}"]}}  # fmt: skip


def _before(count: int) -> Iterator[Json]:
    types = ("Licence", "Letter", "Letter", "Drawing", "Drawing")
    for n in sorted(range(count), key=lambda n: _ago(40, n)):
        yield {"ts": _ago(40, n), "kind": "workspace_created", "workspace": 100_000 + n}
        for place, type in enumerate(types):
            yield {"ts": _ago(40, n), "kind": "document_added", "workspace": 100_000 + n, "by": f"user-{n % 40:02}",
                   "id": _document(n, place), "name": f"document {place}.pdf", "type": type}  # fmt: skip


def _document(n: int, place: int) -> int:
    return 10_000_000 + n * 10 + place


def _event(h: Happening) -> Json:
    n, by = h.workspace - 100_000, "user-39"
    what: Mapping[str, Json] = {
        "document at the root": {
            "kind": "document_added",
            "id": _document(n, 8),
            "name": "new.pdf",
            "type": "Letter",
            "by": by,
        },
        "document three folders deep": {
            "kind": "document_added",
            "id": _document(n, 8),
            "name": "new.dwg",
            "type": "Drawing",
            "by": by,
        },
        "new version": {"kind": "version_added", "id": _document(n, 3), "by": by},
        "attribute": {"kind": "attribute_changed", "attr": "Contract.status", "value": "ended", "by": by},
        "role": {"kind": "role_changed", "role": "owner", "members": ["user-39", "user-38"], "by": by},
        "step": {
            "kind": "step_assigned",
            "process": 5_000_000 + n,
            "step": 1,
            "title": "Check",
            "to": by,
            "by": by,
        },
        "deletion": {"kind": "document_deleted", "id": _document(n, 0), "by": by},
        # The date is there from the beginning: nothing happens but that time passes.
        "expiry": {"kind": "comment_added", "text": "The day has come.", "by": by},
    }
    place = {} if h.kind in ("new version", "deletion") else {"workspace": h.workspace}
    return {
        "ts": h.at.isoformat(),
        **what[h.kind],
        **place,
        **({"workspace": h.workspace} if h.kind == "new version" else {}),
    }


def _lines(path: Path, rows: Any) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def rules(folder: Path) -> Path:
    """One rule a kind."""
    folder.mkdir()
    texts = [RULES.format(name=name, kind=kind, what=what) for name, (kind, what) in WHATS.items()]
    (folder / "rules.yaml").write_text("---".join([*texts, EXPIRY]))
    return folder


def copy(source: Path, target: Path) -> None:
    """A ledger as it is now, with what has not been written into its file yet."""
    with closing(sqlite3.connect(source)) as given, closing(sqlite3.connect(target)) as taken:
        given.backup(taken)


def quirks(mode: str) -> Json:
    return {"folders": 3, "folders_except": ["Letter", "Licence"], **MODES[mode]}


def first(what: Replay, made: Path) -> First:
    """The first `watch`, the evening before, in a process of its own: everything is new, nobody is told."""
    with SandboxProcess(made, start=what.start, patience=900) as sandbox:
        sandbox.faults(ecm={"quirks": quirks("search")})
        estate = load(made)
        register(Ledger.open(what.ledger_url), estate, what.start)
        asyncio.run(save_site(what, estate, sandbox, verify_requests=64))
        del estate
        before = sandbox.requests()["ecm"]["total"]
        command = [sys.executable, __file__, "--watch", what.start.isoformat()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the first watch failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        seconds, memory = json.loads(done.stdout.splitlines()[-1])
        return First(seconds, sandbox.requests()["ecm"]["total"] - before, memory)


async def watch_once(at: datetime) -> None:
    """Prints the seconds of one `watch`, and the peak memory of its process in MiB."""
    from flows.watch import watch

    began = time.perf_counter()
    await watch(site=SITE, as_of=at)
    seconds = time.perf_counter() - began
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


async def day(what: Replay, made: Path, mode: str, happened: Sequence[Happening], ticks: int) -> Day:
    """A `watch` every quarter of an hour; the device says which notices came at which tick."""
    from flows.watch import watch

    ledger = Ledger.open(what.ledger_url)
    with ledger.write() as connection:
        set_watermark(
            connection, WatermarkName.DIALECT, Watermark()
        )  # another server: what the last one understood is forgotten
    requests, arrived = [], dict[tuple[str, int], int]()
    began = time.perf_counter()
    with SandboxProcess(made, start=what.start, patience=900) as sandbox:
        sandbox.faults(ecm={"quirks": quirks(mode)})
        await save_site(what, load(made), sandbox, verify_requests=64)
        for n in range(ticks):
            at = DAY + (n + 1) * TICK
            sandbox.move(at)
            await watch(site=SITE, as_of=at)
            for notice in (m for d in sandbox.devices() for m in d["received"]):
                arrived.setdefault((notice["data"]["rule"], int(notice["data"]["workspace"])), n)
            with ledger.read() as connection:
                requests.append(runs.latest(connection, "watch", 1)[0]["account"]["numbers"]["requests"])
    seconds = time.perf_counter() - began
    late = BEHIND if mode == "late" else timedelta()
    found: dict[Happening, int | None] = {}
    for h in happened:
        seen = h.at + (late if h.kind in INDEXED else timedelta())
        earliest = -(-(h.at - DAY) // TICK) - 1 if h.at + TICK > seen else -(-(seen - DAY) // TICK) - 1
        tick = arrived.get((RULE_OF[h.kind], h.workspace))
        if earliest < ticks:
            found[h] = None if tick is None else max(0, tick - earliest)
    return Day(found, requests, seconds)


def show(mode: str, done: Day) -> None:
    mean, most = statistics.mean(done.requests), max(done.requests)
    print(
        f"  {mode}: a tick {mean:.0f} requests, {most} at most; {done.seconds:.0f} s for {len(done.requests)} ticks"
    )
    of_kind: dict[str, list[int | None]] = defaultdict(list)
    for h, ticks in done.ticks.items():
        of_kind[h.kind].append(ticks)
    for kind in KINDS:
        some = of_kind[kind]
        told = sorted(t for t in some if t is not None)
        if not told:
            print(f"    {kind:28} none of {len(some)} within the day")
            continue
        within = sum(t == 0 for t in told) / len(some)
        p95 = told[min(len(told) - 1, int(len(told) * 0.95))]
        lost = f", {len(some) - len(told)} of {len(some)} not within the day" if len(told) < len(some) else ""
        print(
            f"    {kind:28} median {statistics.median(told):.0f}, 95 % {p95}, worst {told[-1]} ticks; {within:.0%} in the first{lost}"
        )


def measure(workspaces: int, modes: Sequence[str], ticks: int) -> First:
    """One size: the first `watch`, then a day in each mode."""
    with tempfile.TemporaryDirectory(prefix="vigil-notice-") as name:
        folder = Path(name)
        made = folder / "estate"
        happened = write(made, workspaces)
        texts = rules(folder / "rules")
        start = DAY - timedelta(hours=6)

        def replay(ledger: str) -> Replay:
            url = f"sqlite:///{folder}/{ledger}.sqlite"
            return Replay(made, texts, PROJECT / "templates", start, start, TICK, url)

        done = first(replay("first"), made)
        print(
            f"{workspaces:,} workspaces x {DOCUMENTS} documents: first watch {done.seconds:.0f} s, {done.requests:,} requests, "
            f"peak {done.memory:,.0f} MiB; then {len(happened):,} events a day",
            flush=True,
        )
        results = {}
        for mode in modes if ticks else ():
            copy(folder / "first.sqlite", folder / f"{mode}.sqlite")
            results[mode] = asyncio.run(day(replay(mode), made, mode, happened, ticks))
            show(mode, results[mode])
        if "none" in results:
            rival = statistics.mean(results["none"].requests)
            for mode in (m for m in results if m != "none"):
                ratio = statistics.mean(results[mode].requests) / rival
                print(f"  {mode} / none: {ratio:.2f} times the requests", flush=True)
        return done


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument(
        "--ticks", type=int, default=100, help="of a quarter of an hour; 0: the first watch only"
    )
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.watch:
        asyncio.run(watch_once(datetime.fromisoformat(given.watch)))
        return
    with prefect_api():
        done = {size: measure(size, given.modes.split(","), given.ticks) for size in given.sizes}
    for (a, x), (b, y) in pairwise(done.items()):
        slope = math.log(y.seconds / x.seconds) / math.log(b / a)
        print(f"slope of the first watch from {a:,} to {b:,}: {slope:.2f} (1 is linear)")


if __name__ == "__main__":
    main()

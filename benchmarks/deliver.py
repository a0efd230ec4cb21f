"""Deliver 20,000 messages: Vigil beside firebase-admin and bare HTTP clients, ledger writes left out and counted in, in one run.

Goals: without a ledger Vigil >= 5x firebase-admin's send_each and >= 0.8x of the bare client it stands on; with
the ledger, which is the real outbox worker, >= 3x send_each with its results written down. The contenders are in
`deliver_contenders` and `deliver_ledger`. The server is the simulator in a process of its own, on the other core; how busy it was
is in the table, since a server that has no time left measures itself.

Usage: benchmarks/deliver.py [--count N] [--latency 0,30] [--tls] [--rounds 3] [--concurrency 200] [--only NAME,...]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import orjson
from deliver_contenders import CONTENDERS, ONLY_TLS, Contender, Job, Watch, outgoing
from deliver_ledger import contenders as with_ledger
from deliver_ledger import databases, stop
from firebase_admin import credentials
from google.auth.transport.requests import Request

from vigil.delivery.push.messages import build, encode

HERE = Path(__file__).resolve().parent
SLOW = (
    "send_each",
    "httpx",
    "vigil over",
)  # names of contenders that have one round: their figures are far from any goal
BUSY = 0.95  # of the server's core: from there on the figure is the server's


@dataclass(frozen=True)
class Measured:
    """Messages accepted a second by the wall clock, processor microseconds of the client for each, the server's share of its core,
    and messages that were not accepted.
    """

    rate: float
    work: float
    served: float
    lost: int = 0


@dataclass(frozen=True)
class Goal:
    contender: str
    rival: str
    least: float


def goals() -> list[Goal]:
    return [
        Goal("vigil", "send_each", 5.0),
        Goal("vigil", "bare aiohttp", 0.8),
        *(Goal(f"vigil + {kind}", f"send_each + {kind}", 3.0) for kind in databases()),
    ]


@contextmanager
def server(latency: float, tls: bool) -> Iterator[tuple[dict[str, str], int]]:
    """The simulator in its own process: where it is, and the process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            str(HERE / "deliver_server.py"),
            folder,
            str(latency),
            *(["tls"] if tls else []),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline()), process.pid
        finally:
            process.communicate()


def job_for(where: dict[str, str], tls: bool, count: int, concurrency: int) -> Job:
    account = orjson.loads(Path(where["account"]).read_bytes())
    if tls:  # for firebase-admin, which has no setting for a certificate authority
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = where["ca"]
    google = credentials.Certificate(account).get_credential()
    google.refresh(Request())
    now, queue = datetime.now(UTC), outgoing(count)
    return Job(
        url=where["url"],
        account=account,
        ca=where["ca"] if tls else None,
        concurrency=concurrency,
        outgoing=queue,
        bodies=[encode(out, now) for out in queue],
        messages=[build(out, now) for out in queue],
        bearer=f"Bearer {google.token}",
    )


def measure(job: Job, contender: Contender, server: int) -> Measured:
    watch = Watch(server)
    accepted = contender(job, watch)
    lost = len(job.bodies) - accepted
    return Measured(
        accepted / watch.wall, watch.work / max(1, accepted) * 1e6, watch.served / watch.wall, lost
    )


def run(latency: float, tls: bool, options: argparse.Namespace) -> bool:
    """Every contender over one server. Returns whether every goal was reached that was measured."""
    every = {name: c for name, c in CONTENDERS.items() if tls or name not in ONLY_TLS}
    for kind in databases():
        every |= with_ledger(kind)
    chosen = {name: c for name, c in every.items() if not options.only or name in options.only}
    kind = "TLS, granian" if tls else "plain HTTP, uvicorn"
    with server(latency, tls) as (where, process):
        job = job_for(where, tls, options.count, options.concurrency)
        size = sum(map(len, job.bodies)) // len(job.bodies)
        print(
            f"\n{options.count:,} messages of {size} bytes, {latency:g} ms, {kind}, {job.concurrency} at once"
        )
        results: dict[str, list[Measured]] = {name: [] for name in chosen}
        for number in range(options.rounds):  # interleaved, so that noise meets all alike
            for name, contender in chosen.items():
                if number == 0 or not any(part in name for part in SLOW):
                    results[name].append(measure(job, contender, process))
    return report({name: middle(rounds) for name, rounds in results.items()})


def middle(rounds: Sequence[Measured]) -> Measured:
    return Measured(
        median(m.rate for m in rounds),
        median(m.work for m in rounds),
        median(m.served for m in rounds),
        max(m.lost for m in rounds),
    )


def report(figures: Mapping[str, Measured]) -> bool:
    """The table, and each goal by the wall clock and by the client's processor time."""
    print(f"{'':24}{'msg/s':>9}{'client CPU':>14}{'server busy':>13}")
    for name, m in figures.items():
        bound = "   the server is the bound" if m.served >= BUSY else ""
        bound += f"   {m.lost} NOT accepted" if m.lost else ""
        print(f"{name:24}{m.rate:>9,.0f}{m.work:>8.0f} µs/msg{m.served:>12.0%}{bound}")
    reached = True
    for goal in goals():
        if goal.contender in figures and goal.rival in figures:
            ours, theirs = figures[goal.contender], figures[goal.rival]
            ratio, by_work = ours.rate / theirs.rate, theirs.work / ours.work
            enough = ratio >= goal.least and not ours.lost
            said = "reached" if enough else "NOT reached"
            print(
                f"{goal.contender} >= {goal.least:g}x {goal.rival}: {ratio:.2f}x {said} (by processor time {by_work:.2f}x)"
            )
            reached = reached and enough
    return reached


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument(
        "--latency", type=lambda text: [float(part) for part in text.split(",")], default=[0.0, 30.0]
    )
    parser.add_argument("--tls", action="store_true", help="over TLS, with HTTP/2 for those that speak it")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds of the fast contenders; the slow ones have one"
    )
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of contenders")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        reached = [run(latency, options.tls, options) for latency in options.latency]
    finally:
        stop()
    sys.exit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()

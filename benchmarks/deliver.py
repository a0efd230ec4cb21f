"""Deliver 20,000 messages: Vigil's transports beside firebase-admin and bare HTTP clients, in one run.

Goals (design section 6): Vigil >= 5x firebase-admin's send_each, and >= 0.8x of the bare client it stands on.
The bare clients are handed encoded bodies and a token and only post; Vigil is handed `Outgoing` values and
encodes, limits, reads and classifies. firebase-admin is handed its own Message objects, with a connection
pool as large as it gives itself for Google. The server is the simulator in a process of its own, on the other
core.

Usage: benchmarks/deliver.py [--count N] [--latency 0,30] [--tls] [--rounds 3] [--concurrency 200] [--only
NAME,...]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import firebase_admin
import httpx
import orjson
from firebase_admin import credentials, messaging
from google.auth.transport.requests import Request
from pyreqwest.client import ClientBuilder
from requests.adapters import HTTPAdapter

from vigil.delivery.fcm_admin import FcmAdmin
from vigil.delivery.fcm_http import FcmHttp
from vigil.delivery.messages import Outgoing, build, encode
from vigil.delivery.settings import FcmSettings

HERE = Path(__file__).resolve().parent
DEVICES, BATCH = 2_000, 500
HTTPX = 20  # connections; its pool slows down with each more (a hundred: a third of the rate)


@dataclass(frozen=True)
class Job:
    """What every contender is given."""

    url: str
    account: dict[str, Any]
    ca: str | None
    concurrency: int
    outgoing: list[Outgoing]
    bodies: list[bytes]
    messages: list[messaging.Message]
    bearer: str

    @property
    def send_url(self) -> str:
        return f"{self.url}/v1/projects/demo/messages:send"

    def settings(self) -> FcmSettings:
        return FcmSettings("demo", self.account, self.url, concurrency=self.concurrency, ca_file=self.ca)


class Watch:
    """Wall time and this process's own processor time inside the ``with``, in seconds."""

    wall = work = 0.0

    def __enter__(self) -> None:
        gc.collect()
        gc.freeze()  # the harness's own million objects are no contender's work
        self._wall, self._work = time.perf_counter(), time.process_time()

    def __exit__(self, *error: object) -> None:
        self.wall, self.work = time.perf_counter() - self._wall, time.process_time() - self._work


Contender = Callable[[Job, Watch], int]
"""Gets ready, with its access token, then sends all within the watch -> how many were accepted."""


def outgoing(count: int) -> list[Outgoing]:
    """Messages of about the contract's 743 bytes, spread over the devices so that none reaches its own limit."""
    body = (
        "The contract for the supply of paper ends soon and nobody has said whether it is to be renewed. " * 2
    )
    return [
        Outgoing(
            key=f"contract-renewal:{number}:2026-03-31:last:ada",
            token=f"token-{number % DEVICES}",
            address_kind="token",
            platform=("android", "ios", "web")[number % DEVICES % 3],
            title=f"Contract {number} ends on 31 March",
            body=body,
            link=f"https://ecm.example.org/cs/cs/app/nodes/{number}",
            severity="high",
            ttl=timedelta(hours=8),
            data={"rule": "contract-renewal", "workspace": str(number)},
        )
        for number in range(count)
    ]


def vigil(transport_class: type[FcmHttp] | type[FcmAdmin]) -> Contender:
    def contender(job: Job, watch: Watch) -> int:
        async def run() -> int:
            async with transport_class(job.settings()) as transport:
                await transport._credential.bearer()
                with watch:
                    return sum(s.outcome == "accepted" for s in await transport.send(job.outgoing))

        return asyncio.run(run())

    return contender


@contextmanager
def admin_app(job: Job) -> Iterator[firebase_admin.App]:
    """An App pointed at the simulator, with the pool of a hundred that firebase-admin mounts for Google's
    host only.
    """
    app = firebase_admin.initialize_app(
        credentials.Certificate(job.account), name=f"bench-{time.monotonic_ns()}"
    )
    service = messaging._get_messaging_service(app)
    service._fcm_url = job.send_url
    service._client.session.mount(job.url, HTTPAdapter(pool_connections=100, pool_maxsize=100))
    service._credential.refresh(Request())
    try:
        yield app
    finally:
        firebase_admin.delete_app(app)


def send_each(job: Job, watch: Watch) -> int:
    with admin_app(job) as app, watch:
        return sum(
            messaging.send_each(job.messages[at : at + BATCH], app=app).success_count
            for at in range(0, len(job.messages), BATCH)
        )


def send_each_async(job: Job, watch: Watch) -> int:
    async def run(app: firebase_admin.App) -> int:
        accepted = 0
        try:
            with watch:
                for at in range(0, len(job.messages), BATCH):
                    some = job.messages[at : at + BATCH]
                    answer = await messaging.send_each_async(some, dry_run=False, app=app)
                    accepted += answer.success_count
        finally:
            await messaging._get_messaging_service(app)._async_client.aclose()
        return accepted

    with admin_app(job) as app:
        return asyncio.run(run(app))


async def drain(job: Job, watch: Watch, post: Callable[[bytes], Awaitable[bool]]) -> int:
    """All bodies through `post`, `concurrency` at a time."""
    work, accepted = iter(job.bodies), 0

    async def worker() -> None:
        nonlocal accepted
        for body in work:
            went = await post(body)
            accepted += went

    with watch:
        await asyncio.gather(*[worker() for _ in range(job.concurrency)])
    return accepted


def bare_aiohttp(job: Job, watch: Watch) -> int:
    async def run() -> int:
        tls = ssl.create_default_context(cafile=job.ca) if job.ca else True
        headers = {"Authorization": job.bearer, "Content-Type": "application/json"}
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def post(body: bytes) -> bool:
                async with session.post(job.send_url, data=body) as response:
                    await response.read()
                    return response.status == 200

            return await drain(job, watch, post)

    return asyncio.run(run())


def bare_httpx(http2: bool) -> Contender:
    def contender(job: Job, watch: Watch) -> int:
        async def run() -> int:
            headers = {"Authorization": job.bearer, "Content-Type": "application/json"}
            limits = httpx.Limits(max_connections=HTTPX, max_keepalive_connections=HTTPX)
            async with httpx.AsyncClient(
                http1=not http2,
                http2=http2,
                headers=headers,
                limits=limits,
                verify=tls_context(job),
                timeout=60,
            ) as client:

                async def post(body: bytes) -> bool:
                    return (await client.post(job.send_url, content=body)).status_code == 200

                return await drain(job, watch, post)

        return asyncio.run(run())

    return contender


def tls_context(job: Job) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=job.ca)


def bare_pyreqwest(http2: bool) -> Contender:
    def contender(job: Job, watch: Watch) -> int:
        async def run() -> int:
            builder = ClientBuilder().timeout(timedelta(seconds=60))
            builder = builder.http2(True) if http2 and job.ca else builder.http1_only()
            if job.ca:
                builder = builder.add_root_certificate_pem(Path(job.ca).read_bytes())
            async with builder.build() as client:
                headers = {"Authorization": job.bearer, "Content-Type": "application/json"}

                async def post(body: bytes) -> bool:
                    response = (
                        await client.post(job.send_url).headers(headers).body_bytes(body).build().send()
                    )
                    await response.bytes()
                    return response.status == 200

                return await drain(job, watch, post)

        return asyncio.run(run())

    return contender


CONTENDERS: dict[str, Contender] = {
    "vigil": vigil(FcmHttp),
    "bare aiohttp": bare_aiohttp,
    "bare pyreqwest": bare_pyreqwest(http2=False),
    "bare pyreqwest h2": bare_pyreqwest(http2=True),
    "bare httpx": bare_httpx(http2=False),
    "bare httpx h2": bare_httpx(http2=True),
    "send_each": send_each,
    "send_each_async": send_each_async,
    "vigil over send_each": vigil(FcmAdmin),
}
REPEATED = ("vigil", "bare aiohttp", "bare pyreqwest")  # the fast ones, whose ratio is to be trusted
ONLY_TLS = ("bare pyreqwest h2", "bare httpx h2")


@contextmanager
def server(latency: float, tls: bool) -> Iterator[dict[str, str]]:
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
            yield json.loads(process.stdout.readline())
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


def measure(job: Job, contender: Contender) -> tuple[float, float]:
    """Messages a second of the wall clock, and microseconds of this process's processor for each."""
    watch = Watch()
    accepted = contender(job, watch)
    if accepted != len(job.bodies):
        raise SystemExit(f"only {accepted} of {len(job.bodies)} were accepted: no measurement")
    return accepted / watch.wall, watch.work / accepted * 1e6


def run(latency: float, tls: bool, options: argparse.Namespace) -> None:
    names = [n for n in CONTENDERS if (tls or n not in ONLY_TLS) and (not options.only or n in options.only)]
    kind = "TLS, granian" if tls else "plain HTTP, uvicorn"
    with server(latency, tls) as where:
        job = job_for(where, tls, options.count, options.concurrency)
        size = sum(map(len, job.bodies)) // len(job.bodies)
        print(
            f"\n{options.count:,} messages of {size} bytes, {latency:g} ms, {kind}, {job.concurrency} at once"
        )
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for number in range(options.rounds):  # interleaved, so that noise meets all alike
            for name in names:
                if number == 0 or name in REPEATED:
                    results[name].append(measure(job, CONTENDERS[name]))
        report(results)


def report(results: dict[str, list[tuple[float, float]]]) -> None:
    rates = {name: median(rate for rate, _ in rounds) for name, rounds in results.items()}
    work = {name: median(each for _, each in rounds) for name, rounds in results.items()}
    print(f"{'':22}{'msg/s':>9}{'CPU µs/msg':>12}{'x send_each':>13}{'x aiohttp':>11}   (by CPU)")
    for name, rate in rates.items():
        ratios = [f"{rate / rates[r]:.2f}" if r in rates else "-" for r in ("send_each", "bare aiohttp")]
        by_work = [
            f"{work[r] / work[name]:.2f}" if r in rates else "-" for r in ("send_each", "bare aiohttp")
        ]
        print(
            f"{name:22}{rate:>9,.0f}{work[name]:>12.0f}{ratios[0]:>13}{ratios[1]:>11}   ({', '.join(by_work)})"
        )
    for rival, goal in (("send_each", 5.0), ("bare aiohttp", 0.8)):
        if "vigil" in rates and rival in rates:
            ratio = rates["vigil"] / rates[rival]
            print(f"goal >= {goal:g}x {rival}: {ratio:.2f}x {'reached' if ratio >= goal else 'NOT reached'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument(
        "--latency", type=lambda text: [float(part) for part in text.split(",")], default=[0.0, 30.0]
    )
    parser.add_argument("--tls", action="store_true", help="over TLS, with HTTP/2 for those that speak it")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds of the fast contenders; the others have one"
    )
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of contenders")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    for latency in options.latency:
        run(latency, options.tls, options)


if __name__ == "__main__":
    main()

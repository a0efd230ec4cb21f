"""The contenders of benchmarks/deliver.py that write nothing down: Vigil's transports, bare HTTP clients, firebase-admin.

The bare clients are handed encoded bodies and a token and only post; Vigil is handed `Outgoing` values and encodes, limits,
reads and classifies. firebase-admin is handed its own Message objects, with a connection pool as large as it gives itself for
Google.
"""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import firebase_admin
import httpx
from firebase_admin import credentials, messaging
from google.auth.transport.requests import Request
from pyreqwest.client import ClientBuilder
from requests.adapters import HTTPAdapter

from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.transport import Outgoing

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
    """What passes inside the ``with``, in seconds: wall time, this process's processor time, and that of the process `server`."""

    wall = work = served = 0.0

    def __init__(self, server: int) -> None:
        self._server = server

    def __enter__(self) -> None:
        gc.collect()
        gc.freeze()  # the harness's own million objects are no contender's work
        self._before = (time.perf_counter(), time.process_time(), processor_time(self._server))

    def __exit__(self, *error: object) -> None:
        after = (time.perf_counter(), time.process_time(), processor_time(self._server))
        self.wall, self.work, self.served = (b - a for a, b in zip(self._before, after, strict=True))


def processor_time(process: int) -> float:
    """Seconds of processor that another process has used, from Linux's /proc."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


Contender = Callable[[Job, Watch], int]
"""Gets ready, with its access token, then sends all within the watch -> how many were accepted."""


def outgoing(count: int) -> list[Outgoing]:
    """Messages of about 743 bytes, spread over the devices so that none reaches its own limit."""
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


Post = Callable[[bytes], Awaitable[bytes]]
"""Sends one encoded body -> the answer, empty when it was not accepted."""


async def drained(bodies: Sequence[bytes], post: Post, concurrency: int) -> list[bytes]:
    """All bodies through `post`, `concurrency` at a time -> their answers, in order."""
    work, answers = iter(enumerate(bodies)), [b""] * len(bodies)

    async def worker() -> None:
        for index, body in work:
            answers[index] = await post(body)

    await asyncio.gather(*[worker() for _ in range(concurrency)])
    return answers


async def drain(job: Job, watch: Watch, post: Post) -> int:
    """`drained` within the watch -> how many were accepted."""
    with watch:
        answers = await drained(job.bodies, post, job.concurrency)
    return sum(map(bool, answers))


@asynccontextmanager
async def aiohttp_post(job: Job) -> AsyncIterator[Post]:
    tls = tls_context(job) if job.ca else True
    headers = {"Authorization": job.bearer, "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def post(body: bytes) -> bytes:
            async with session.post(job.send_url, data=body) as response:
                answer = await response.read()
                return answer if response.status == 200 else b""

        yield post


def bare_aiohttp(job: Job, watch: Watch) -> int:
    async def run() -> int:
        async with aiohttp_post(job) as post:
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

                async def post(body: bytes) -> bytes:
                    answer = await client.post(job.send_url, content=body)
                    return answer.content if answer.status_code == 200 else b""

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

                async def post(body: bytes) -> bytes:
                    response = (
                        await client.post(job.send_url).headers(headers).body_bytes(body).build().send()
                    )
                    answer = bytes(await response.bytes())
                    return answer if response.status == 200 else b""

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
ONLY_TLS = ("bare pyreqwest h2", "bare httpx h2")

"""The way to the server: a certificate authority of one's own, and a proxy in between. Both are relays before the sandbox."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ecm.conftest import Server
from vigil.ecm import Client, Settings, Unavailable


@asynccontextmanager
async def relay(
    target: str, tls: ssl.SSLContext | None = None, seen: list[str] | None = None
) -> AsyncIterator[int]:
    """A port that passes on to `target`'s; a request line in a proxy's form is noted and written as a server's."""
    place = urlsplit(target)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bool) -> None:
        while data := await reader.read(65536):
            if first and seen is not None and b" http://" in data.split(b"\r\n", 1)[0]:
                line, _, rest = data.partition(b"\r\n")
                seen.append(line.decode())
                data = line.replace(f"http://{place.netloc}".encode(), b"") + b"\r\n" + rest
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection(place.hostname, place.port)
        await asyncio.gather(pump(reader, back, True), pump(onward, writer, False), return_exceptions=True)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def authority(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's TLS with a certificate that nobody knows, and the PEM file with which one does."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem, secret)
    return tls, str(pem)


async def test_a_certificate_authority_of_ones_own_is_trusted_when_it_is_named(
    server: Server, tmp_path: Path
) -> None:
    tls, pem = authority(tmp_path)
    async with relay(server.sandbox.ecm_url, tls) as port:
        url = f"https://127.0.0.1:{port}/cs/cs"
        async with Client(Settings(url, "vigil", "vigil", ca=pem)) as client:
            answer = await client.get("/v2/nodes/1001")
    assert answer["results"]["data"]["properties"]["id"] == 1001


async def test_an_unknown_certificate_is_never_accepted(server: Server, tmp_path: Path) -> None:
    tls, _ = authority(tmp_path)
    async with relay(server.sandbox.ecm_url, tls) as port:
        client = Client(Settings(f"https://127.0.0.1:{port}/cs/cs", "vigil", "vigil", retries=0))
        with pytest.raises(Unavailable, match="its certificate is not trusted"):
            async with client:
                await client.get("/v2/nodes/1001")
    assert server.asked() == 0


async def test_calls_go_through_the_proxy_that_is_set(server: Server) -> None:
    seen: list[str] = []
    async with relay(server.sandbox.ecm_url, seen=seen) as port:
        client = server.client(proxy=f"http://127.0.0.1:{port}", concurrency=1)
        async with client:
            await client.get("/v2/nodes/1001")
    assert seen[0].startswith(f"POST {server.sandbox.ecm_url}/api/v1/auth")


async def test_the_environment_sets_no_proxy_behind_ones_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with server.client(retries=0) as client:
        await client.get("/v2/nodes/1001")
    assert server.asked() == 2

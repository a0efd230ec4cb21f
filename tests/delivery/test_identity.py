"""ID tokens as Google signs them, with keys of our own served where firebase-admin fetches Google's."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from firebase_admin import _token_gen

from tests.gateway.conftest import token as unsigned
from vigil.delivery.identity import (
    EMULATOR,
    Claims,
    EmulatorRefused,
    FirebaseVerifier,
    InvalidToken,
    KeysUnavailable,
)

PROJECT = "vigil-test"
GOOGLE, STRANGER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "securetoken")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


class Keys(BaseHTTPRequestHandler):
    def __init__(self, body: bytes, *args: Any) -> None:
        self._body = body
        super().__init__(*args)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self._body)

    def log_message(self, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    body = json.dumps({"key-1": certificate(GOOGLE)}).encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Keys, body))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", f"http://127.0.0.1:{server.server_port}/keys")
    monkeypatch.delenv(EMULATOR, raising=False)
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def verifier(keys: None) -> Iterator[FirebaseVerifier]:
    made = FirebaseVerifier(PROJECT)
    yield made
    made.close()


def signed(
    key: rsa.RSAPrivateKey = GOOGLE, kid: str | None = "key-1", algorithm: str = "RS256", **claims: Any
) -> str:
    now = int(time.time())
    basic = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "uid-1",
        "iat": now - 5,
        "exp": now + 3600,
    }
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(basic | claims, key, algorithm=algorithm, headers=headers)


def test_a_signed_token_says_who_it_is(verifier: FirebaseVerifier) -> None:
    said = verifier.verify(signed(email="ada@example.org", email_verified=True, ecm_login="ada"))
    assert said == Claims("uid-1", "ada@example.org", "ada")


def test_an_address_that_was_not_verified_is_left_out(verifier: FirebaseVerifier) -> None:
    assert verifier.verify(signed(email="ada@example.org", email_verified=False)) == Claims("uid-1")


def test_the_sites_claim_may_have_another_name(keys: None) -> None:
    verifier = FirebaseVerifier(PROJECT, claim="otds_user")
    assert verifier.verify(signed(otds_user="ada", ecm_login="eve")).login == "ada"
    verifier.close()


def test_a_token_of_another_key_expired_early_foreign_or_unsigned_is_refused_without_a_word_of_it(
    verifier: FirebaseVerifier,
) -> None:
    now = int(time.time())
    bad = [
        signed(STRANGER),
        signed(kid="key-2"),
        signed(kid=None),
        signed(exp=now - 60),
        signed(iat=now + 600),
        signed(aud="another"),
        signed(iss="https://securetoken.google.com/another"),
        signed(sub=""),
        signed(sub="x" * 129),
        signed()[:-4] + "AAAA",
        unsigned(ecm_login="ada"),
        "",
        "not.a.token",
        "é",
    ]
    for token in bad:
        with pytest.raises(InvalidToken) as refused:
            verifier.verify(token)
        assert str(refused.value) == "the token was not accepted"
        assert refused.value.__cause__ is None and refused.value.__suppress_context__


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(verifier: FirebaseVerifier) -> None:
    header = {"alg": "HS256", "kid": "key-1", "typ": "JWT"}
    forged = unsigned(ecm_login="ada").split(".")
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    signature = hmac.new(
        certificate(GOOGLE).encode(), f"{head}.{forged[1]}".encode(), hashlib.sha256
    ).digest()
    with pytest.raises(InvalidToken):
        verifier.verify(f"{head}.{forged[1]}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


def test_without_googles_keys_nothing_is_verified_and_nothing_is_called_invalid(
    monkeypatch: pytest.MonkeyPatch, keys: None
) -> None:
    monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", "http://127.0.0.1:9/keys")
    verifier = FirebaseVerifier(PROJECT)
    with pytest.raises(KeysUnavailable, match="public keys"):
        verifier.verify(signed())
    verifier.close()


def test_the_emulators_variable_alone_opens_nothing(
    monkeypatch: pytest.MonkeyPatch, verifier: FirebaseVerifier
) -> None:
    monkeypatch.setenv(EMULATOR, "127.0.0.1:9099")
    with pytest.raises(EmulatorRefused, match="anybody can write a token"):
        FirebaseVerifier(PROJECT)
    with pytest.raises(EmulatorRefused):  # set while the gateway runs: the same
        verifier.verify(unsigned(ecm_login="ada"))


def test_the_emulator_must_be_there_when_it_is_asked_for(keys: None) -> None:
    with pytest.raises(EmulatorRefused, match="not set"):
        FirebaseVerifier(PROJECT, emulator=True)

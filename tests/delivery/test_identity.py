"""ID tokens as Google signs them, with keys of our own at Google's address (tests/support/key_server.py)."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.support.id_tokens import token
from tests.support.key_server import KeyServer, key_server
from vigil.delivery import identity
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


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    with key_server(tmp_path) as running:
        running.keys = {"key-1": certificate(GOOGLE)}
        monkeypatch.setenv("HTTPS_PROXY", running.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.authority))
        monkeypatch.delenv(EMULATOR, raising=False)
        yield running


@pytest.fixture
def verifier(keys: KeyServer) -> Iterator[FirebaseVerifier]:
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


def test_the_sites_claim_may_have_another_name(keys: KeyServer) -> None:
    verifier = FirebaseVerifier(PROJECT, claim="otds_user")
    assert verifier.verify(signed(otds_user="ada", ecm_login="eve")).login == "ada"
    verifier.close()


NOW = int(time.time())
BAD = {
    "another key": lambda: signed(STRANGER),
    "another key that its header brings along": lambda: with_its_own_key(),
    "an unknown key id": lambda: signed(kid="key-2"),
    "no key id": lambda: signed(kid=None),
    "expired": lambda: signed(exp=NOW - 60),
    "ends beyond 64 bit": lambda: signed(exp=10**30),
    "made in an hour": lambda: signed(iat=NOW + 3600, exp=NOW + 7200),
    "no end": lambda: signed(exp=None),
    "another audience": lambda: signed(aud="another"),
    "several audiences": lambda: signed(aud=[PROJECT, "another"]),
    "another issuer": lambda: signed(iss="https://securetoken.google.com/another"),
    "Google's issuer of another kind": lambda: signed(iss="https://accounts.google.com"),
    "no subject": lambda: signed(sub=""),
    "a long subject": lambda: signed(sub="x" * 129),
    "a cut signature": lambda: signed()[:-4] + "AAAA",
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "changed claims": lambda: changed(),
    "alg none": lambda: token(ecm_login="ada"),
    "alg none with the key's id": lambda: made({"alg": "none", "kid": "key-1"}, basic()),
    "alg HS256 without a key id": lambda: made({"alg": "HS256"}, basic() | {"v": 0, "d": 5}),
    "alg is a list": lambda: made({"alg": ["RS256"], "kid": "key-1"}, basic()),
    "key id is an object": lambda: made({"alg": "RS256", "kid": {"a": 1}}, basic()),
    "a list for a header": lambda: made([], basic()),
    "a list for claims": lambda: made({"alg": "RS256", "kid": "key-1"}, []),
    "very deep JSON": lambda: f"{coded(b'[' * 6000)}.{coded(b'[' * 6000)}.AA",
    "a number of five thousand digits": lambda: f"{coded(b'9' * 5000)}.{coded(b'9' * 5000)}.AA",
    "empty": lambda: "",
    "no token": lambda: "not.a.token",
    "half a surrogate pair": lambda: "\ud800.a.b",
}


def coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def basic() -> dict[str, Any]:
    issuer = f"https://securetoken.google.com/{PROJECT}"
    return {"iss": issuer, "aud": PROJECT, "sub": "uid-1", "iat": NOW - 5, "exp": NOW + 3600}


def made(header: object, claims: object) -> str:
    """A token with any JSON as its parts, and no signature of anybody."""
    return f"{coded(json.dumps(header).encode())}.{coded(json.dumps(claims).encode())}.{coded(b'x' * 256)}"


def changed() -> str:
    head, _, signature = signed(ecm_login="eve").split(".")
    return f"{head}.{coded(json.dumps(basic() | {'ecm_login': 'ada'}).encode())}.{signature}"


def with_its_own_key() -> str:
    headers = {
        "kid": "key-1",
        "x5c": [certificate(STRANGER)],
        "jwk": {"kty": "RSA"},
        "jku": "https://127.0.0.1/",
    }
    return jwt.encode(basic() | {"ecm_login": "ada"}, STRANGER, algorithm="RS256", headers=headers)


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_a_token_not_of_google_for_this_project_is_refused_without_quoting_it(
    verifier: FirebaseVerifier, token: Callable[[], str]
) -> None:
    with pytest.raises(InvalidToken) as refused:
        verifier.verify(token())
    assert str(refused.value) == "the token was not accepted"
    assert refused.value.__cause__ is None and refused.value.__context__ is None


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(verifier: FirebaseVerifier) -> None:
    header = {"alg": "HS256", "kid": "key-1", "typ": "JWT"}
    forged = token(ecm_login="ada").split(".")
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    signature = hmac.new(
        certificate(GOOGLE).encode(), f"{head}.{forged[1]}".encode(), hashlib.sha256
    ).digest()
    with pytest.raises(InvalidToken):
        verifier.verify(f"{head}.{forged[1]}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("500 Internal Server Error", None),
        ("404 Not Found", None),
        ("200 OK", b"<html>Please log in to the network.</html>"),
        ("200 OK", b"\xff\xfe\x00"),
        ("200 OK", b""),
    ],
)
def test_without_googles_keys_nothing_is_verified_and_nothing_is_called_invalid(
    keys: KeyServer, verifier: FirebaseVerifier, status: str, body: bytes | None
) -> None:
    keys.status, keys.body = status, body
    with pytest.raises(KeysUnavailable, match="public keys"):
        verifier.verify(signed())


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b"null", b"{}", b'{"key-1": "no certificate"}', b'{"key-1": 7}', b'{"keys": 5}']
)
def test_keys_that_are_none_verify_nothing(keys: KeyServer, verifier: FirebaseVerifier, body: bytes) -> None:
    keys.body = body
    with pytest.raises((KeysUnavailable, InvalidToken)):
        verifier.verify(signed())


def test_a_key_server_that_is_down_is_not_asked_again_by_every_request(
    keys: KeyServer, verifier: FirebaseVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.status = "503 Service Unavailable"
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            verifier.verify(signed())
    assert len(keys.asked) == 1
    keys.status = "200 OK"
    monkeypatch.setattr(verifier, "_no_keys_until", 0.0)  # five seconds later
    assert verifier.verify(signed()).uid == "uid-1"


def test_a_key_server_that_does_not_answer_is_waited_for_and_not_for_ever(
    keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "KEYS_WITHIN", 0.3)
    keys.goes_on.clear()
    verifier = FirebaseVerifier(PROJECT)
    with pytest.raises(KeysUnavailable):
        verifier.verify(signed())
    verifier.close()


def test_a_server_that_is_not_googles_is_asked_for_nothing(
    keys: KeyServer, verifier: FirebaseVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(KeysUnavailable):
        verifier.verify(signed())
    assert keys.asked == []


def test_keys_are_fetched_once_while_they_hold_whatever_key_a_token_names(
    keys: KeyServer, verifier: FirebaseVerifier
) -> None:
    for n in range(3):
        verifier.verify(signed())
        with pytest.raises(InvalidToken):
            verifier.verify(signed(kid=f"made up {n}"))
    assert keys.asked == ["GET /robot/v1/metadata/x509/securetoken@system.gserviceaccount.com HTTP/1.1"]


def test_a_new_key_replaces_the_old_one_once_the_keys_expired(
    keys: KeyServer, verifier: FirebaseVerifier
) -> None:
    keys.max_age = 0
    verifier.verify(signed())
    keys.keys = {"key-2": certificate(STRANGER)}
    assert verifier.verify(signed(STRANGER, kid="key-2")).uid == "uid-1"
    with pytest.raises(InvalidToken):
        verifier.verify(signed())


@pytest.mark.parametrize("claim", ["a\x00b", "\ud800", "a\nb", "x" * 321])
def test_a_claim_that_can_be_no_login_is_none(verifier: FirebaseVerifier, claim: str) -> None:
    assert verifier.verify(signed(ecm_login=claim, email=claim, email_verified=True)) == Claims("uid-1")


def test_the_emulators_variable_alone_opens_nothing(
    monkeypatch: pytest.MonkeyPatch, verifier: FirebaseVerifier
) -> None:
    monkeypatch.setenv(EMULATOR, "127.0.0.1:9099")
    with pytest.raises(EmulatorRefused, match="anybody can write a token"):
        FirebaseVerifier(PROJECT)
    with pytest.raises(EmulatorRefused):  # set while the gateway runs: the same
        verifier.verify(token(ecm_login="ada"))


def test_the_emulator_must_be_there_when_it_is_asked_for(keys: KeyServer) -> None:
    with pytest.raises(EmulatorRefused, match="not set"):
        FirebaseVerifier(PROJECT, emulator=True)

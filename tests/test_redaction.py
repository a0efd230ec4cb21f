"""A secret is taken out of a text in whatever form it stands there; a record of a log that holds one does not leave."""

from __future__ import annotations

import html
import json
import logging
import time
import urllib.parse
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil import logs
from vigil.errors import VigilError
from vigil.redaction import MARK, PASSING, learn, learn_url, redacted

SECRET = 'p4$$/w+rd="x"&y<z>ü€'
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": lambda s: urllib.parse.quote(s, safe=""),
    "in a URL, in small letters": lambda s: urllib.parse.quote(s, safe="").lower(),
    "in a form": urllib.parse.quote_plus,
    "in JSON": json.dumps,
    "in JSON, not in ASCII": lambda s: json.dumps(s, ensure_ascii=False),
    "in JSON, with escaped slashes": lambda s: json.dumps(s).replace("/", "\\/"),
    "in HTML": html.escape,
    "in Python": repr,
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_secret_is_taken_out_in_every_form(form: str) -> None:
    secret = SECRET.lower() if "small letters" in form else SECRET
    learn(secret)
    written = WRITTEN[form](secret)
    found = redacted(f"before {written} after")
    assert found.startswith("before ") and found.endswith(" after")
    assert MARK in found and written not in found and "p4" not in found


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Z", "C"]), min_size=12, max_size=40),
    st.binary(max_size=9),
    st.binary(max_size=9),
    st.sampled_from([b64encode, urlsafe_b64encode]),
)
def test_a_secret_within_something_in_base_64_is_taken_out(
    secret: str, before: bytes, after: bytes, encode: Callable[[bytes], bytes]
) -> None:
    whole = encode(before + secret.encode() + after).decode()
    found = redacted(whole, secret)
    assert MARK in found
    kept = found.split(MARK, 1)
    assert (
        len(kept[0]) <= len(encode(before))
        and len("".join(kept)) <= len(encode(before)) + len(encode(after)) + 4
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def", f"Authorization: {MARK}"),
        ('{"OTCSTicket": "xyz", "limit": 5}', f'{{"OTCSTicket": "{MARK}", "limit": 5}}'),
        ("<td>OTDSTicket</td><td>xyz</td>", f"<td>OTDSTicket</td><td>{MARK}</td>"),
        ("[(b'OTCSTicket', b'xyz')]", f"[(b'OTCSTicket', b'{MARK}')]"),
        ("Proxy-Authorization: Basic dXNlcg==", f"Proxy-Authorization: {MARK}"),
        ("Set-Cookie: LLCookie=xyz; path=/", f"Set-Cookie: {MARK}; path=/"),
        ("grant_type=x&client_secret=s3&b=1", f"grant_type=x&client_secret={MARK}&b=1"),
        ('{\\"access_token\\": \\"x y\\"}', f'{{\\"access_token\\": \\"{MARK}\\"}}'),
        ("postgresql://vigil:s3@cr@db:5432/v", f"postgresql://vigil:{MARK}@db:5432/v"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0abc.c2ln and", f"{MARK} and"),
        ("token ya29.a0AfB_byC-1234567 end", f"token {MARK} end"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- x", f"{MARK} x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", MARK),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert redacted(expected) == expected, "a text is redacted more than once on its way"


@pytest.mark.parametrize(
    "text",
    [
        "the access token was accepted and no OTCSTicket header given",
        "Check the user, the password or the OTDS client of the connection",
        "the ledger postgresql+psycopg://vigil:***@db/vigil cannot be used",
        "the basic authentication of the proxy, its cookie, or a bearer",
        "https://ecm.example.org/cs/cs/app/nodes/4711",
        "password: a login has one",
    ],
)
def test_ordinary_sentences_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "<td>Cookie</td>" + "\n  <td></td>\n " * 200 + "<!-- end -->",
        "eyJ-" * 4_000,
        "a-" * 8_000 + ":APA91b",
        "://" * 5_000 + ":" * 5_000,
        "cookie " * 2_000,
        "-----BEGIN " * 1_500 + "private key",
    ],
    ids=lambda text: text[:12],
)
def test_no_page_of_an_error_takes_long_to_redact(text: str) -> None:
    began = time.process_time()
    redacted(text)
    assert time.process_time() - began < 1


def test_of_tickets_the_newest_are_known_and_passwords_are_never_forgotten() -> None:
    learn("a-password-that-lasts")
    for n in range(3 * PASSING):
        learn(f"ticket-number-{n:05}", passing=True)
    assert redacted("a-password-that-lasts") == redacted(f"ticket-number-{3 * PASSING - 1:05}") == MARK


def test_the_password_of_a_proxy_is_known_as_it_is_written_and_as_it_is_sent() -> None:
    learn_url("http://user:pr%2Fxy-passw0rd@proxy:3128")
    assert redacted("pr%2Fxy-passw0rd or pr/xy-passw0rd") == f"{MARK} or {MARK}"


def test_a_private_key_is_found_line_by_line() -> None:
    lines = ["MIIEvQIBADANBgkqhkiG9w0", "BAQEFAASCBKcwggSjAgEAAoIBAQ"]
    learn("\n".join(["-----BEGIN KEY-----", *lines, "-----END KEY-----"]))
    assert redacted(" ".join(lines)) == f"{MARK} {MARK}"


def test_an_error_for_people_holds_no_secret() -> None:
    learn("quoted-by-a-server")
    assert str(VigilError("it said: quoted-by-a-server")) == f"it said: {MARK}"


def test_no_record_of_a_log_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    learn("logged-by-somebody")
    make = logging.getLogRecordFactory()
    log = logging.getLogger("some.library")
    try:
        logs.guard()
        logs.guard()  # once is enough, and twice does no harm
        log.warning("%s and %d", "logged-by-somebody", 7)
        log.warning("logged-by-somebody")
        log.warning("%s", ["logged-by-somebody"])
        try:
            raise RuntimeError("logged-by-somebody") from ValueError("logged-by-somebody")
        except RuntimeError:
            log.exception("it failed")
    finally:
        logging.setLogRecordFactory(make)
    assert "logged-by-somebody" not in caplog.text
    assert f"{MARK} and 7" in caplog.text and "Traceback" in caplog.text and "RuntimeError" in caplog.text

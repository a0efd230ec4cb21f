"""A secret is taken out of a text in whatever form it stands there; a record of a log that holds one does not leave."""

from __future__ import annotations

import html
import json
import logging
import quopri
import re
import secrets
import string
import time
import urllib.parse
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vigil import logs
from vigil.errors import VigilError
from vigil.redaction import MARK, PASSING, _Known, learn, learn_url, redacted

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


def entities(text: str) -> str:
    return "".join(f"&#x{ord(c):x};" if not c.isalnum() else c for c in text)


def units(text: str) -> str:
    """As JSON may write every character: by its units of UTF-16."""
    raw = text.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{raw[at : at + 4]}" for at in range(0, len(raw), 4))


ENCODED: dict[str, Callable[[str], str]] = {
    **WRITTEN,
    "in a URL, twice": lambda s: urllib.parse.quote(urllib.parse.quote(s, safe=""), safe=""),
    "in HTML, by numbers": entities,
    "in HTML, within JSON": lambda s: json.dumps(html.escape(s)),
    "in JSON, by units": units,
    "in JSON, within JSON": lambda s: json.dumps(json.dumps(s)),
    "in a mail": lambda s: quopri.encodestring(s.encode(), quotetabs=True).decode().replace("=\n", ""),
    "in digits": lambda s: s.encode().hex(),
    "in digits, in capitals": lambda s: s.encode().hex().upper(),
    "in base 64": lambda s: b64encode(s.encode()).decode(),
    "in base 64 of a URL, after something": lambda s: urlsafe_b64encode(b"x:" + s.encode()).decode(),
    "in the bytes of Python": lambda s: repr(s.encode())[2:-1],
    "in capitals": str.upper,
    "in small letters": str.lower,
}
BREAKS = ["", " ", "\n", "\r\n\t", "<wbr>", "<br />", "=\n", "=\r\n", "\u200b", "&shy;"]
TICKETS = string.ascii_letters + string.digits + "+/=*-_.:~!"
SECRETS = st.text(TICKETS, min_size=16, max_size=200) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Z", "C", "M"]), min_size=16, max_size=60
)


@given(
    st.data(),
    SECRETS,
    st.sampled_from(sorted(ENCODED)),
    st.sampled_from(BREAKS),
    st.integers(1, 80),
    st.sampled_from([str, lambda text: json.dumps(text)[1:-1]]),
)
@settings(max_examples=400, deadline=None)
def test_no_long_part_of_a_secret_survives_however_it_is_cut_and_written(
    data: st.DataObject, secret: str, form: str, between: str, width: int, quoted: Callable[[str], str]
) -> None:
    start = data.draw(st.integers(0, len(secret) - 16))
    part = secret[start : data.draw(st.integers(start + 16, len(secret)))]
    written = ENCODED[form](part)
    wrapped = between.join(written[at : at + width] for at in range(0, len(written), width))
    # What breaks an escape of JSON and is escaped itself could be read in two ways, and a mail has a break of its own.
    assume(form != "in a mail" or between in ("", "=\n", "=\r\n"))
    assume("\\" not in written or quoted(between) == between)
    # Letters beside it could be read as its continuation, and would then be redacted, too.
    found = redacted(f"before |{quoted(wrapped)}| after", secret)
    assert MARK in found
    left = found.removeprefix("before |").removesuffix("| after").replace(MARK, "")
    left = left.replace(quoted(between), "") if between else left
    left = re.sub(r'[\\"]', "", left)  # the quotes of JSON
    assert len(left) <= 4 + 2 * len(quoted(written)) / len(part), "no more than a character or two at an end"


@given(st.text(TICKETS.replace("=", ""), min_size=40, max_size=200), st.data())
@settings(max_examples=50, deadline=None)
def test_a_shorter_part_of_a_long_secret_is_no_secret(secret: str, data: st.DataObject) -> None:
    size = data.draw(st.integers(8, 15))
    start = data.draw(st.integers(0, len(secret) - size))
    text = f"«{secret[start : start + size]}»"
    learn(secret, passing=True)
    assert redacted(text, secret) == redacted(text, "another-secret-of-nobody")


def test_half_of_a_short_secret_is_one() -> None:
    assert redacted("half of it: z9y8x7w6v5", "z9y8x7w6v5u4t3s2r1q0") == f"half of it: {MARK}"
    assert redacted("less of it: z9y8x7w6v", "z9y8x7w6v5u4t3s2r1q0") == "less of it: z9y8x7w6v"


def test_sentences_that_share_words_with_a_secret_stay() -> None:
    secret = "the-password-of-the-proxy-of-the-site-in-the-north"
    for text in (
        "the password of the ledger",
        "The-password-of",
        "a proxy of the",
        "of the site is the north",
    ):
        assert redacted(text, secret) == text


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
        "\\" * 16_000,
        "=\\" * 8_000 + "= " * 8_000,
        "%25" * 5_000 + "&amp;" * 3_000,
        "%" * 8_000 + "&" * 8_000,
        "&#" + "0" * 16_000,
        "=" + " " * 16_000,
        "the-s" * 3_000,  # which begins secrets
    ],
    ids=lambda text: text[:12],
)
def test_no_page_of_an_error_takes_long_to_redact(text: str) -> None:
    for n in range(PASSING):
        learn(f"the-same-beginning-of-a-ticket-{n:05}-{'x' * 40}", passing=True)
    began = time.process_time()
    redacted(text)
    assert time.process_time() - began < 1


def test_to_learn_a_secret_costs_the_same_however_many_are_known() -> None:
    known = _Known()

    def took() -> float:
        began = time.process_time()
        for _ in range(100):
            known.add(secrets.token_urlsafe(60), passing=False)
        return time.process_time() - began

    first = min(took() for _ in range(3))
    for _ in range(8):
        took()
    assert min(took() for _ in range(3)) < 3 * first


def test_of_a_ticket_that_is_forgotten_nothing_stays() -> None:
    known = _Known()
    for n in range(3 * PASSING):
        known.add(f"a-ticket-with-the-same-beginning-{n:05}", passing=True)
    one = _Known()
    for n in range(2 * PASSING, 3 * PASSING):
        one.add(f"a-ticket-with-the-same-beginning-{n:05}", passing=True)
    assert {gram: set(held) for gram, held in known.index.items()} == {
        gram: set(held) for gram, held in one.index.items()
    }


def test_of_tickets_the_newest_are_known_and_passwords_are_never_forgotten() -> None:
    learn("a-password-that-lasts")
    for n in range(3 * PASSING):
        learn(f"ticket-number-{n:05}", passing=True)
    assert redacted("a-password-that-lasts") == redacted(f"ticket-number-{3 * PASSING - 1:05}") == MARK


def test_the_password_of_a_proxy_is_known_as_it_is_written_and_as_it_is_sent() -> None:
    learn_url("http://user:pr%2Fxy-passw0rd@proxy:3128")
    assert redacted("pr%2Fxy-passw0rd or pr/xy-passw0rd") == f"{MARK} or {MARK}"


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", "", "\\n"])
def test_a_private_key_is_found_however_its_lines_are_joined(between: str) -> None:
    lines = ["MIIEvQIBADANBgkqhkiG9w0", "BAQEFAASCBKcwggSjAgEAAoIBAQ"]
    learn("\n".join(["-----BEGIN KEY-----", *lines, "-----END KEY-----"]))
    assert redacted(between.join(lines)) == redacted(lines[0]) == redacted(lines[1]) == MARK
    assert redacted("it begins with -----BEGIN KEY-----") == "it begins with -----BEGIN KEY-----"


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

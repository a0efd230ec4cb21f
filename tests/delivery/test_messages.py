"""What goes to FCM: firebase-admin's form exactly, the platform's replace keys, within the payload limit."""

from __future__ import annotations

import random
import string
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tests.support.outgoing import message
from vigil.compliance.notices import Severity
from vigil.delivery.push.messages import PAYLOAD, TOPIC_PAYLOAD, as_json, build, encode
from vigil.delivery.push.platforms import ADDRESS_KINDS, PLATFORMS
from vigil.delivery.replace_keys import android_tag, collapse_id, web_topic
from vigil.delivery.transport import Outgoing
from vigil.sandbox.fcm.validation import payload_size, refusal

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
outgoing = st.builds(
    Outgoing,
    key=texts.filter(bool),
    token=st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=200),
    address_kind=st.sampled_from(ADDRESS_KINDS),
    platform=st.sampled_from(PLATFORMS),
    title=texts,
    body=st.text(st.characters(exclude_categories=["Cs"]), max_size=3_000),
    link=st.sampled_from(["", "http://ecm/app/nodes/1", "https://ecm/app/nodes/1", 'https://e/"~title~"']),
    severity=st.sampled_from([s.value for s in Severity]),
    ttl=st.timedeltas(timedelta(seconds=-1), timedelta(days=60)),
    data=st.dictionaries(
        st.sampled_from(["a", "rule", "~title~", "workspace"]), st.text("@title1234567s", max_size=20)
    ),
)


def decoded(out: Outgoing) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(encode(out, NOW))["message"]
    return value


@given(outgoing)
def test_the_fast_encoding_is_firebase_admins_own(out: Outgoing) -> None:
    assert decoded(out) == as_json(build(out, NOW))


@given(outgoing)
def test_no_message_that_is_built_is_refused_by_fcm(out: Outgoing) -> None:
    body = encode(out, NOW)
    value = orjson.loads(body)["message"]
    assert refusal(value, len(body)) is None
    assert payload_size(value) <= (PAYLOAD if out.address_kind in ("token", "fid") else TOPIC_PAYLOAD)


@given(outgoing)
def test_the_link_is_never_cut_and_no_grapheme_is(out: Outgoing) -> None:
    value = decoded(out)
    assert value["data"]["link"] == out.link
    for name in ("title", "body"):
        got, whole = value["notification"][name], getattr(out, name)
        if got == whole:
            continue
        kept = got.removesuffix("…")
        assert got == "" or got.endswith("…")
        clusters = regex.findall(r"\X", whole)
        starts = {"".join(clusters[:n]).rstrip() for n in range(len(clusters))}
        assert kept in starts


def test_a_long_body_is_cut_before_the_title_and_uses_the_room_there_is() -> None:
    family = "👨‍👩‍👧‍👦"
    out = message(body=family * 400, title="A title that stays")
    value = decoded(out)
    assert value["notification"]["title"] == out.title
    body = value["notification"]["body"]
    assert body.endswith("…")
    assert set(regex.findall(r"\X", body[:-1])) == {family}
    assert PAYLOAD - len(family.encode()) - 3 < len(encode(out, NOW)) - len('{"message":}') <= PAYLOAD


def test_a_title_is_cut_only_when_no_body_is_left() -> None:
    value = decoded(message(body="short", title="t" * 6_000))
    assert value["notification"]["body"] == ""
    assert value["notification"]["title"].endswith("t…")


def test_an_accent_stays_on_its_letter_at_the_cut() -> None:
    letters = unicodedata.normalize("NFD", "é" * 3_000)
    body = decoded(message(body=letters))["notification"]["body"]
    assert body.endswith("́…") and len(body) % 2 == 1


@pytest.mark.parametrize(
    ("severity", "android", "apns", "web"),
    [
        ("low", ("normal", "vigil_low", "PRIORITY_LOW"), ("5", "passive"), "low"),
        ("normal", ("normal", "vigil_normal", "PRIORITY_DEFAULT"), ("10", "active"), "normal"),
        ("high", ("high", "vigil_high", "PRIORITY_HIGH"), ("10", "time-sensitive"), "high"),
        ("critical", ("high", "vigil_critical", "PRIORITY_MAX"), ("10", "critical"), "high"),
    ],
)
def test_severity_becomes_each_platforms_own_level(
    severity: str, android: tuple[str, str, str], apns: tuple[str, str], web: str
) -> None:
    value = decoded(message(platform="any", severity=severity))
    shown = value["android"]["notification"]
    assert (value["android"]["priority"], shown["channel_id"], shown["notification_priority"]) == android
    headers, aps = value["apns"]["headers"], value["apns"]["payload"]["aps"]
    assert (headers["apns-priority"], aps["interruption-level"]) == apns
    assert value["webpush"]["headers"]["Urgency"] == web


def test_the_time_to_live_is_given_to_each_platform_in_its_own_words() -> None:
    value = decoded(message(platform="any", ttl=timedelta(hours=2, milliseconds=900)))
    assert value["android"]["ttl"] == "7200s"
    assert value["apns"]["headers"]["apns-expiration"] == str(int(NOW.timestamp()) + 7_200)
    assert value["webpush"]["headers"]["TTL"] == "7200"


def test_now_or_never_is_not_stored_anywhere() -> None:
    value = decoded(message(platform="any", ttl=timedelta(0)))
    assert (value["android"]["ttl"], value["webpush"]["headers"]["TTL"]) == ("0s", "0")
    assert value["apns"]["headers"]["apns-expiration"] == "0"


@given(texts.filter(bool), texts.filter(bool))
def test_replace_keys_fit_their_platform_and_two_rows_never_share_one(first: str, second: str) -> None:
    for make, longest in ((android_tag, 64), (collapse_id, 64), (web_topic, 32)):
        assert make(first) == make(first)
        assert 0 < len(make(first)) <= longest
        assert (make(first) == make(second)) == (first == second)
    assert collapse_id(first).isascii() and web_topic(first).isascii()


def test_a_link_that_is_not_https_is_left_to_the_service_worker() -> None:
    value = decoded(message("tok-web", link="http://ecm.intern/app/nodes/7"))
    assert "fcm_options" not in value["webpush"]
    assert value["data"]["link"] == "http://ecm.intern/app/nodes/7"


def test_the_address_is_not_in_the_repr() -> None:
    assert "tok-android" not in repr(message())


def test_twenty_thousand_messages_are_encoded_faster_than_any_client_sends_them() -> None:
    rng = random.Random(1)
    batch = [message(f"tok-{rng.choice(['android', 'ios', 'web'])}", key=f"row-{n}") for n in range(2_000)]
    # 100 µs a message would still be 10,000/s; firebase-admin's own encoder takes about 35.
    started = datetime.now(UTC)
    for out in batch:
        encode(out, NOW)
    assert (datetime.now(UTC) - started) / len(batch) < timedelta(microseconds=100)

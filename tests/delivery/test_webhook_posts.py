"""What a post to a webhook says and how a receiver checks it: by the lines that docs/delivery.md gives to receivers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hostile import HOSTILE
from tests.support.webhooks import NEW, OLD, post_to, settings
from vigil.delivery.webhook import post
from vigil.delivery.webhook.settings import BadWebhookSettings, WebhookSettings
from vigil.delivery.webhook.transport import Webhooks
from vigil.sandbox.webhooks import LocalReceiver, Post

PAGE = Path(__file__).resolve().parents[2] / "docs" / "delivery.md"
FIELDS = ["type", "id", "recipient", "title", "body", "link", "severity", "rule", "workspace", "notice"]


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    with LocalReceiver([OLD]) as running:
        yield running


def lines_for_receivers() -> Any:
    """`verified` as the page has it for people to copy."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["verified"]


async def posted(receiver: LocalReceiver, to: WebhookSettings, **changes: Any) -> Post:
    async with Webhooks(to) as transport:
        await transport.send([post_to(f"{receiver.url}/", **changes)])
    return receiver.posts[-1]


async def test_the_lines_on_the_page_verify_a_post_and_nothing_else(receiver: LocalReceiver) -> None:
    verified = lines_for_receivers()
    got = await posted(receiver, settings(OLD))
    assert verified(OLD, got.headers, got.body)
    assert not verified(NEW, got.headers, got.body)
    assert not verified(OLD, got.headers, got.body + b" ")
    for name in (post.ID, post.TIMESTAMP):
        assert not verified(OLD, {**got.headers, name: got.headers[name] + "0"}, got.body)
        assert not verified(OLD, {k: v for k, v in got.headers.items() if k != name}, got.body)
    old = str(int(time.time()) - 301)
    signed = post.headers(settings(OLD).keys, got.headers[post.ID], int(old), got.body)
    assert not verified(OLD, signed, got.body), "it is five minutes old"


async def test_while_a_secret_changes_both_are_good(receiver: LocalReceiver) -> None:
    verified = lines_for_receivers()
    got = await posted(receiver, settings(OLD, NEW))
    assert [verified(s, got.headers, got.body) for s in (OLD, NEW)] == [True, True]
    assert got.verified
    after = await posted(receiver, settings(NEW))
    assert [verified(s, after.headers, after.body) for s in (OLD, NEW)] == [False, True]
    assert not after.verified and receiver.shown["/"].keys() == {got.headers[post.ID]}


async def test_a_second_attempt_differs_in_its_time_alone(receiver: LocalReceiver) -> None:
    seconds = iter([time.time() - 60, time.time()])
    async with Webhooks(settings(), wall=lambda: next(seconds)) as transport:
        for _ in range(2):
            await transport.send([post_to(f"{receiver.url}/")])
    first, second = receiver.posts
    assert (first.body, first.headers[post.ID]) == (second.body, second.headers[post.ID])
    assert first.headers[post.TIMESTAMP] != second.headers[post.TIMESTAMP]
    assert first.headers[post.SIGNATURE] != second.headers[post.SIGNATURE]
    assert len(receiver.shown["/"]) == 1


async def test_the_body_has_the_fields_of_the_page_and_no_other(receiver: LocalReceiver) -> None:
    got = await posted(receiver, settings())
    said = orjson.loads(got.body)
    assert list(said) == FIELDS
    section = PAGE.read_text("utf-8").partition("## Webhooks")[2]
    assert re.findall(r"^\| `(\w+)` \| (?:string|integer) \|", section, re.M) == FIELDS
    assert said | {"id": "", "title": "", "body": "", "link": ""} == {
        "type": "vigil.notice",
        "id": "",
        "recipient": "group:legal",
        "title": "",
        "body": "",
        "link": "",
        "severity": "high",
        "rule": "contract-renewal",
        "workspace": 4711,
        "notice": 12,
    }
    assert said["id"] == got.headers[post.ID]
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", said["id"])


# Half a pair of surrogates is no text that JSON can hold: tests/delivery/test_webhook_outcomes.py.
TEXTS = st.sampled_from(sorted(set(HOSTILE.values()) - {HOSTILE["lone surrogate"]})) | st.text()


@given(title=TEXTS, body=TEXTS)
def test_whatever_a_text_holds_the_body_is_json_that_holds_it_and_nothing_more(title: str, body: str) -> None:
    said: Mapping[str, Any] = orjson.loads(post.body(post_to("https://x.example/", title=title, body=body)))
    assert (said["title"], said["body"], list(said)) == (title, body, FIELDS)


@pytest.mark.parametrize(
    "secrets",
    [
        (),
        (OLD, NEW, OLD),
        ("hunter2hunter2hunter2hunter2hunter2",),
        ("whsec_c2hvcnQ=",),
        ("whsec_%%%",),
        ("whsec_ä",),
    ],
)
def test_secrets_that_prove_nothing_are_refused_and_not_quoted(secrets: tuple[str, ...]) -> None:
    with pytest.raises(BadWebhookSettings, match=r"^secrets: ") as refused:
        WebhookSettings(secrets)
    assert not any(secret in str(refused.value) for secret in secrets)

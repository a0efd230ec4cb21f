"""The JSON of a message: what any version wrote is read, and written again as it was."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.compliance.quiet_hours import QuietSpan
from vigil.ledger.notice_message import EMPTY_MESSAGE, WAITS_FOR_DIGEST, NoticeMessage

WORDS = '"title":"It ends","body":"","link":"https://ecm.example","severity":"high"'

STORED = {
    "forgotten": "{}",
    "suppressed": '{"why":["it ends"]}',
    "nobody": '{"why":["it ends"],"lacks":["role owner is empty"]}',
    "withheld": '{"why":["it ends"],"date_withheld":true}',
    "push": '{"why":[],' + WORDS + ',"key":"k1","zone":"Europe/Berlin"}',
    "all": '{"why":["it ends"],"lacks":["x"],"date_withheld":true,' + WORDS + ',"ttl":3600,"key":"k1","zone":"UTC",'
    '"quiet":["20:00:00","08:00:00"],"channels":["email","push"],"mail":{"title":"T","body":"B"},"digest":"it waits"}',
}  # fmt: skip
"""Messages as `vigil.service.compose` of the version before wrote them."""


@pytest.mark.parametrize("text", STORED.values(), ids=STORED)
def test_what_was_stored_is_written_again_byte_for_byte(text: str) -> None:
    assert NoticeMessage.from_json(text).to_json() == text


def test_every_key_is_read() -> None:
    assert NoticeMessage.from_json(STORED["all"]) == NoticeMessage(
        why=("it ends",),
        lacks=("x",),
        date_withheld=True,
        title="It ends",
        link="https://ecm.example",
        severity="high",
        ttl=3600,
        key="k1",
        zone="UTC",
        quiet=QuietSpan(time(20), time(8)),
        channels=("email", "push"),
        mail={"title": "T", "body": "B"},
        digest="it waits",
    )


def test_an_earlier_message_lacks_what_came_later() -> None:
    """The first version knew neither zones nor channels; what only a later one knows is left out."""
    message = NoticeMessage.from_json("{" + WORDS + ',"key":"k1","colour":"red"}')
    assert (message.has_words, message.why, message.zone, message.channels) == (True, (), "", ())
    assert not NoticeMessage.from_json(STORED["suppressed"]).has_words
    assert NoticeMessage.from_json("{}") == EMPTY_MESSAGE


@pytest.mark.parametrize(("text", "waits"), [(STORED["all"], True), (STORED["push"], False)])
def test_what_waits_for_the_digest_is_found_by_its_text(text: str, waits: bool) -> None:
    assert (WAITS_FOR_DIGEST in text) is waits


texts = st.text(max_size=8)
times = st.times().map(lambda t: t.replace(microsecond=0))
messages = st.builds(
    NoticeMessage,
    why=st.lists(texts, max_size=3).map(tuple),
    lacks=st.lists(texts, max_size=2).map(tuple),
    date_withheld=st.booleans(),
    title=texts,
    body=texts,
    link=texts,
    severity=texts,
    ttl=st.none() | st.integers(0, 10**6),
    key=texts,
    zone=texts,
    quiet=st.none() | st.builds(QuietSpan, times, times),
    channels=st.lists(texts, max_size=2).map(tuple),
    mail=st.dictionaries(texts, texts, max_size=2),
    digest=texts,
)


@given(messages)
def test_every_message_comes_back_as_it_was_stored(message: NoticeMessage) -> None:
    assert NoticeMessage.from_json(message.to_json()) == message

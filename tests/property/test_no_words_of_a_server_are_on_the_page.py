"""`vigil connect --read-only`: whatever a server says in its errors, the page that is handed on has no word of it."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import share
from tests.shared import PROJECT
from vigil.ecm import Settings, answers
from vigil.ecm.errors import EcmError, Unavailable, words_apart
from vigil.ecm.retry import Retryable
from vigil.ledger.in_memory import InMemoryLedger
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.service.connecting import survey_page
from vigil.service.connecting.survey import Survey, look
from vigil.service.site import Site

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)

NAMES = st.from_regex(r"[A-Z][a-zäöü]{2,8}zq[a-zäöü]{2,6}", fullmatch=True)
"""Names that no page of Vigil's own has."""

PARTS = st.one_of(
    NAMES,
    NAMES.map(lambda name: f"{name}@kunde.example".lower()),
    NAMES.map(lambda name: f"srv01.{name}.local".lower()),
    NAMES.map(lambda name: f'"Kuendigung {name}.pdf"'),
    NAMES.map(lambda name: f"ACME\\{name}"),
    st.sampled_from(["mappings registry", "could not be accessed", "try again", "(400)", "|", "`", "<b>"]),
)
SENTENCES = st.lists(PARTS, min_size=1, max_size=6).map(" ".join)
STATUSES = st.sampled_from([200, 400, 403, 404, 429, 500, 502, 503])


@dataclass(frozen=True)
class Answer:
    """What a server gives in place of an answer."""

    status: int
    kind: str
    text: str

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": "text/html" if self.kind == "page" else "application/json"}

    @property
    def body(self) -> bytes:
        said: Any = {
            "error": {"error": self.text},
            "detail": {"error": "Bad Request", "errorDetail": self.text},
            "status in the body": {"statusCode": 500, "error": self.text},
        }.get(self.kind)
        if said is not None:
            return json.dumps(said).encode()
        return (f"<html><title>{self.text}</title>" if self.kind == "page" else self.text).encode()


ANSWERS = st.builds(
    Answer, STATUSES, st.sampled_from(["error", "detail", "status in the body", "page", "text"]), SENTENCES
)


def names_in(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w*zq\w*", text, re.IGNORECASE)}


@given(ANSWERS)
def test_an_error_has_no_word_of_a_server_where_they_are_kept_apart(answer: Answer) -> None:
    with words_apart() as heard:
        try:
            answers.read("/v2/nodes/7", answer.status, answer.headers, answer.body)
        except Retryable as again:
            error = again.error
        except EcmError as refused:
            error = refused
        else:
            return
        shown = (error, error.turned_into(Unavailable), pickle.loads(pickle.dumps(error)))
        for one in shown:
            assert not names_in(f"{one} {one.message} {one!r}")
            assert "/v2/nodes/7" in str(one)
            assert one.words == error.words, "what an error means is read from them"
    if names_in(error.words):
        assert any(error.words in text for text in heard), "a person may look at them on the terminal"
    assert names_in(str(pickle.loads(pickle.dumps(error)))) == names_in(error.words)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    estate: Path = generate(tmp_path_factory.mktemp("page") / "estate").folder
    with SandboxProcess(estate, start=NOON) as found:
        yield found


CALLS = (
    r"/v1/serverinfo", r"/v1/regions", r"/v2/search", r"/v2/businessworkspacetypes", r"/v2/businessworkspaces",
    r".*/relateditems", r".*/roles.*", r".*/missingdocuments", r".*/classifications", r".*/audit", r"/v2/nodes/list",
    r"/v2/nodes/\d+/nodes", r"/v2/nodes/\d+", r"/v2/nodes/\d+/categories", r"/v2/members.*", r"/v2/volumes/.*",
    r"/v2/workflows/status", r"/v2/workflows/status/.*",
)  # fmt: skip


@contextmanager
def answering(instead: Mapping[str, Answer]) -> Iterator[None]:
    """Some calls give these answers."""
    read = answers.read

    def hostile(path: str, status: int, headers: Mapping[str, str], body: bytes) -> Any:
        answer = next((a for call, a in instead.items() if re.fullmatch(call, path)), None)
        if answer is None:
            return read(path, status, headers, body)
        return read(path, answer.status, answer.headers, answer.body)

    with patch.object(answers, "read", hostile):
        yield


def looked_at(sandbox: SandboxProcess) -> Survey:
    settings = Settings(sandbox.ecm_url, username="vigil", password="vigil", zone="Europe/Berlin", retries=0)
    site = Site("https://ecm.example", "Europe/Berlin", PROJECT / "rules", PROJECT / "templates")
    return asyncio.run(look(settings, site, InMemoryLedger().fresh(), lambda: NOON))


@share(0.05, least=6)
@given(st.dictionaries(st.sampled_from(CALLS), ANSWERS, min_size=1, max_size=8))
def test_the_page_has_no_word_of_a_servers_errors(
    sandbox: SandboxProcess, instead: dict[str, Answer]
) -> None:
    with answering(instead):
        found = looked_at(sandbox)
    page = survey_page.page(found, minutes=15).replace("\u2060", "")
    assert "## How this was found" in page
    assert not names_in(page)


def test_every_call_that_fails_is_on_the_page_by_its_status_alone(sandbox: SandboxProcess) -> None:
    said = "User Hans Muezqller (hmuezqller@acme.example) may not read Kuendigung.pdf on srvzq.acme.example"
    with answering(
        {call: Answer(400, "error", said) for call in CALLS[1:] if call != "/v2/businessworkspacetypes"}
    ):
        found = looked_at(sandbox)
    page = survey_page.page(found, minutes=15).replace("\u2060", "")
    assert "status 400" in page and "let something be read" in page
    assert not any(word in page for word in ("Hans", "hmue", "Kuendigung", "srvzq", "acme"))
    assert any(said in text for text in found.words)

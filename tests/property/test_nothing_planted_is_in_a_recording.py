"""Names, hosts, mail addresses and telephone numbers at any place of a request or an answer: nothing of them is in the recording."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from vigil.recording.exchanges import Exchange
from vigil.recording.folder import Recorder
from vigil.recording.kept import KEPT_KEYS
from vigil.recording.scrub import Scrubber
from vigil.recording.words import Words

NAME = st.from_regex(r"[A-Z]?[a-z]{2,6}zq[a-z]{2,6}", fullmatch=True)
TELEPHONE = st.from_regex(r"\+[1-9]\d 30 [1-9]\d{6}|0[1-9]\d{2} [1-9]\d{6}|0[1-9]\d{9}", fullmatch=True)
PLANTED = st.one_of(
    NAME,
    st.tuples(NAME, NAME).map(" ".join),
    NAME.map(lambda name: f"{name}@acme.example"),
    NAME.map(lambda name: f"srv01.{name}.local"),
    NAME.map(lambda name: f"{name}:1521"),
    TELEPHONE,
)
KEYS = st.sampled_from(
    [*KEPT_KEYS, "name", "properties", "data", "error", "errorDetail", "fields", "value", "x", "id"]
)
TELEPHONE_KEYS = st.sampled_from(
    [
        "phone",
        "telephone",
        "mobile",
        "fax",
        "homePhone",
        "business_fax",
        "cell_phone",
        "birth_date",
        "mobileNumber",
    ]
)
PARAMETERS = st.sampled_from([
    "Kind", "action", "body", "cache_id", "expand", "fields", "format", "ids", "limit", "mode", "options", "order", "query",
    "select", "sort", "status", "type", "where", "where_column_query", "where_first_name", "where_name", "where_type", "within",
    "workid",
])  # fmt: skip
PATHS = st.sampled_from(
    [
        "/v2/nodes",
        "/v2/nodes/7/versions/1/content",
        "/v2/businessworkspaces",
        "/v2/members",
        "/v1/webreports",
        "/v2/search",
    ]
)


def texts_of(planted: str) -> st.SearchStrategy[str]:
    """A text with what is planted: alone, in words, in quotes, in a condition."""
    around = [
        "{}",
        '"{}"',
        "Could not access {}",
        "desc_{}",
        "properties{{{}}}",
        "OTName: {}",
        'OTName = "{}"',
    ]
    forms = around if planted[0].isalpha() and " " not in planted else ["{}", '"{}"', "please call {} now"]
    return st.sampled_from(forms).map(lambda form: form.format(planted))


def number_of(planted: str) -> int:
    return int("".join(c for c in planted if c.isdigit()) or "0")


@st.composite
def bodies(draw: st.DrawFn, planted: str, depth: int = 3) -> Any:
    """Nested JSON with what is planted in keys and values, also where others have words of the product."""
    text = draw(texts_of(planted))
    is_telephone = planted[0] in "+0"
    if depth == 0:
        return text if not (is_telephone and " " not in planted) else f"+49 {planted}"
    below = draw(bodies(planted, depth - 1))
    return draw(
        st.sampled_from([
            {draw(KEYS): below},
            {planted: below},
            {"results": [{"data": {"properties": {"name": below}}}]},
            {draw(KEYS): [below, {"href": f"https://{planted}/cs/cs/api/v2/nodes/{quote(planted)}?sort={quote(planted)}"}]},
            {draw(TELEPHONE_KEYS): number_of(planted), "links": below},
            {draw(TELEPHONE_KEYS): {"x": [number_of(planted), planted]}, "links": below},
        ])
    )  # fmt: skip


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[str, Exchange]:
    planted = draw(PLANTED)
    # A telephone number of digits alone is a number, and stays where names of people may be asked for by it.
    names = PARAMETERS.filter(
        lambda name: name not in ("where_name", "body", "where") or planted[0].isalpha()
    )
    query = urlencode({draw(names): draw(texts_of(planted)), draw(NAME): planted})
    form = {draw(names): draw(texts_of(planted)), "body": json.dumps(draw(bodies(planted)))}
    path = draw(PATHS) + draw(
        st.sampled_from(["", f"/{quote(planted)}", f"/7/{quote(planted)}", f"/{quote(planted)}/12"])
    )
    body = draw(
        st.one_of(
            bodies(planted).map(lambda found: json.dumps(found).encode()),
            texts_of(planted).map(lambda text: f"<html><body>{text}".encode())
            if " " in planted or planted[0].isalpha()
            else st.just(b"{}"),
        )
    )
    headers = {"content-type": f"text/{planted}", "date": planted}
    return planted, Exchange("POST", f"https://srv.example/cs/cs/api{path}?{query}", form, 200, headers, body)


@given(exchanges())
def test_nothing_that_is_planted_is_in_the_folder(planted_in: tuple[str, Exchange]) -> None:
    planted, exchange = planted_in
    with tempfile.TemporaryDirectory() as folder:
        Recorder(Path(folder), Scrubber(Words(b"a key of this test"))).keep(exchange)
        (file,) = Path(folder).rglob("*.json")
        written = f"{file.relative_to(folder)}\n{file.read_text()}".lower()
    for part in {planted, *planted.replace("@", " ").replace(":", " ").replace(".", " ").split()}:
        if "zq" in part or part in ("acme", "srv01", planted):
            assert part.lower() not in written
    if number_of(planted) > 999_999:
        assert str(number_of(planted)) not in written

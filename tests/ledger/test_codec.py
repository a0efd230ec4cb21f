"""What goes into the ledger comes out the same, whatever kind of fact it is; the hash sees content and nothing else."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.samples import T0, workspace
from vigil.compliance import facts as f
from vigil.compliance.facts import Fact
from vigil.ledger.codec import KINDS, decode, encode, subject_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
some = settings(max_examples=60, deadline=None)

# JSON has no lone surrogates, and integers beyond 64 bits never come out of a JSON answer of ECM.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.integers(-(2**63), 2**63 - 1)
ids = st.integers(1, 2**53)
instants = st.integers(-(10**9), 10**10).map(lambda s: EPOCH + timedelta(seconds=s, microseconds=s % 1000))
days = st.dates(date(1900, 1, 1), date(2200, 1, 1))
maybe = st.none()
scalars = (
    maybe
    | st.booleans()
    | numbers
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
    | days
    | instants
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8)
principals = st.lists(text.map(f.user) | text.map(f.group), max_size=3).map(tuple)
parts = st.frozensets(st.sampled_from(f.PARTS))
versions = st.lists(st.builds(f.Version, st.integers(2, 99), instants, maybe | text), max_size=3).map(tuple)

workspaces = st.builds(
    f.Workspace,
    id=ids,
    type=text,
    name=text,
    created=instants,
    modified=instants,
    attrs=st.dictionaries(text, values, max_size=4),
    unread=parts,
    size=maybe | st.integers(0, 9999),
    source=text,
)
documents = st.builds(
    f.Document,
    id=ids,
    workspace=ids,
    name=text,
    type=maybe | text,
    created=instants,
    by=maybe | text,
    modified=instants,
    version=st.integers(1, 99),
    versions=versions,
    expires=maybe | days,
    unknown=st.frozensets(st.just("type")),
    source=text,
)
steps = st.builds(
    f.Step,
    workspace=ids,
    process=ids,
    step=ids,
    title=text,
    assignees=principals,
    assigned_at=instants,
    due=maybe | instants,
    completed_at=maybe | instants,
    completed_by=maybe | text,
    disposition=maybe | text,
    unknown=st.frozensets(st.sampled_from(["completed_at", "completed_by", "disposition"])),
    stopped=st.booleans(),
    source=text,
)
roles = st.builds(f.Roles, ids, st.dictionaries(text, principals, max_size=3), text)
relations = st.builds(f.Related, ids, st.lists(ids, max_size=4).map(tuple), text)
users = st.builds(f.User, text, ids, text, maybe | text, maybe | text, st.booleans(), text)
groups = st.builds(f.Group, text, ids, principals, text)
audits = st.builds(f.AuditEvent, ids, text, instants, maybe | text, text, st.integers(0, 9), text)
required = st.builds(f.RequiredDocument, text, text, st.booleans(), maybe | st.integers(1, 120), text)
missing = st.builds(f.MissingDocuments, ids, st.lists(text, max_size=3).map(tuple), text)

EVERY = {
    f.Workspace: workspaces,
    f.Document: documents,
    f.Step: steps,
    f.Roles: roles,
    f.Related: relations,
    f.User: users,
    f.Group: groups,
    f.AuditEvent: audits,
    f.RequiredDocument: required,
    f.MissingDocuments: missing,
}
any_fact = st.one_of(*EVERY.values())


def test_every_kind_of_fact_is_tried_here() -> None:
    assert set(EVERY) == set(KINDS)


@some
@given(any_fact)
def test_a_fact_comes_back_as_it_went_in(fact: Fact) -> None:
    kind, subject, _ = subject_of(fact)
    body, _ = encode(fact)
    back = decode(kind, body)
    assert back == fact
    assert subject_of(back)[:2] == (kind, subject)


@some
@given(any_fact)
def test_types_inside_attributes_are_kept_to_the_letter(fact: Fact) -> None:
    """1, 1.0 and True are equal in Python, and a date is no datetime: equality alone would let them be mixed up."""
    back = decode(subject_of(fact)[0], encode(fact)[0])
    if isinstance(fact, f.Workspace) and isinstance(back, f.Workspace):
        assert repr(dict(back.attrs)) == repr(dict(fact.attrs))


@some
@given(any_fact, text)
def test_where_a_fact_was_read_is_kept_and_does_not_make_it_another(fact: Fact, source: str) -> None:
    moved = dataclasses.replace(fact, source=source)
    assert encode(moved)[1] == encode(fact)[1]
    assert decode(subject_of(moved)[0], encode(moved)[0]).source == source


@some
@given(workspaces, text, values)
def test_one_more_attribute_makes_another_hash(fact: f.Workspace, name: str, value: f.Value) -> None:
    more = dataclasses.replace(fact, attrs={**fact.attrs, name: value})
    same = repr(dict(sorted(more.attrs.items()))) == repr(dict(sorted(fact.attrs.items())))
    assert (encode(more)[1] == encode(fact)[1]) is same


def test_the_order_of_attributes_does_not_matter() -> None:
    one = workspace(attrs={"Contract.a": 1, "Contract.b": 2})
    other = workspace(attrs={"Contract.b": 2, "Contract.a": 1})
    assert encode(one)[1] == encode(other)[1]


@pytest.mark.parametrize(
    "text_", ["", "Ünïcödé ✍️ 中文", "line\nbreak\ttab", '"quoted" \\ back', "nul\x00inside", "\u2028"]
)
def test_awkward_text_survives(text_: str) -> None:
    fact = workspace(name=text_, attrs={"Contract.note": text_, "Contract.rows": (text_, (text_,))})
    assert decode("workspace", encode(fact)[0]) == fact


def test_an_attribute_that_looks_like_our_own_tags_is_still_text() -> None:
    fact = workspace(attrs={"Contract.note": '{"t": "2026-03-02"}', "Contract.t": "2026-03-02"})
    assert decode("workspace", encode(fact)[0]) == fact


def test_the_subject_of_an_audit_row_does_not_depend_on_the_zone_it_was_read_in() -> None:
    here = f.AuditEvent(1, "Shared", T0, "ada")
    there = dataclasses.replace(here, at=T0.astimezone(timezone(timedelta(hours=5))))
    assert subject_of(there) == subject_of(here)


def test_subjects_hold_no_nul_which_postgresql_refuses() -> None:
    assert "\x00" not in subject_of(f.Group("a\x00b", 1, ()))[1]


def test_rows_of_earlier_versions_keep_their_hashes_and_are_read() -> None:
    """They have neither `unknown` nor `stopped`: nothing of them is written again because a newer version reads them."""
    step = f.Step(1, 5, 6, "Check", ("user:ada",), T0)
    old = (
        '{"workspace":1,"process":5,"step":6,"title":"Check","assignees":["user:ada"],"assigned_at":"2026-03-02T09:00:00+00:00",'
        '"due":null,"completed_at":null,"completed_by":null,"disposition":null,"source":""}'
    )
    body, digest = encode(step)
    assert {"unknown", "stopped"}.isdisjoint(orjson.loads(body))
    assert decode("step", old) == dataclasses.replace(step, assigned_at=datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert digest != encode(dataclasses.replace(step, stopped=True))[1]
    assert digest != encode(dataclasses.replace(step, unknown=frozenset({"completed_at"})))[1]


def test_a_step_of_the_process_itself_has_the_subject_it_always_had() -> None:
    own = f.Step(1, 5, 6, "Check", ("user:ada",), T0)
    inner = dataclasses.replace(own, subprocess=8)
    assert (subject_of(own)[1], subject_of(inner)[1]) == ("5/1/6", "5/1/8/6")
    assert "subprocess" not in orjson.loads(encode(own)[0])
    assert decode("step", encode(inner)[0]) == inner

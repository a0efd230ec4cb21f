"""A rule as the ledger keeps it: the loader reads the same rule from it, with nothing beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compliance.rule_files import EXAMPLES, WHOLE
from tests.shared import PROJECT
from vigil.compliance.rules.loader import Files, check_text, examine
from vigil.compliance.rules.model import FieldLeaf, Rule, Subject
from vigil.compliance.rules.normalised_text import hash_of, written
from vigil.rulefiles import read_rules

RULES = PROJECT / "rules"


def again(rule: Rule) -> Rule:
    (draft,) = examine(Files({"kept.yaml": written(rule)})).drafts
    assert draft.rule is not None and draft.problems == (), list(map(str, draft.problems))
    return draft.rule


def plain(rule: Rule) -> str:
    return rule.model_dump_json(by_alias=True)


@pytest.mark.parametrize("rule", read_rules(RULES).rules, ids=lambda rule: rule.name)
def test_every_shipped_rule_is_read_as_it_was(rule: Rule) -> None:
    assert plain(again(rule)) == plain(rule)
    assert written(again(rule)) == written(rule)


@pytest.mark.parametrize("text", [WHOLE, *EXAMPLES])
def test_every_key_that_a_rule_may_have_is_read_as_it_was(text: str) -> None:
    for rule in check_text({"r.yaml": text})[0]:
        assert plain(again(rule)) == plain(rule)


ODD = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "no",
            "on",
            "null",
            "~",
            "007",
            "1e3",
            "08:00",
            "2026-03-31",
            "as_of",
            "a: b",
            "# x",
            "- x",
            "'",
            " x ",
        ]
    ),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(min_value=date(1000, 1, 1)),
    st.datetimes(
        min_value=datetime(1000, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
)


@settings(deadline=None)
@given(value=st.one_of(ODD, st.lists(ODD, min_size=1, max_size=3).map(tuple)), said=st.text(max_size=20))
def test_whatever_a_rule_compares_with_keeps_its_kind(value: Any, said: str) -> None:
    leaf = FieldLeaf(field="attr.x", op="in" if isinstance(value, tuple) else "eq", value=value)
    rule = Rule(name="r", kind="condition", subject=Subject(workspace_type="X"), when=leaf, description=said)
    (draft,) = examine(Files({"kept.yaml": written(rule)})).drafts
    assert draft.rule is not None and isinstance(draft.rule.when, FieldLeaf)
    assert draft.rule.description == said
    assert draft.rule.when.value == value
    assert type(draft.rule.when.value) is type(value)


def test_another_comment_is_the_same_text_and_another_value_is_not() -> None:
    (one,) = check_text({"a.yaml": WHOLE})[0]
    (same,) = check_text({"b.yaml": f"# said again\n{WHOLE}"})[0]
    assert (written(one), hash_of(one)) == (written(same), hash_of(same))
    for value in (1, 1.0, True, "1"):
        other = one.model_copy(update={"where": FieldLeaf(field="attr.x", op="eq", value=value)})
        assert (written(other), hash_of(other)) != (written(one), hash_of(one))

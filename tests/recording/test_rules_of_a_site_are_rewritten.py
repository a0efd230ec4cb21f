"""A site's rules in a recording: valid, with the recording's words, and reading the same parts."""

from __future__ import annotations

from datetime import date

from tests.shared import PROJECT
from vigil.compliance.rules.loader import load_text
from vigil.recording.rules import SiteRules
from vigil.recording.words import Words
from vigil.rulefiles import read_sources
from vigil.service.needs import needs_of

WORDS = Words(b"a key of this test")


def test_the_shipped_rules_stay_rules_that_need_the_same() -> None:
    texts, days = read_sources(PROJECT / "rules")
    rules = SiteRules(WORDS, days)
    before, after = load_text(texts), load_text({name: rules.rewritten(text) for name, text in texts.items()})
    assert [r.name for r in after] == [r.name for r in before]
    assert [r.subject.workspace_type for r in after] == [WORDS.text(r.subject.workspace_type) for r in before]
    was, now = needs_of(before), needs_of(after)
    assert {n: type(getattr(was, n)) is bool and getattr(was, n) for n in was.__slots__} == {
        n: type(getattr(now, n)) is bool and getattr(now, n) for n in now.__slots__
    }


def test_names_and_values_are_replaced_and_lengths_and_keywords_are_not() -> None:
    rules = SiteRules(WORDS, {"office.ics": [date(2026, 12, 24)]})
    text = rules.rewritten("""\
rule: one
kind: condition
description: Nobody may read this.
subject: {workspace_type: Contract}
where:
  all:
    - {field: attr.Contract.status, op: in, value: [active, 7]}
    - {field: related.Supplier.attr.status, op: present}
    - {field: attr.since, op: older_than, value: 1d}
    - {field: attr.title, op: contains, value: urgent}
when: {document: Permit, state: valid}
calendar: {zone: Europe/Berlin, extra: office.ics}
to: [role: owner, attr: lead, user: ada, group: Office]
""")
    (rule,) = load_text({"one.yaml": text})
    w = WORDS.text
    assert "Nobody" not in text
    assert str(rule.subject.workspace_type) == w("Contract")
    for said in (
        f"attr.{w('Contract')}.{w('status')}",
        f"related.{w('Supplier')}.attr.{w('status')}",
        "value: 1d",
        "state: valid",
    ):
        assert said in text
    assert [w("active"), 7] == [v for v in (w("active"), 7) if str(v) in text]
    assert {to.value for to in rule.to} == {w("owner"), w("lead"), w("ada"), w("Office")}
    assert "2026-12-24" in text
    assert rules.unkept == ["one"]

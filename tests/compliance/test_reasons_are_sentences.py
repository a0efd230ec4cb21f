"""What decided is said in plain words: whatever was asked, whatever was found, for yes, no and unknown."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compliance.cases import NINE, Cases, case, paper, rules
from vigil.compliance import facts as f
from vigil.compliance.evaluation.clause_compiler import compile_clause, explain, scope
from vigil.compliance.evaluation.escalations import Due, EscalatableNotice, why
from vigil.compliance.evaluation.sentences import title, value
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.transitions import say
from vigil.compliance.events import Event
from vigil.compliance.rules.clauses import Clause, FieldLeaf, Not
from vigil.compliance.rules.operators import Op, Takes

ZONE = "Europe/Berlin"
TODAY = NINE.date()

WORDS = st.text(alphabet="abcdefgh rstuv", min_size=1, max_size=12).map(str.strip).filter(bool)
DATES = st.dates(date(1900, 1, 1), date(2200, 1, 1))
INSTANTS = st.integers(-(2**31), 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
SINGLE: dict[str, st.SearchStrategy[Any]] = {
    "text": WORDS,
    "whole number": st.integers(-(10**6), 10**6),
    "number": st.integers(-(10**6), 10**6).map(lambda n: n / 8),
    "yes or no": st.booleans(),
    "date": DATES,
    "instant": INSTANTS,
}
FOUND: dict[str, st.SearchStrategy[Any]] = {
    **SINGLE,
    **{f"list: {name}": st.lists(s, min_size=1, max_size=9).map(tuple) for name, s in SINGLE.items()},
    "not set": st.sampled_from([None, "", ()]),
}
RELATIVE = st.sampled_from(["as_of", "as_of+30d", "as_of-1mo", "as_of+2h"])
TAKEN: dict[Takes, st.SearchStrategy[Any]] = {
    Takes.NOTHING: st.none(),
    Takes.ONE: st.one_of(*SINGLE.values(), RELATIVE),
    Takes.MANY: st.lists(st.one_of(*SINGLE.values()), min_size=1, max_size=4).map(tuple),
    Takes.LENGTH: st.sampled_from(["30d", "1mo", "2w", "36h", "1y"]),
}
CODE = re.compile(
    r"None|nothing|True|False|datetime|Decimal|[\[\]{}()']|\d{4}-\d\d-\d\d|as_of|attr\.|<|\s{2}|[,;:. ]$"
)
"""What no sentence may look like: Python's or YAML's own forms, holes, a hanging comma."""


def comes_out(clause: Clause, *some: f.Fact) -> tuple[bool | None, tuple[str, ...]]:
    """How a clause comes out for workspace 1, and the sentences that say why."""
    ready = scope(Facts.of(some).table("Case", (), ZONE), [clause], NINE, ZONE)
    met = ready.frame.select("id", compile_clause(clause, ready).alias("met"))["met"][0]
    return met, explain(clause, ready, [1], met)[1]


def leaf(field: str, op: str, wanted: Any = None) -> FieldLeaf:
    return FieldLeaf(field=field, op=Op(op), value=wanted)


@pytest.mark.parametrize("op", list(Op))
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_each_reason_is_a_sentence_with_its_field_and_what_was_found(op: Op, data: st.DataObject) -> None:
    """For a value of every kind, asked for plainly and by `not`. No sentence is said for yes and for no."""
    asked = leaf("attr.cost center", op, data.draw(TAKEN[op.row.takes]))
    found = list(data.draw(st.fixed_dictionaries(FOUND)).values()) + list(
        data.draw(st.fixed_dictionaries(FOUND)).values()
    )
    there = Facts.of(case(n, **{"cost center": v}) for n, v in enumerate(found))
    plain, negated = (_all(clause, there) for clause in (asked, Not(not_=asked)))
    outcomes: dict[str, bool] = {}
    for n, one in enumerate(found):
        met, (said,) = plain[n]
        assert said.startswith("cost center is ")
        assert value(one, ZONE) in said
        assert not CODE.search(said.replace(f"({ZONE})", "in Berlin")), said
        assert outcomes.setdefault(said, met) is met, f"{said!r} is said for yes and for no"
        assert negated[n] == (not met, (said,))


def _all(clause: Clause, there: Facts) -> dict[int, tuple[bool, tuple[str, ...]]]:
    """How a clause comes out for each workspace, and why."""
    ready = scope(there.table("Case", (), ZONE), [clause], NINE, ZONE)
    met = dict(ready.frame.select("id", compile_clause(clause, ready).alias("met")).iter_rows())
    why = {
        k: v
        for was in (True, False)
        for k, v in explain(clause, ready, [w for w in met if met[w] is was], was).items()
    }
    return {w: (met[w], why[w]) for w in met}


@pytest.mark.parametrize("op", list(Op))
def test_what_could_not_be_read_is_said_of_the_field(op: Op) -> None:
    wanted = {Takes.LENGTH: "30d", Takes.MANY: ("a",), Takes.ONE: "a"}.get(op.row.takes)
    asked = leaf("attr.cost center", op, wanted)
    for clause in (asked, Not(not_=asked)):
        assert comes_out(clause, _unread(case(1), "attrs")) == (None, ("cost center could not be read",))


def _unread(workspace: f.Workspace, part: str) -> f.Workspace:
    return f.Workspace(
        workspace.id, workspace.type, workspace.name, NINE, NINE, workspace.attrs, unread=frozenset({part})
    )


@pytest.mark.parametrize(
    ("op", "wanted", "found", "said"),
    [
        ("present", None, None, "x is empty"),
        ("present", None, "47", "x is 47"),
        ("absent", None, (), "x is empty"),
        ("eq", "active", "closed", "x is closed, not active"),
        ("eq", True, False, "x is no"),
        ("ne", "active", "closed", "x is closed, not active"),
        ("ne", "closed", "closed", "x is closed"),
        ("in", ("active", "renewing"), "active", "x is active"),
        ("in", ("active", "renewing", "new"), "closed", "x is closed, not active, renewing or new"),
        ("not_in", ("closed",), None, "x is empty"),
        ("lt", 5, 7, "x is 7, not less than 5"),
        ("ge", 5, 7, "x is 7, at least 5"),
        ("ge", 5, "seven", "x is seven, which cannot be compared with 5"),
        ("before", TODAY, date(2026, 6, 1), "x is 1 June 2026, not before 2 March 2026"),
        ("before", "as_of+30d", TODAY, "x is 2 March 2026, before 30 days from today"),
        ("le", "as_of", TODAY, "x is 2 March 2026, not after today"),
        ("within", "30d", TODAY + timedelta(3), "x is 5 March 2026, at most 30 days ahead"),
        ("within", "1mo", date(2026, 6, 1), "x is 1 June 2026, more than 1 month ahead"),
        ("older_than", "1d", NINE, "x is 2 March 2026 10:00 (Europe/Berlin), less than 1 day ago"),
        ("contains", "pap", "Paper, A4", 'x is "Paper, A4", which does not contain pap'),
        ("contains", "ada", ("ada", "bob"), "x is ada and bob, with ada among them"),
        ("contains", "ada", ("ada",), "x is ada"),
        ("not_contains", "cy", ("ada", "bob", "eve"), "x is ada, bob and eve, without cy"),
        ("lt", 5, (4, 9), "x is 4 and 9, one of them less than 5"),
        ("starts_with", "K", ("A1", "B2"), "x is A1 and B2, none of them starts with K"),
        ("ends_with", ".pdf", "offer.doc", "x is offer.doc, which does not end with .pdf"),
        ("matches", "[A-Z]{2}", "DE", "x is DE, which matches [A-Z]{2}"),
        ("matches", "[A-Z]{2}", ("a", "b"), "x is a and b, none of them matches [A-Z]{2}"),
        ("matches", "[A-Z]{2}", 5, "x is 5, which cannot be compared with [A-Z]{2}"),
        ("eq", "no", "empty", 'x is "empty", not "no"'),
        ("present", None, tuple("abcdefgh"), "x is a, b, c, d, e and 3 more"),
        ("present", None, "long " * 40, f"x is {('long ' * 40)[:79]}…"),
        ("present", None, "two\nlines", "x is two lines"),
    ],
)
def test_how_they_read(op: str, wanted: Any, found: Any, said: str) -> None:
    assert comes_out(leaf("attr.x", op, wanted), case(1, x=found))[1] == (said,)


@pytest.mark.parametrize(
    ("state", "papers", "said"),
    [
        ("present", [], "document Report is missing"),
        ("absent", ["valid"], "document Report is there"),
        ("valid", [], "document Report is missing"),
        ("valid", ["expired"], "document Report has expired"),
        ("valid", ["valid"], "document Report is valid"),
        ("expired", ["expired"], "document Report has expired"),
        ("expired", ["valid"], "document Report is valid"),
    ],
)
def test_a_document_is_missing_expired_or_there(state: str, papers: list[str], said: str) -> None:
    asked = rules(f"rule: r\nkind: condition\nwhen: {{document: Report, state: {state}}}").rules[0].when
    ends = {"valid": TODAY, "expired": TODAY - timedelta(1)}
    some = [paper(n, expires=ends[how]) for n, how in enumerate(papers)]
    assert comes_out(asked, case(1), *some)[1] == (said,)  # type: ignore[arg-type]


def test_of_several_documents_those_are_named_that_are_not_as_they_must_be() -> None:
    text = "rule: r\nkind: condition\nrequire: {document: [Report, Invoice, Order], state: valid}"
    asked = rules(text).rules[0].require
    some = [paper(1), paper(2, "Invoice", expires=TODAY - timedelta(1))]
    assert comes_out(asked, case(1), *some)[1] == (  # type: ignore[arg-type]
        "document Invoice has expired, document Order is missing",
    )


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ((), "Extended ECM lists no missing document"),
        (("A",), "Extended ECM lists 1 missing document"),
        (("A", "B"), "Extended ECM lists 2 missing documents"),
    ],
)
def test_extended_ecms_own_list_is_counted(types: tuple[str, ...], said: str) -> None:
    asked = rules("rule: r\nkind: condition\nwhen: {missing_documents: any}").rules[0].when
    assert comes_out(asked, case(1), f.MissingDocuments(1, types))[1] == (said,)  # type: ignore[arg-type]
    unknown = comes_out(asked, case(1))  # type: ignore[arg-type]
    assert unknown == (None, ("Extended ECM's list of missing documents could not be read",))


def test_a_role_has_its_people() -> None:
    some: list[f.Fact] = [case(1), f.Roles(1, {"steward": ("user:ada", "group:Records cases")})]
    asked = leaf("role.steward", "contains", "cy")
    assert comes_out(asked, *some)[1] == ("role steward has ada and Records cases, without cy",)
    assert comes_out(asked, case(1), f.Roles(1, {"steward": ()}))[1] == ("role steward is empty",)
    assert comes_out(asked, _unread(case(1), "roles")) == (None, ("role steward could not be read",))


@pytest.mark.parametrize(
    ("field", "among", "said"),
    [
        ("attr.Contract.status", [], "status"),
        ("attr.Contract.status", ["attr.status", "attr.Contract.status"], "status"),
        ("attr.Contract.status", ["attr.Order.status"], "status (Contract)"),
        ("attr.Contract.status", ["attr.Order.state"], "status"),
        ("attr.cost center", [], "cost center"),
        ("name", [], "name"),
        ("created", [], "creation date"),
        ("modified", [], "last change"),
        ("role.Case owner", [], "role Case owner"),
        ("related.Case.attr.Main.status", [], "status of related Case"),
        ("event.document_type", [], "document type"),
        ("event.disposition", [], "disposition"),
    ],
)
def test_a_field_is_called_what_people_call_it(field: str, among: list[str], said: str) -> None:
    assert title(field, among) == said


def test_attributes_of_one_name_are_told_apart_by_their_categories() -> None:
    both = [leaf("attr.C.status", "eq", "open"), leaf("attr.D.status", "eq", "open")]
    asked = rules("rule: r\nkind: condition\nwhen: {all: [{field: name, op: present}]}").rules[0].when
    asked = asked.model_copy(update={"all": tuple(both)})  # type: ignore[union-attr]
    at = NINE - timedelta(days=9)
    ours = f.Workspace(1, "Case", "one", at, at, {"C.status": "open", "D.status": "shut"})
    assert comes_out(asked, ours) == (False, ("status (D) is shut, not open",))


def _event(kind: str, **fields: Any) -> Event:
    return Event(kind, 1, NINE, "x", fields)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            _event("attribute_changed", attr="C.status", **{"from": "open", "to": "shut"}),
            "status went from open to shut",
        ),
        (
            _event("attribute_changed", attr="C.status", **{"from": None, "to": "open"}),
            "status was empty and is now open",
        ),
        (
            _event("attribute_changed", attr="C.due", **{"from": TODAY, "to": None}),
            "due was 2 March 2026 and is now empty",
        ),
        (
            _event("step_completed", title="Check", by="ada", disposition=None),
            'the step "Check" was completed by ada',
        ),
        (
            _event("step_completed", title="Check", by="ada", disposition="approve"),
            'the step "Check" was completed by ada with approve',
        ),
        (
            _event("document_added", document="Scan 1", document_type=None, by=None),
            'document "Scan 1" was added',
        ),
        (_event("comment_added", by="ada", text="x"), "a comment was added by ada"),
    ],
)
def test_an_event_is_told_with_what_is_known_of_it(event: Event, said: str) -> None:
    assert say(event, (), ZONE) == said


def test_an_instant_is_told_in_the_sites_zone() -> None:
    cases = Cases(
        rules("rule: r\nkind: milestone\ndue: attr.at\nsteps: [{id: now, at: 0d, to: [user: ada]}]"), ZONE
    )
    cases.scan(NINE, [case(1, at=NINE)])
    (found,) = cases.scan(NINE + timedelta(hours=1), [_at(NINE + timedelta(minutes=30))])
    assert found.why == ("at is 2 March 2026 10:30 (Europe/Berlin)",)


def _at(at: datetime) -> f.Workspace:
    before = NINE - timedelta(days=9)
    return f.Workspace(1, "Case", "case 1", before, before, {"C.at": at})


def test_nobody_reacted_is_told_with_the_instant_and_the_time_that_passed() -> None:
    text = (
        "rule: r\nkind: transition\nevents: [step_assigned]\n"
        "escalate: [{after: 3bd, unless: acknowledged, to: [user: eve]}]"
    )
    rule = rules(text).rules[0]
    due = Due(EscalatableNotice("r", 1, "x", None, NINE, NINE), 0, NINE + timedelta(days=3))
    assert why(rule, due, ZONE)[0] == (
        "nobody acknowledged the notice of 2 March 2026 10:00 (Europe/Berlin) within 3 business days"
    )

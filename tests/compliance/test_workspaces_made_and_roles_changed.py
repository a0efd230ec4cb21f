"""`workspace_created` and `role_changed`: what two readings show, what no reading says, and whom rules may tell of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.compliance.cases import NINE, Cases, case, names, rules
from tests.compliance.rule_files import TRANSITION, only_problem, problems
from vigil.compliance import facts as f
from vigil.compliance.evaluation.escalations import EscalatableNotice, event_of
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import Change, Event, Looked, derive, news
from vigil.compliance.notify.routing import named, principals_of
from vigil.compliance.rules.model import Recipient
from vigil.compliance.rules.patterns import EVENT_KEYS, EventKind, recalled

HOUR = timedelta(hours=1)
MADE = "rule: made\nkind: transition\nevents: [workspace_created]"
ROLES = "rule: roles\nkind: transition\nevents: [role_changed]"
OWNERS = "rule: owners\nkind: transition\nevents: [{role_changed: {role: owner}}]"


def made(number: int, at: Any) -> f.Workspace:
    return replace(case(number), created=at, modified=at)


def roles(**members: tuple[str, ...]) -> f.Roles:
    return f.Roles(1, members)


ADA, BOB, CEM, BOARD = f.user("ada"), f.user("bob"), f.user("cem"), f.group("board")


def _without_hashes(findings: list[Finding]) -> list[str]:
    """Findings as `names` gives them, without what tells two changes of one instant apart."""
    return [name.rpartition(":")[0] for name in names(findings)]


def test_a_workspace_created_between_two_scans_is_reported_once_by_its_date() -> None:
    cases = Cases(rules(MADE))
    assert cases.scan(NINE, [case(1), case(2)]) == []
    (found,) = cases.scan(NINE + HOUR, [made(3, NINE + HOUR / 2), case(1)])
    assert (found.workspace, found.occurrence) == (3, "created:2026-03-02T09:30:00Z")
    assert (found.fire_at, found.why) == (NINE + HOUR / 2, ("the workspace was created",))
    assert cases.scan(NINE + 2 * HOUR, [replace(made(3, NINE + HOUR / 2), name="renamed")]) == []


@pytest.mark.parametrize("read", ["not yet", "of that type none", "all"])
def test_what_comes_into_view_was_not_made_and_is_not_counted_as_too_old(read: str) -> None:
    looked = {
        "not yet": Looked(NINE),
        "of that type none": Looked(NINE, parts={"workspaces"}, unread=frozenset({1})),
        "all": Looked(NINE, parts={"workspaces"}),
    }[read]
    old = Change("workspace", "1", 1, NINE + HOUR, None, case(1), first=True)
    found = news([old], looked, NINE + HOUR)
    assert (found.events, found.old) == ((), {})
    back = replace(old, first=False, once=case(1), after=made(1, NINE + HOUR / 2))
    assert derive([back], looked, NINE + HOUR) == []


def test_a_clock_that_is_behind_loses_no_workspace() -> None:
    late = Change("workspace", "1", 1, NINE + HOUR, None, made(1, NINE - HOUR), first=True)
    assert [e.kind for e in derive([late], Looked(NINE, parts={"workspaces"}), NINE + HOUR)] == [
        "workspace_created"
    ]
    assert derive([late], Looked(NINE), NINE + HOUR) == [], "where nothing had been looked at, dates decide"


def test_who_came_into_a_role_and_who_is_in_it_no_more() -> None:
    cases = Cases(rules(ROLES, OWNERS))
    assert cases.scan(NINE, [case(1), roles(owner=(ADA,), clerk=(BOB,))]) == []
    assert cases.scan(NINE + HOUR, [case(1), roles(owner=(ADA, ADA), clerk=(BOB,))]) == []
    found = cases.scan(NINE + 2 * HOUR, [case(1), roles(owner=(CEM, BOARD), clerk=())])
    at = "2026-03-02T11:00:00Z"
    assert _without_hashes(found) == [
        f"owners role:owner:changed:{at}",
        f"roles role:clerk:changed:{at}",
        f"roles role:owner:changed:{at}",
    ]
    assert {x.rule + " " + str(x.event.fields["role"]): x.why for x in found if x.event} == {
        "roles clerk": ("bob was removed from role clerk",),
        "roles owner": ("board and cem were added to and ada was removed from role owner",),
        "owners owner": ("board and cem were added to and ada was removed from role owner",),
    }


def test_the_first_reading_of_roles_is_no_change_and_a_role_that_is_new_is() -> None:
    cases = Cases(rules(ROLES))
    cases.scan(NINE, [case(1)])
    assert cases.scan(NINE + HOUR, [case(1), roles(owner=(ADA,))]) == []
    assert len(cases.scan(NINE + 2 * HOUR, [case(1), roles(owner=(ADA,), clerk=(BOB,))])) == 1


def test_unreadable_roles_are_no_change_and_what_changed_meanwhile_is_one() -> None:
    cases = Cases(rules(ROLES))
    cases.scan(NINE, [case(1), roles(owner=(ADA,))])
    assert cases.scan(NINE + HOUR, [case(1), roles(owner=())], unread=["roles"]) == []
    assert cases.scan(NINE + 2 * HOUR, [case(1), roles(owner=(ADA,))]) == []
    cases.scan(NINE + 3 * HOUR, [case(1), roles(owner=(BOB,))], unread=["roles"])
    assert _without_hashes(cases.scan(NINE + 4 * HOUR, [case(1), roles(owner=(BOB,))])) == [
        "roles role:owner:changed:2026-03-02T13:00:00Z"
    ]


def test_a_member_between_two_scans_is_missed_and_one_that_returns_is_an_event() -> None:
    cases = Cases(rules(ROLES))
    there: list[list[f.Fact]] = [
        [case(1), roles(owner=some)] for some in ((ADA,), (ADA, BOB), (ADA,), (ADA, BOB))
    ]
    told = [names(cases.scan(NINE + n * HOUR, facts)) for n, facts in enumerate(there)]
    assert [len(some) for some in told] == [0, 1, 1, 1] and len({*told[1], *told[2], *told[3]}) == 3
    cases = Cases(rules(ROLES))
    cases.scan(NINE, there[0])
    assert cases.scan(NINE + 3 * HOUR, there[2]) == []


def test_two_changes_that_are_read_at_one_instant_have_two_names() -> None:
    there = [f.Roles(1, {"owner": some}) for some in ((ADA,), (BOB,), (CEM,))]
    changes = [Change("roles", "1", 1, NINE, a, b) for a, b in pairwise(there)]
    assert len({e.occurrence for e in derive(changes, Looked(NINE), NINE)}) == 2


def test_an_account_that_is_deleted_has_gone_and_nobody_came_in_its_place() -> None:
    cases = Cases(rules(ROLES))
    cases.scan(NINE, [case(1), roles(owner=(ADA, BOB))])
    (found,) = cases.scan(NINE + HOUR, [case(1), roles(owner=("user:id:7", BOB))])
    assert found.why == ("ada was removed from role owner",)
    assert cases.scan(NINE + 2 * HOUR, [case(1), roles(owner=(BOB,))]) == []


def test_where_may_ask_who_it_was() -> None:
    asked = "\nwhere: {any: [{field: event.added, op: contains, value: bob}, {field: event.removed, op: in, value: [cem]}]}"
    cases = Cases(rules(ROLES + asked))
    cases.scan(NINE, [case(1), roles(owner=(CEM,), clerk=())])
    found = cases.scan(NINE + HOUR, [case(1), roles(owner=(), clerk=(ADA,))])
    assert [x.event.fields["role"] for x in found if x.event] == ["owner"]
    found = cases.scan(NINE + 2 * HOUR, [case(1), roles(owner=(), clerk=(ADA, BOB))])
    assert [x.why for x in found] == [("bob was added to role clerk", "added member is bob")]


def test_a_rule_may_tell_who_came_and_who_went() -> None:
    cases = Cases(rules(ROLES))
    cases.scan(NINE, [case(1), roles(owner=(ADA,))])
    (found,) = cases.scan(NINE + HOUR, [case(1), roles(owner=(BOB, BOARD))])
    facts = Facts.of([case(1)])
    assert named(Recipient(event="added"), found, facts) == (BOARD, BOB)
    assert named(Recipient(event="removed"), found, facts) == (ADA,)
    assert principals_of([found], cases.rules, facts) == (set(), {ADA, BOB, BOARD})


@pytest.mark.parametrize(
    ("events", "to", "said"),
    [
        ("role_changed", "{event: added}", ""),
        (
            "comment_added",
            "{«event: removed}",
            "`event: removed` in `to`, and no event of the rule has one; events with it: role_changed.",
        ),
        (
            "{role_changed: {role: «ovner}}",
            "{event: added}",
            'unknown role "ovner" in `role`; roles of Contract: ',
        ),
        (
            "{role_changed: {«who: ada}}",
            "{event: added}",
            "unknown filter `who` of role_changed; filters: role.",
        ),
        (
            "{workspace_created: {«by: ada}}",
            "{user: ada}",
            "unknown filter `by` of workspace_created; filters: none.",
        ),
    ],
)
def test_what_a_rule_may_say_of_them(events: str, to: str, said: str) -> None:
    text = f"{TRANSITION}events: [{events}]\nto: [{to}]\n"
    if not said:
        assert problems(text) == []
    else:
        assert said in only_problem(text).message


@pytest.mark.parametrize("role", ["owner", "a:b", "x@y", "role:z:changed:T"])
def test_an_escalation_knows_its_event_again(role: str) -> None:
    before, after = f.Roles(1, {role: ()}), f.Roles(1, {role: (ADA,)})
    (event,) = derive([Change("roles", "1", 1, NINE, before, after)], Looked(NINE), NINE)
    assert recalled(event.occurrence, {})[1]["role"] == role
    again = event_of(_said(event), Facts.of([case(1)]))
    assert (again.kind, again.fields["role"]) == ("role_changed", role)
    assert recalled("C.role:x@2026-03-02T09:00:00Z", {})[0] == "attribute_changed"
    (born,) = derive(
        [Change("workspace", "1", 1, NINE, None, made(1, NINE), first=True)], Looked(NINE - HOUR), NINE
    )
    assert event_of(_said(born), Facts.of([made(1, NINE)])) == born


def _said(event: Event) -> EscalatableNotice:
    return EscalatableNotice("r", event.workspace, event.occurrence, None, event.at, event.at)


def test_every_kind_is_whole_in_its_row() -> None:
    for kind in EventKind:
        spec = kind.spec
        assert set(spec.keys) <= EVENT_KEYS.keys() - {"at"}, kind
        assert set(spec.filters.values()) <= set(spec.keys), kind
        assert EventKind(kind.of_events).spec.filters == spec.filters, kind
        fields = dict.fromkeys(EVENT_KEYS) | {"attr": "C.status", "role": "owner", "added": ("ada",)}
        finding = Finding("r", 1, "o", None, NINE, (), Event(kind.of_events, 1, NINE, "o", fields))
        assert finding.event is not None and finding.event.kind == kind.of_events

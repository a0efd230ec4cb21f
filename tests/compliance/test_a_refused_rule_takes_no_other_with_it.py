"""One file of a folder of rules is broken, in every way: the others say the same, its own rules go on by their last text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared import PROJECT
from tests.support.pure import run
from vigil.compliance.rules.in_force import InForce, Refusal, Revision, in_force
from vigil.compliance.rules.loader import Files, check, examine, load_text
from vigil.compliance.rules.normalised_text import hash_of, written
from vigil.errors import Problem
from vigil.sandbox.estate.load import load
from vigil.sandbox.generate.generator import generate

RULES = PROJECT / "rules"
SHIPPED = {
    f"rules/{file.name}": file.read_text("utf-8")
    for file in sorted(RULES.glob("*.yaml"))
    if not file.name.endswith(".timeline.yaml")
}
MANY, INHIBITED, INHIBITOR = "rules/1-new-content.yaml", "rules/4-missing.yaml", "rules/3-status-changes.yaml"
T0, T1 = datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 9, 8, tzinfo=UTC)


def revisions(texts: Mapping[str, str], days_off: Mapping[str, list[date]] | None = None) -> list[Revision]:
    """What the ledger holds after the rules of these files were evaluated."""
    loaded = load_text(texts, days_off=days_off)
    return [
        Revision(r.name, hash_of(r), written(r), r.origin.file if r.origin else "", T0, T1) for r in loaded
    ]


def texts_of(some: InForce) -> dict[str, str]:
    return {rule.name: written(rule) for rule in some.rules}


def names_in(text: str) -> set[str]:
    return set(re.findall(r"^rule: (\S+)", text, re.MULTILINE))


def going_on(refused: Iterable[Refusal]) -> set[str]:
    return {r.rule for refusal in refused for r in refusal.goes_on}


@cache
def all_known() -> list[Revision]:
    return revisions(SHIPPED)


BREAKS: dict[str, Callable[[str], str]] = {
    "it is not YAML": lambda text: text + "\n  : [\n",
    "its end is cut off": lambda text: text[: text.rindex("{") + 3],
    "it is empty": lambda text: "",
    "it holds a comment alone": lambda text: "# nothing\n",
    "it holds zeros": lambda text: "\0" * 40,
    "a key is unknown": lambda text: text.replace("\nkind: ", "\nserverity: high\nkind: "),
    "a key comes twice": lambda text: text.replace("\nkind: ", "\nstatus: live\nstatus: live\nkind: "),
    "the name's key is misspelt": lambda text: text.replace("rule: ", "rul: ", 1),
    "a value is impossible": lambda text: re.sub(r"^kind: \w+", "kind: always", text, flags=re.MULTILINE),
    "two rules lost what stood between them": lambda text: re.sub(r"^---\n", "", text, flags=re.MULTILINE),
    "it holds a list of other things": lambda text: "- 1\n- two\n",
    "something stands beside its rules": lambda text: "defaults: {severity: high}\nrules: []\n",
    "a rule inhibits itself": lambda text: re.sub(
        r"^rule: (\S+)\n(?!(?:(?!---).*\n)*inhibit_by)",
        r"rule: \1\ninhibit_by: [\1]\n",
        text,
        flags=re.MULTILINE,
    ),
}


@pytest.mark.parametrize("file", [MANY, INHIBITED, INHIBITOR])
@pytest.mark.parametrize("how", BREAKS)
def test_every_rule_says_what_it_said_when(how: str, file: str) -> None:
    broken = {**SHIPPED, file: BREAKS[how](SHIPPED[file])}
    found = examine(Files(broken))
    assert check(found)[1], "it is not broken"
    current = in_force(found, all_known())
    assert texts_of(current) == {r.rule: r.text for r in all_known()}
    assert current.refused and not current.left_out
    assert all(refusal.problems[0].file == file for refusal in current.refused)
    assert going_on(current.refused) <= names_in(SHIPPED[file])
    assert current.refused[0].sentence("UTC").startswith(f"{file}:")


@settings(deadline=None)
@given(data=st.data())
def test_a_rule_stays_in_force_while_its_file_is_broken_in_any_way(
    data: st.DataObject,
) -> None:
    few = {name: SHIPPED[name] for name in (INHIBITED, INHIBITOR)}
    known = [r for r in all_known() if r.file in few]
    text = few[INHIBITOR]
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 200)))
    put = data.draw(st.text(st.sampled_from("rule:kind -\n[]{}#&*\"'|>%@\t\0é"), max_size=8))
    found = examine(Files({**few, INHIBITOR: text[:begin] + put + text[end:]}))
    current = in_force(found, known)
    others = {r.rule: r.text for r in known if r.file == INHIBITED}
    assert others.items() <= texts_of(current).items()
    if check(found)[1]:
        assert {r.rule for r in known} <= texts_of(current).keys()
        assert current.refused and not current.left_out & {r.rule for r in known}


@pytest.mark.parametrize("how", ["it is not YAML", "a key is unknown", "it is empty"])
def test_findings_are_those_of_the_whole_set_but_for_rules_that_nobody_knows(
    how: str, findings: Callable[[InForce], list[tuple[str, int, str, str, str]]]
) -> None:
    broken = {**SHIPPED, MANY: BREAKS[how](SHIPPED[MANY])}
    lost = names_in(SHIPPED[MANY])
    whole = findings(InForce(load_text(SHIPPED)))
    assert findings(in_force(examine(Files(broken)), all_known())) == whole
    alone = in_force(examine(Files(broken)), [])
    assert findings(alone) == [x for x in whole if x[0] not in lost]
    assert alone.left_out in (lost, set()), "rules are named where their names can be read"


@pytest.fixture(scope="module")
def findings(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[InForce], list[tuple[str, int, str, str, str]]]:
    """What some rules find in the demo's week."""
    made = generate(tmp_path_factory.mktemp("week") / "estate")
    estate = load(made.folder)
    ticks = [made.start, made.start + (made.end - made.start) / 2]

    def found(current: InForce) -> list[tuple[str, int, str, str, str]]:
        return sorted(
            (r.finding.rule, r.finding.workspace, r.finding.occurrence, r.finding.step or "", r.person or "")
            for _, routed in run(estate, current.rules, ticks)
            for r in routed
        )

    return found


A = "rule: a\nkind: condition\nsubject: {workspace_type: X}\nwhen: {field: name, op: present}\nto: [role: r]\n"
B = A.replace("rule: a", "rule: b") + "inhibit_by: [a]\n"


def test_two_rules_of_one_name_are_both_refused_and_the_last_text_goes_on() -> None:
    known = revisions({"x.yaml": A})
    twice = {"x.yaml": A.replace("role: r", "role: s"), "y.yaml": A}
    current = in_force(examine(Files(twice)), known)
    assert texts_of(current) == {"a": known[0].text}
    assert "two rules are called" in current.refused[0].sentence("UTC")
    assert in_force(examine(Files(twice)), []).left_out == {"a"}


def test_a_deleted_rule_stops_and_one_whose_file_cannot_be_read_does_not() -> None:
    known = revisions({"x.yaml": A, "y.yaml": A.replace("rule: a", "rule: c")})
    assert texts_of(in_force(examine(Files({"x.yaml": A})), known)).keys() == {"a"}
    unread = Files({"x.yaml": A}, problems=[Problem("y.yaml", 1, 1, "cannot be read")])
    assert texts_of(in_force(examine(unread), known)).keys() == {"a", "c"}


def test_of_a_folder_that_is_not_there_everything_goes_on() -> None:
    known = revisions({"rules/x.yaml": A, "rules/more/y.yaml": A.replace("rule: a", "rule: c")})
    current = in_force(examine(Files(problems=[Problem("rules", 1, 1, "no such file or folder")])), known)
    assert texts_of(current).keys() == {"a", "c"}
    assert current.refused[0].count == 2


def test_a_file_that_was_renamed_and_broken_at_once_is_not_taken_for_a_deletion() -> None:
    known = revisions({"x.yaml": A, "y.yaml": A.replace("rule: a", "rule: c")})
    current = in_force(examine(Files({"x.yaml": A, "z.yaml": "rule: c\n  kind: [\n"})), known)
    assert texts_of(current).keys() == {"a", "c"}


def test_a_rule_goes_on_that_is_inhibited_by_a_refused_one() -> None:
    known = revisions({"x.yaml": A, "y.yaml": B})
    for wrong in ("rule: a\n  kind: [", A + "severty: high\n", A.replace("rule: a", "rul: a")):
        current = in_force(examine(Files({"x.yaml": wrong, "y.yaml": B})), known)
        assert texts_of(current) == {r.rule: r.text for r in known}
        assert going_on(current.refused) == {"a"}
        first = in_force(examine(Files({"x.yaml": wrong, "y.yaml": B})), [])
        assert texts_of(first).keys() == {"b"}, "nobody knows that there is no such rule"


def test_a_rule_inhibited_by_a_deleted_rule_stays_in_force_uninhibited() -> None:
    current = in_force(examine(Files({"y.yaml": B})), revisions({"x.yaml": A, "y.yaml": B}))
    (rule,) = current.rules
    assert (rule.name, rule.inhibit_by) == ("b", ())
    assert 'unknown rule "a" in `inhibit_by`' in current.refused[0].sentence("UTC")


def test_a_rule_whose_calendar_file_is_broken_keeps_the_dates_that_it_had() -> None:
    dated = A + "calendar: {extra: [plant.ics, 2026-12-24]}\n"
    known = revisions({"x.yaml": dated}, {"plant.ics": [date(2026, 5, 4)]})
    wrong = Problem("plant.ics", 1, 1, "not an iCalendar file")
    for files in (Files({"x.yaml": dated}), Files({"x.yaml": dated}, calendars={"plant.ics": [wrong]})):
        current = in_force(examine(files), known)
        (rule,) = current.rules
        assert rule.calendar is not None
        assert rule.calendar.extra == (date(2026, 5, 4), date(2026, 12, 24))
        (refusal,) = current.refused
        assert refusal.count == 1
        assert refusal.problems[0].file == ("plant.ics" if files.calendars else "x.yaml")


def test_an_unreadable_rule_is_left_out_by_name_with_its_last_evaluation() -> None:
    old = Revision("a", "0", "rule: a\nkind: of an older Vigil\n", "x.yaml", T0, T1)
    for text in (A + "severty: high\n", "rule: a\n  kind: ["):
        current = in_force(examine(Files({"x.yaml": text, "y.yaml": B})), [old])
        assert current.left_out == {"a"}
        assert texts_of(current).keys() == {"b"}
        assert "a is left out, evaluated up to 9 March 2026 09:00 (Europe/Berlin)" in current.refused[
            0
        ].sentence("Europe/Berlin")


def test_a_rule_in_force_stays_though_a_newer_vigil_would_refuse_it() -> None:
    old = Revision("a", "0", A + "exclude_actor: true\n", "x.yaml", T0, T1)
    current = in_force(examine(Files({"x.yaml": ""})), [old])
    assert going_on(current.refused) == {"a"}

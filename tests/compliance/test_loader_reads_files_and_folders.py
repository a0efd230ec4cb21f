"""What a rule file may hold, which files of a folder are rules, and the calendar files beside them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from time import perf_counter

import pytest

from tests.compliance.rule_files import CONDITION, DUE, MILESTONE, SCHEMA, STEP, WHEN
from vigil.compliance.rules.clauses import FieldLeaf
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.model import Origin
from vigil.errors import BadInput
from vigil.rulefiles import ics_dates, read_rules

ICS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//site//days off//EN
BEGIN:VEVENT
UID:1
SUMMARY:Plant closed
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261227
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Stocktaking
DTSTART:20260630T080000Z
DTEND:20260630T160000Z
END:VEVENT
END:VCALENDAR
"""


def one(name: str) -> str:
    return (CONDITION + WHEN).replace("needs-review", name)


def indented(text: str) -> str:
    head, *rest = text.splitlines()
    return "\n".join([f"- {head}", *(f"  {line}" for line in rest)]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{one('a')}---\n{one('b')}",
        f"{one('a')}---\n# nothing here\n---\n{one('b')}...\n",
        indented(one("a")) + indented(one("b")),
        "rules:\n" + indented(one("a")) + indented(one("b")),
        "\ufeff" + f"{one('a')}---\n" + indented(one("b")),
    ],
)
def test_a_file_holds_one_rule_or_several_in_any_form(text: str) -> None:
    assert [rule.name for rule in load_text({"r.yaml": text.lstrip("\ufeff")}, SCHEMA)] == ["a", "b"]


def test_each_rule_knows_the_line_it_begins_on() -> None:
    rules = load_text({"r.yaml": f"# two rules\n{one('a')}---\n{one('b')}"})
    assert [rule.origin for rule in rules] == [Origin("r.yaml", 2), Origin("r.yaml", 8)]
    assert rules.by_name["b"] is rules.rules[1]


def test_a_folder_is_read_with_its_folders_without_timelines_and_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "b.yaml").write_text(one("b"), encoding="utf-8")
    (tmp_path / "more" / "a.yml").write_text("\ufeff" + one("a"), encoding="utf-8")
    (tmp_path / "b.timeline.yaml").write_text("anything: else\n", encoding="utf-8")
    (tmp_path / ".git" / "c.yaml").write_text("no: rule\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not YAML: [", encoding="utf-8")
    assert [rule.name for rule in read_rules(tmp_path, SCHEMA)] == ["b", "a"]


def test_what_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("rule: caf\u00e9".encode("latin-1"))
    with pytest.raises(BadInput, match=r"latin\.yaml:1:1  not UTF-8: byte 9 cannot be read"):
        read_rules(tmp_path)
    with pytest.raises(BadInput, match="nowhere:1:1  no such file or folder"):
        read_rules(tmp_path / "nowhere")
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(BadInput, match=r"folder\.yml:1:1  is a folder, not a file"):
        read_rules(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no rule file here"):
        read_rules(tmp_path / "empty")


def test_a_calendar_takes_its_days_off_from_files_beside_the_rules(tmp_path: Path) -> None:
    extra = "calendar: {extra: [2026-05-02, plant.ics, site.yaml]}\n"
    (tmp_path / "r.yaml").write_text(MILESTONE + DUE + STEP + extra, encoding="utf-8")
    (tmp_path / "plant.ics").write_text(ICS, encoding="utf-8")
    (tmp_path / "site.yaml").write_text("# bridge days\ndates: [2026-05-15]\n", encoding="utf-8")
    (tmp_path / "other.yaml").write_text(one("other"), encoding="utf-8")
    expected = (
        date(2026, 5, 2),
        date(2026, 6, 30),
        date(2026, 12, 24),
        date(2026, 12, 25),
        date(2026, 12, 26),
        date(2026, 5, 15),
    )
    for path, names in ((tmp_path, ["other", "renewal"]), (tmp_path / "r.yaml", ["renewal"])):
        rules = read_rules(path, SCHEMA)
        calendar = rules.by_name["renewal"].calendar
        assert [rule.name for rule in rules] == names
        assert calendar is not None
        assert calendar.extra == expected


def test_a_calendar_file_that_is_wrong_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"plant\.ics:1:1  not an iCalendar file"):
        ics_dates("BEGIN:NOTHING", "plant.ics")
    with pytest.raises(BadInput, match='event "Weekly" repeats'):
        ics_dates(ICS.replace("Stocktaking", "Weekly\nRRULE:FREQ=WEEKLY"), "plant.ics")
    (tmp_path / "site.yaml").write_text("dates: [2026-05-15, tomorrow]\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"site\.yaml:1:21  not a date"):
        read_rules(tmp_path)


def test_what_lies_beside_a_single_file_and_is_not_named_by_it_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(MILESTONE + DUE + STEP, encoding="utf-8")
    (tmp_path / "stray.ics").write_text("BEGIN:NOTHING", encoding="utf-8")
    (tmp_path / "stray.yaml").write_text("dates: [tomorrow]", encoding="utf-8")
    assert [rule.name for rule in read_rules(tmp_path / "r.yaml", SCHEMA)] == ["renewal"]


def test_an_event_without_one_day_of_its_own_is_refused() -> None:
    for wrong in (ICS.replace("DTSTART", "X-START"), ICS.replace("DTEND", "DTSTART")):
        with pytest.raises(BadInput, match="needs one DTSTART"):
            ics_dates(wrong, "plant.ics")


def test_words_and_times_stay_what_they_look_like() -> None:
    text = f"{CONDITION}when: {{field: name, op: in, value: [no, on, 08:00, 1_000, 0x1f, 007, 1.5, ~]}}\n"
    clause = load_text({"r.yaml": text.replace("007, 1.5, ~", "none")}, SCHEMA).rules[0].when
    assert isinstance(clause, FieldLeaf)
    assert clause.value == ("no", "on", "08:00", "1_000", "0x1f", "none")


def test_an_alias_repeats_what_its_anchor_holds() -> None:
    text = (
        f"{CONDITION}{WHEN}escalate: [{{after: 1d, to: &them [role: steward]}}, {{after: 2d, to: *them}}]\n"
    )
    (rule,) = load_text({"r.yaml": text}, SCHEMA)
    assert rule.escalate[0].to == rule.escalate[1].to


def test_two_hundred_rules_are_checked_in_less_than_three_seconds() -> None:
    sources = {f"{n}.yaml": (MILESTONE + DUE + STEP).replace("renewal", f"renewal-{n}") for n in range(100)}
    sources |= {f"c{n}.yaml": one(f"c{n}") for n in range(100)}
    before = perf_counter()
    assert len(load_text(sources, SCHEMA)) == 200
    assert perf_counter() - before < 3

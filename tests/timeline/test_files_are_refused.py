"""A timeline file that cannot be understood is refused with file:line:column, what is allowed, and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.timeline.players import APPROVAL, GOOD, suite
from vigil.errors import BadInput
from vigil.timeline.load import read_suite


def refused(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadInput) as caught:
        suite(tmp_path, APPROVAL, text)
    assert all(p.file.endswith("pack.timeline.yaml") for p in caught.value.problems)
    return [(p.line, f"{p.message} {p.hint}".strip()) for p in caught.value.problems]


def changed(tmp_path: Path, old: str, new: str) -> list[tuple[int, str]]:
    assert GOOD.count(old) == 1
    return refused(tmp_path, GOOD.replace(old, new))


def test_the_good_one_is_read(tmp_path: Path) -> None:
    (timeline,) = suite(tmp_path, APPROVAL, GOOD).timelines
    assert (timeline.name, timeline.rules, len(timeline.moments)) == ("one", ("approval",), 2)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("expect: {ada: approval}", "expect: {adda: approval}", 9, 'unknown person "adda"; there are ada. Did you mean "ada"?'),
        ("expect: {ada: approval}", "expect: {ada: aproval}", 9, 'unknown rule "aproval"; this timeline has approval.'),
        ("expect: {ada: approval}", "expect: {ada: approval/late}", 9, 'approval has no step "late"; steps: none.'),
        ("expect: {ada: approval}", "not_sent: {late: approval}", 9, 'unknown reason "late"'),
        ("expect: {ada: approval}", "expects: {}", 9, "unknown key `expects` of a step"),
        ("to: ada}", "to: adam}", 8, 'unknown person or group "adam"; there are ada. Did you mean "ada"?'),
        ("step_assigned: {", "step_asigned: {", 8, "unknown change `step_asigned`"),
        ("step: 1, ", "", 8, "`step_assigned` needs `step`"),
        ("step: 1", "step: one", 8, 'step is a whole number, found the text "one"'),
        ("- at: 09:00", "- at: 08:00", 7, "the clock goes forward; the step before is at 2026-03-02 08:00"),
        ("- at: 09:00", "- at: soon", 7, 'not a time: the text "soon"; write 2026-03-31T09:00, 09:00'),
        ("    expect:", "    crash: at lunch\n    expect:", 9, 'unknown crash "at lunch"'),
        ("workspace: {}", "workspace: {roles: {owner: adda}}", 4, 'unknown person or group "adda"'),
        ("workspace: {}", "workspace: {attr: {}}", 4, "unknown key `attr` of a workspace"),
        ("timeline: one\n", "timeline: one\nonly: aproval\n", 4, 'unknown rule "aproval"'),
        ("timeline: one\n", "timeline: one\nrules: pak.yaml\n", 4, 'no rules in "pak.yaml" beside this file Did you mean "pack'),
        ("timeline: one\n", "timeline: one\nzone: Europe/Berlyn\n", 4, 'unknown zone "Europe/Berlyn"'),
        ("people: {ada: {}}", "people: {ada: {devices: [androd]}}", 1, 'unknown platform "androd"; there are android'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    found = changed(tmp_path, old, new)
    assert any(at == line and said.startswith(message) for at, said in found), found


def test_a_rule_with_steps_is_expected_with_its_step(tmp_path: Path) -> None:
    rules = APPROVAL.replace(
        "to: [step: assignee]", "steps: [{id: now, to: [step: assignee]}, {id: too, to: [role: owner]}]"
    )
    with pytest.raises(BadInput, match=r"which step of approval\? Write approval/now; steps: now, too"):
        suite(tmp_path, rules, GOOD)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("to: ada", "to: adam").replace("{ada: approval}", "{ada: aproval}")
    assert [line for line, _ in refused(tmp_path, text)] == [8, 9]


def test_two_timelines_of_one_name_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD + "---\n" + GOOD.split("---\n")[1]) == [
        (11, 'two timelines "one", the first on line 3')
    ]


def test_a_folder_without_timelines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(APPROVAL)
    from vigil.timeline.load import read_suite

    with pytest.raises(BadInput, match="no timeline here"):
        read_suite(tmp_path)


def test_a_workspace_is_named_where_there_are_two(tmp_path: Path) -> None:
    found = changed(tmp_path, "workspace: {}", "workspaces: {acme: {}, zeta: {}}")
    assert found == [(8, "which workspace? Write `workspace`; there are acme, zeta.")]


def test_a_change_does_not_happen_after_its_step(tmp_path: Path) -> None:
    found = changed(tmp_path, "to: ada}", "to: ada, at: 09:01}")
    assert found == [(8, "a change happens after the step before and not after its own step")]


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00:00+14:00", "1899-12-31"]
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_clock_off_the_calendar_is_refused(tmp_path: Path, at: str, zone: str) -> None:
    text = GOOD.replace("people:", f"zone: {zone}\npeople:").replace("2026-03-02T08:00", at)
    assert "lies off the calendar: from 1900 to 9899" in refused(tmp_path, text)[0][1]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_value_that_is_no_day_in_some_zone_is_refused(tmp_path: Path, at: str) -> None:
    found = changed(tmp_path, "workspace: {}", f"workspace: {{attrs: {{due: {at}}}}}")
    assert any("lies off the calendar in some time zone" in said for _, said in found)


def test_a_folder_that_is_named_as_a_timeline_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pack.timeline.yaml").mkdir(parents=True)
    (tmp_path / "pack.yaml").write_text(APPROVAL)
    with pytest.raises(BadInput, match=r"pack\.timeline\.yaml:1:1  is a folder, not a file"):
        read_suite(tmp_path)


def test_a_workspace_is_created_once(tmp_path: Path) -> None:
    text = """\
people: {ada: {}}
---
timeline: made twice
workspace: {created: 2026-03-02T08:00}
steps:
  - at: 2026-03-02T08:30
  - at: 09:00
    do: [workspace_created: {}]
"""
    with pytest.raises(BadInput, match=r'pack\.timeline\.yaml:4:13  "it" is created twice'):
        suite(tmp_path, APPROVAL, text)

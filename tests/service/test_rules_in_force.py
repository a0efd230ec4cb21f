"""A folder of rules that is wrong somewhere, and a real ledger: what is evaluated, what is said of it, and what is never lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.support.plain_runs import judged
from vigil.compliance import facts as f
from vigil.compliance.loader import check, examine
from vigil.compliance.routing import Directory
from vigil.errors import BadInput
from vigil.ledger import Ledger, devices, evaluations, observations, outbox, revisions
from vigil.ledger.devices import NewDevice
from vigil.ledger.tables import RuleRevision, table
from vigil.rulefiles import read_files
from vigil.safe_text import markdown
from vigil.service import account_words, accounting, digest, extraction, judgement
from vigil.service.accounting import Account
from vigil.service.opening import renderer_of, rules_of, unworded
from vigil.service.run import Run
from vigil.service.site import Site
from vigil.service.sweep import OutOfScope, Scope, narrow

PROJECT = Path(__file__).resolve().parents[2]
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)

STATUS = """\
rule: status-set
kind: condition
subject: {workspace_type: Contract}
when: {field: attr.status, op: eq, value: stuck}
to: [user: ada]
"""
MOVED = """\
rule: status-moved
kind: transition
subject: {workspace_type: Contract}
events: [{status_changed: {field: attr.status}}]
to: [user: ada]
"""
DUE = """\
rule: ends-soon
kind: milestone
subject: {workspace_type: Contract}
due: attr.ends
calendar: {zone: UTC, extra: [plant.ics]}
steps: [{id: last, at: -1bd, to: [user: ada]}]
"""
PLANT = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260305\nEND:VEVENT\nEND:VCALENDAR\n"


class Office:
    """One contract, one person, a ledger, and a folder of rules that tests edit."""

    def __init__(self, folder: Path) -> None:
        self.rules, self.templates = folder / "rules", folder / "templates"
        self.rules.mkdir()
        shutil.copytree(PROJECT / "templates", self.templates)
        (self.rules / "status.yaml").write_text(STATUS)
        (self.rules / "moved.yaml").write_text(MOVED)
        (self.rules / "due.yaml").write_text(DUE)
        (self.rules / "plant.ics").write_text(PLANT)
        self.ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite")
        with self.ledger.write() as connection:
            devices.register(connection, [NewDevice("ada", "token-ada", "token", "android")], T0)

    def sees(self, at: datetime, status: str, ends: str = "2026-03-06") -> None:
        attrs = {"Contract.status": status, "Contract.ends": datetime.fromisoformat(ends).date()}
        with self.ledger.write() as connection:
            observations.record(connection, [f.Workspace(1, "Contract", "Frame", T0, at, attrs)], at)

    def opened(self, at: datetime, flow: str = "watch") -> Run:
        standing, renderer = rules_of(self.rules, self.ledger), renderer_of(self.templates)
        site = Site("https://ecm.example.org", "UTC", self.rules, self.templates)
        return Run(
            flow,
            at,
            self.ledger,
            site,
            standing.rules,
            renderer,
            clock=lambda: at,
            refused=standing.refused,
            unworded=unworded(self.templates, standing, renderer),
        )

    def watch(self, at: datetime) -> Account:
        """One run without Extended ECM, FCM and Prefect."""
        run = self.opened(at)
        plan = judgement.plan(run)
        for some in plan.batches:
            judged(run, plan, some, Directory.of([f.User("ada", 7, "Ada")]))
        judgement.finish(run, plan)
        return accounting.account(run)

    def told(self) -> list[tuple[str, str]]:
        with self.ledger.read() as connection:
            return [(r["rule"], r["step"]) for r in outbox.rows(connection) if r["state"] == "queued"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.ledger.close()


def overwrite(name: str, content: bytes) -> Callable[[Office], None]:
    return lambda office: (office.rules / name).write_bytes(content) and None


def dangle(office: Office) -> None:
    (office.rules / "due.yaml").unlink()
    (office.rules / "due.yaml").symlink_to("nowhere.yaml")


def become(make: Callable[[Path], object], name: str) -> Callable[[Office], None]:
    """Another kind of thing in place of a file, of the same name."""

    def replaced(office: Office) -> None:
        (office.rules / name).unlink()
        make(office.rules / name)

    return replaced


def remove_calendar(office: Office) -> None:
    (office.rules / "plant.ics").unlink()


def second_calendar(office: Office) -> None:
    (office.rules / "more").mkdir()
    (office.rules / "more" / "plant.ics").write_text(PLANT)


BREAKS = {
    "not YAML": (overwrite("due.yaml", b"rule: ends-soon\n  kind: ["), "rules/due.yaml:2:"),
    "no bytes": (overwrite("due.yaml", b""), "rules/due.yaml:1:1  no rule in this file"),
    "not UTF-8": (overwrite("due.yaml", b"rule: \xff\xfe"), "rules/due.yaml:1:1  not UTF-8"),
    "a link to nothing": (dangle, "rules/due.yaml:1:1  cannot be read"),
    "a folder": (become(Path.mkdir, "due.yaml"), "rules/due.yaml:1:1  is a folder, not a file"),
    "a pipe": (become(os.mkfifo, "due.yaml"), "rules/due.yaml:1:1  is a pipe, socket or device, not a file"),
    "a calendar that is a folder": (
        become(Path.mkdir, "plant.ics"),
        "rules/plant.ics:1:1  is a folder, not a file",
    ),
    "a calendar that is none": (overwrite("plant.ics", b"BEGIN:NOTHING"), "rules/plant.ics:1:1  not an iCal"),
    "a calendar cut off": (overwrite("plant.ics", PLANT[:70].encode()), "rules/plant.ics:1:1  not an iCal"),
    "a calendar not UTF-8": (overwrite("plant.ics", b"\xff\xfe\0"), "rules/plant.ics:1:1  not UTF-8"),
    "no calendar": (remove_calendar, 'rules/due.yaml:5:31  no calendar file "plant.ics" beside the rules'),
    "two calendars": (second_calendar, "a second calendar file called plant.ics"),
}


@pytest.mark.parametrize("how", BREAKS)
def test_the_rule_goes_on_by_its_last_text_and_the_account_says_where_it_is_wrong(
    office: Office, how: str
) -> None:
    office.sees(T0, "draft")
    office.watch(T0)
    BREAKS[how][0](office)
    office.sees(T0 + DAY, "stuck")
    made = office.watch(T0 + 2 * DAY)
    (said,) = made.refused_rules
    assert said.startswith("Rules refused: 1: ") and BREAKS[how][1] in said
    assert "ends-soon goes on by its text of 2 March 2026 09:00 (UTC)" in said
    # 6 March less a business day is the 4th by the plant's calendar, on which the 5th is a day off.
    assert sorted(office.told()) == [("ends-soon", "last"), ("status-moved", ""), ("status-set", "")]
    assert markdown(said) in account_words.page(made)


def test_a_folder_in_place_of_a_file_is_no_trouble_any_more_once_it_is_taken_away(office: Office) -> None:
    office.sees(T0, "draft")
    office.watch(T0)
    (office.rules / "more.yaml").mkdir()
    (said,) = office.watch(T0 + DAY).refused_rules
    assert "rules/more.yaml:1:1  is a folder, not a file" in said
    (office.rules / "more.yaml").rmdir()
    assert office.watch(T0 + 2 * DAY).refused_rules == ()


def test_nothing_is_refused_and_nothing_is_said_where_all_is_well(office: Office) -> None:
    office.sees(T0, "stuck")
    assert office.watch(T0).refused_rules == ()


def test_a_rule_that_the_ledger_does_not_know_is_left_out_and_begins_when_it_is_good(office: Office) -> None:
    (office.rules / "moved.yaml").write_text(MOVED.replace("to:", "too:"))
    office.sees(T0, "draft")
    (said,) = office.watch(T0).refused_rules
    assert said == (
        'Rules refused: 1: rules/moved.yaml:5:1  unknown key `too`. Did you mean "to"? status-moved is left out'
    )
    (office.rules / "moved.yaml").write_text(MOVED)
    assert office.watch(T0 + DAY).refused_rules == ()


def test_a_rule_whose_file_was_deleted_stops_and_is_not_missed(office: Office) -> None:
    office.sees(T0, "draft")
    office.watch(T0)
    (office.rules / "status.yaml").unlink()
    office.sees(T0 + DAY, "stuck")
    assert office.watch(T0 + DAY).refused_rules == ()
    assert office.told() == [("status-moved", "")]
    (office.rules / "moved.yaml").write_text("[")
    office.sees(T0 + 2 * DAY, "draft")
    office.watch(T0 + 2 * DAY)
    assert office.told().count(("status-moved", "")) == 2, "and the broken one goes on"
    assert ("status-set", "") not in office.told(), "what was deleted before does not come back"


def test_a_rule_that_was_retired_does_not_come_back_when_its_file_is_broken(office: Office) -> None:
    office.sees(T0, "draft")
    office.watch(T0)
    (office.rules / "status.yaml").write_text(STATUS + "status: retired\n")
    office.watch(T0 + DAY)
    (office.rules / "status.yaml").write_text(STATUS + "status: retierd\n")
    office.sees(T0 + 2 * DAY, "stuck")
    (said,) = office.watch(T0 + 2 * DAY).refused_rules
    assert said.endswith("status-set is left out")
    assert ("status-set", "") not in office.told()


@pytest.mark.parametrize("empty", [True, False])
def test_a_folder_without_rules_lets_all_go_on_and_a_first_run_of_it_is_refused(
    office: Office, empty: bool
) -> None:
    def gone() -> None:
        shutil.rmtree(office.rules)
        if empty:
            office.rules.mkdir()

    office.sees(T0, "draft")
    office.watch(T0)
    gone()
    office.sees(T0 + DAY, "stuck")
    (said,) = office.watch(T0 + DAY).refused_rules
    assert said.startswith(f"Rules refused: 3: rules:1:1  no {'rule file here' if empty else 'such file'}")
    assert office.told() == [("status-moved", ""), ("status-set", "")]
    fresh = Ledger.open(f"sqlite:///{office.rules.parent}/fresh.sqlite")
    with pytest.raises(BadInput):
        rules_of(office.rules, fresh)
    fresh.close()


def test_a_ledger_from_before_texts_were_kept_refuses_the_whole_rather_than_lose_a_rule(
    office: Office,
) -> None:
    with office.ledger.write() as connection:
        evaluations.keep_rule_states(connection, {"status-set": "0"}, T0)
    (office.rules / "status.yaml").write_text("[")
    with pytest.raises(BadInput, match="not YAML"):
        rules_of(office.rules, office.ledger)
    (office.rules / "status.yaml").write_text(STATUS)
    assert len(rules_of(office.rules, office.ledger).rules) == 3


def test_a_ledger_from_before_texts_were_kept_loses_nothing_while_its_rules_are_refused(
    office: Office,
) -> None:
    office.sees(T0, "open")
    office.watch(T0)
    with office.ledger.write() as connection:
        connection.execute(delete(table(RuleRevision)))  # as an upgrade from schema 6 leaves it
    office.sees(T0 + DAY, "stuck")
    for broken in ("[", "rule: status-set\nkind: conditio\n"):
        (office.rules / "status.yaml").write_text(broken)
        with pytest.raises(BadInput):
            office.opened(T0 + 2 * DAY)
    (office.rules / "status.yaml").write_text(STATUS)
    office.watch(T0 + 4 * DAY)  # the moment of the date came meanwhile
    assert sorted(office.told()) == [("ends-soon", "last"), ("status-moved", ""), ("status-set", "")]


def forget_how_to_read(office: Office, rule: str) -> None:
    """A text that this Vigil cannot read, as one of an older version may be."""
    with office.ledger.write() as connection:
        old = next(r for r in revisions.in_force(connection) if r.rule == rule)
        revisions.add(connection, [replace(old, text=f"rule: {rule}\nkind: older\n")])


def test_a_rule_that_was_left_out_with_a_history_is_named_until_it_is_back_and_then_all_is_looked_at(
    office: Office,
) -> None:
    office.sees(T0, "draft")
    office.watch(T0)
    forget_how_to_read(office, "status-set")
    (office.rules / "status.yaml").write_text("[")
    office.sees(T0 + DAY, "stuck")
    for day in (1, 2):
        (said,) = office.watch(T0 + day * DAY).refused_rules
        assert "status-set is left out, evaluated up to 2 March 2026 09:00 (UTC)" in said
    run = office.opened(T0 + 2 * DAY)
    with pytest.raises(OutOfScope, match=r"left out until it is corrected: rules/status\.yaml:1:2"):
        narrow(run.rules, Scope(rules=("status-set",)), run.left_out)
    (office.rules / "status.yaml").write_text(STATUS)
    (said,) = office.watch(T0 + 3 * DAY).refused_rules
    assert said.startswith("Rule evaluated again: status-set, left out since 2 March 2026 09:00 (UTC)")
    assert "`vigil backfill --site default --from 2026-03-02T09:00:00Z --to 2026-03-05T09:00:00Z`" in said
    assert ("status-set", "") in office.told(), "the contract did not change since"
    assert office.watch(T0 + 4 * DAY).refused_rules == ()


def test_what_waits_for_a_digest_waits_on_while_its_rule_is_left_out(office: Office) -> None:
    (office.rules / "status.yaml").write_text(STATUS + "group: true\n")
    office.sees(T0, "stuck")
    office.watch(T0)
    forget_how_to_read(office, "status-set")
    (office.rules / "status.yaml").write_text("[")
    run = office.opened(T0 + DAY, "digest")
    digest.say(run, ["ada"])
    assert "put into digests" not in run.tally.numbers and digest.batches(run) == [["ada"]]


def test_the_ledger_keeps_each_text_with_its_file_and_the_days_of_its_calendar(office: Office) -> None:
    office.sees(T0, "draft")
    office.watch(T0)
    (office.rules / "status.yaml").write_text(STATUS.replace("stuck", "late"))
    office.watch(T0 + DAY)
    with office.ledger.read() as connection:
        known = {r.rule: r for r in revisions.in_force(connection)}
    assert (known["ends-soon"].file, known["ends-soon"].first_at) == ("rules/due.yaml", T0)
    assert known["ends-soon"].last_at == T0 + DAY
    assert "extra: [2026-03-05]" in known["ends-soon"].text
    assert "value: late" in known["status-set"].text and known["status-set"].first_at == T0 + DAY


# -- templates


def test_a_family_that_is_broken_is_worded_by_the_one_of_its_kind_and_the_account_says_so(
    office: Office,
) -> None:
    family = office.templates / "stern"
    family.mkdir()
    (family / "title.j2").write_text("Stern: {{ workspace_name }}")
    (family / "body.j2").write_text("{% if %}")
    (office.rules / "status.yaml").write_text(STATUS + "template: stern\n")
    (office.rules / "moved.yaml").write_text(MOVED + "template: storn\n")
    office.sees(T0, "draft")
    office.watch(T0)
    office.sees(T0 + DAY, "stuck")
    (said,) = office.watch(T0 + DAY).refused_rules
    assert said.startswith("Templates refused: 2: templates/stern/body.j2:1:1  not a template")
    assert 'rules/moved.yaml:6:11  rule status-moved: there is no template family "storn"' in said
    with office.ledger.read() as connection:
        titles = {r["rule"]: r["message"].title for r in outbox.rows(connection)}
    assert titles["status-set"] == "To be put right: Frame"
    assert "Frame" in titles["status-moved"]


def test_a_family_that_nobody_has_stands_for_the_run_where_it_stands_for_validate(office: Office) -> None:
    (office.rules / "due.yaml").write_text(DUE.replace("id: last,", "id: last, template: nosuch,"))
    (office.rules / "moved.yaml").write_text(f"# First comes a remark.\n{MOVED}template: nosuch\n")
    renderer = renderer_of(office.templates)
    _, found = check(examine(read_files(office.rules), templates=renderer.families()))
    validated = [(Path(p.file).name, p.line, p.column) for p in found]
    told = unworded(office.templates, rules_of(office.rules, office.ledger), renderer)
    assert [(Path(p.file).name, p.line, p.column) for p in told] == validated
    assert [place[:2] for place in validated] == [("due.yaml", 6), ("moved.yaml", 7)]


@pytest.mark.parametrize("gone", [False, True])
def test_a_family_that_only_a_last_good_text_names_is_told_with_the_rule_and_no_place(
    office: Office, gone: bool
) -> None:
    (office.rules / "moved.yaml").write_text(MOVED + "template: nosuch\n")
    office.watch(T0)
    (office.rules / "moved.yaml").write_text("rule: status-moved\nkind: [")
    if gone:
        (office.rules / "moved.yaml").rename(office.rules / "renamed.yaml")
    _, said = office.watch(T0 + DAY).refused_rules
    assert said.startswith(
        'Templates refused: 1: the last good text of rule status-moved: there is no template family "nosuch"'
    )
    assert "moved.yaml" not in said


def test_a_part_that_no_rule_looks_at_for_a_while_is_read_anew_when_one_does_again(office: Office) -> None:
    with office.ledger.write() as connection:
        evaluations.set_position(
            connection, "scan", evaluations.Mark(at=T0, data={"parts": ["comments", "steps"]})
        )
    run = office.opened(T0 + DAY)
    extraction.parts_narrowed(run)
    assert not extraction.full_scan_due(run)
    (office.rules / "moved.yaml").write_text(
        MOVED.replace("{status_changed: {field: attr.status}}", "step_assigned")
    )
    assert extraction.full_scan_due(office.opened(T0 + DAY))

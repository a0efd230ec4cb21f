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

from tests.shared import PROJECT
from tests.support.plain_runs import evaluated_whole
from vigil.compliance import facts as f
from vigil.compliance.notify.routing import Directory
from vigil.compliance.rules.loader import check, examine
from vigil.errors import BadInput
from vigil.ledger import Ledger, watermarks
from vigil.ledger.observed import observations, rule_state, rule_versions
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.tables import RuleVersionRow, table
from vigil.ledger.watermarks import WatermarkName
from vigil.rulefiles import read_files
from vigil.safe_text import markdown
from vigil.service import account_text, accounting, digest, extraction
from vigil.service.accounting import Account
from vigil.service.extraction import Extraction
from vigil.service.resources import renderer_of, rules_of, unworded
from vigil.service.run import Run
from vigil.service.site import Site
from vigil.service.sweep import OutOfScope, Scope, narrow

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


class Bench:
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
        attrs: dict[str, f.Value] = {
            "Contract.status": status,
            "Contract.ends": datetime.fromisoformat(ends).date(),
        }
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
        plan, _ = evaluated_whole(run, Directory.of([f.User("ada", 7, "Ada")]))
        return accounting.account(run, plan.returned)

    def told(self) -> list[tuple[str, str]]:
        with self.ledger.read() as connection:
            return [(r["rule"], r["step"]) for r in queue.rows(connection) if r["state"] == "queued"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.ledger.close()


def overwrite(name: str, content: bytes) -> Callable[[Bench], None]:
    def written(bench: Bench) -> None:
        (bench.rules / name).write_bytes(content)

    return written


def dangle(bench: Bench) -> None:
    (bench.rules / "due.yaml").unlink()
    (bench.rules / "due.yaml").symlink_to("nowhere.yaml")


def become(make: Callable[[Path], object], name: str) -> Callable[[Bench], None]:
    """Another kind of thing in place of a file, of the same name."""

    def replaced(bench: Bench) -> None:
        (bench.rules / name).unlink()
        make(bench.rules / name)

    return replaced


def remove_calendar(bench: Bench) -> None:
    (bench.rules / "plant.ics").unlink()


def second_calendar(bench: Bench) -> None:
    (bench.rules / "more").mkdir()
    (bench.rules / "more" / "plant.ics").write_text(PLANT)


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
    "an invalid calendar": (overwrite("plant.ics", b"BEGIN:NOTHING"), "rules/plant.ics:1:1  not an iCal"),
    "a calendar cut off": (overwrite("plant.ics", PLANT[:70].encode()), "rules/plant.ics:1:1  not an iCal"),
    "a calendar not UTF-8": (overwrite("plant.ics", b"\xff\xfe\0"), "rules/plant.ics:1:1  not UTF-8"),
    "no calendar": (remove_calendar, 'rules/due.yaml:5:31  no calendar file "plant.ics" beside the rules'),
    "two calendars": (second_calendar, "a second calendar file called plant.ics"),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_refused_rule_keeps_its_last_text_and_the_account_says_where_it_fails(
    bench: Bench, how: str
) -> None:
    bench.sees(T0, "draft")
    bench.watch(T0)
    BREAKS[how][0](bench)
    bench.sees(T0 + DAY, "stuck")
    made = bench.watch(T0 + 2 * DAY)
    (said,) = made.refused_rules
    assert said.startswith("Rules refused: 1: ") and BREAKS[how][1] in said
    assert "ends-soon goes on by its text of 2 March 2026 09:00 (UTC)" in said
    # 6 March less a business day is the 4th by the plant's calendar, on which the 5th is a day off.
    assert sorted(bench.told()) == [("ends-soon", "last"), ("status-moved", ""), ("status-set", "")]
    assert markdown(said) in account_text.page(made)


def test_a_folder_in_place_of_a_file_is_refused_until_it_is_removed(bench: Bench) -> None:
    bench.sees(T0, "draft")
    bench.watch(T0)
    (bench.rules / "more.yaml").mkdir()
    (said,) = bench.watch(T0 + DAY).refused_rules
    assert "rules/more.yaml:1:1  is a folder, not a file" in said
    (bench.rules / "more.yaml").rmdir()
    assert bench.watch(T0 + 2 * DAY).refused_rules == ()


def test_nothing_is_refused_and_nothing_is_said_where_all_is_well(bench: Bench) -> None:
    bench.sees(T0, "stuck")
    assert bench.watch(T0).refused_rules == ()


def test_a_refused_rule_new_to_the_ledger_is_left_out_until_it_is_valid(bench: Bench) -> None:
    (bench.rules / "moved.yaml").write_text(MOVED.replace("to:", "too:"))
    bench.sees(T0, "draft")
    (said,) = bench.watch(T0).refused_rules
    assert said == (
        'Rules refused: 1: rules/moved.yaml:5:1  unknown key `too`. Did you mean "to"? status-moved is left out'
    )
    (bench.rules / "moved.yaml").write_text(MOVED)
    assert bench.watch(T0 + DAY).refused_rules == ()


def test_a_rule_whose_file_was_deleted_stops_and_is_not_missed(bench: Bench) -> None:
    bench.sees(T0, "draft")
    bench.watch(T0)
    (bench.rules / "status.yaml").unlink()
    bench.sees(T0 + DAY, "stuck")
    assert bench.watch(T0 + DAY).refused_rules == ()
    assert bench.told() == [("status-moved", "")]
    (bench.rules / "moved.yaml").write_text("[")
    bench.sees(T0 + 2 * DAY, "draft")
    bench.watch(T0 + 2 * DAY)
    assert bench.told().count(("status-moved", "")) == 2, "and the broken one goes on"
    assert ("status-set", "") not in bench.told(), "what was deleted before does not come back"


def test_a_rule_that_was_retired_does_not_come_back_when_its_file_is_broken(bench: Bench) -> None:
    bench.sees(T0, "draft")
    bench.watch(T0)
    (bench.rules / "status.yaml").write_text(STATUS + "status: retired\n")
    bench.watch(T0 + DAY)
    (bench.rules / "status.yaml").write_text(STATUS + "status: retierd\n")
    bench.sees(T0 + 2 * DAY, "stuck")
    (said,) = bench.watch(T0 + 2 * DAY).refused_rules
    assert said.endswith("status-set is left out")
    assert ("status-set", "") not in bench.told()


@pytest.mark.parametrize("empty", [True, False])
def test_a_folder_without_rules_lets_all_go_on_and_a_first_run_of_it_is_refused(
    bench: Bench, empty: bool
) -> None:
    def gone() -> None:
        shutil.rmtree(bench.rules)
        if empty:
            bench.rules.mkdir()

    bench.sees(T0, "draft")
    bench.watch(T0)
    gone()
    bench.sees(T0 + DAY, "stuck")
    (said,) = bench.watch(T0 + DAY).refused_rules
    assert said.startswith(f"Rules refused: 3: rules:1:1  no {'rule file here' if empty else 'such file'}")
    assert bench.told() == [("status-moved", ""), ("status-set", "")]
    fresh = Ledger.open(f"sqlite:///{bench.rules.parent}/fresh.sqlite")
    with pytest.raises(BadInput):
        rules_of(bench.rules, fresh)
    fresh.close()


def test_a_ledger_without_kept_texts_refuses_all_rather_than_lose_a_rule(
    bench: Bench,
) -> None:
    with bench.ledger.write() as connection:
        rule_state.keep_evaluated_rules(connection, {"status-set": "0"}, T0)
    (bench.rules / "status.yaml").write_text("[")
    with pytest.raises(BadInput, match="not YAML"):
        rules_of(bench.rules, bench.ledger)
    (bench.rules / "status.yaml").write_text(STATUS)
    assert len(rules_of(bench.rules, bench.ledger).rules) == 3


def test_a_ledger_without_kept_texts_loses_nothing_while_rules_are_refused(
    bench: Bench,
) -> None:
    bench.sees(T0, "open")
    bench.watch(T0)
    with bench.ledger.write() as connection:
        connection.execute(delete(table(RuleVersionRow)))  # as an upgrade from schema 6 leaves it
    bench.sees(T0 + DAY, "stuck")
    for broken in ("[", "rule: status-set\nkind: conditio\n"):
        (bench.rules / "status.yaml").write_text(broken)
        with pytest.raises(BadInput):
            bench.opened(T0 + 2 * DAY)
    (bench.rules / "status.yaml").write_text(STATUS)
    bench.watch(T0 + 4 * DAY)  # the moment of the date came meanwhile
    assert sorted(bench.told()) == [("ends-soon", "last"), ("status-moved", ""), ("status-set", "")]


def forget_how_to_read(bench: Bench, rule: str) -> None:
    """A text that this Vigil cannot read, as one of an older version may be."""
    with bench.ledger.write() as connection:
        old = next(r for r in rule_versions.in_force(connection) if r.rule == rule)
        rule_versions.add(connection, [replace(old, text=f"rule: {rule}\nkind: older\n")])


def test_a_rule_left_out_is_named_until_it_is_back_and_then_fully_evaluated(
    bench: Bench,
) -> None:
    bench.sees(T0, "draft")
    bench.watch(T0)
    forget_how_to_read(bench, "status-set")
    (bench.rules / "status.yaml").write_text("[")
    bench.sees(T0 + DAY, "stuck")
    for day in (1, 2):
        (said,) = bench.watch(T0 + day * DAY).refused_rules
        assert "status-set is left out, evaluated up to 2 March 2026 09:00 (UTC)" in said
    run = bench.opened(T0 + 2 * DAY)
    with pytest.raises(OutOfScope, match=r"left out until it is corrected: rules/status\.yaml:1:2"):
        narrow(run.rules, Scope(rules=("status-set",)), run.left_out)
    (bench.rules / "status.yaml").write_text(STATUS)
    (said,) = bench.watch(T0 + 3 * DAY).refused_rules
    assert said.startswith("Rule evaluated again: status-set, left out since 2 March 2026 09:00 (UTC)")
    assert "`vigil backfill --site default --from 2026-03-02T09:00:00Z --to 2026-03-05T09:00:00Z`" in said
    assert ("status-set", "") in bench.told(), "the contract did not change since"
    assert bench.watch(T0 + 4 * DAY).refused_rules == ()


def test_what_waits_for_a_digest_waits_on_while_its_rule_is_left_out(bench: Bench) -> None:
    (bench.rules / "status.yaml").write_text(STATUS + "group: true\n")
    bench.sees(T0, "stuck")
    bench.watch(T0)
    forget_how_to_read(bench, "status-set")
    (bench.rules / "status.yaml").write_text("[")
    run = bench.opened(T0 + DAY, "digest")
    digest.make_digests(run, ["ada"])
    assert "put into digests" not in run.counters.numbers and digest.batches(run) == [["ada"]]


def test_the_ledger_keeps_each_text_with_its_file_and_the_days_of_its_calendar(bench: Bench) -> None:
    bench.sees(T0, "draft")
    bench.watch(T0)
    (bench.rules / "status.yaml").write_text(STATUS.replace("stuck", "late"))
    bench.watch(T0 + DAY)
    with bench.ledger.read() as connection:
        known = {r.rule: r for r in rule_versions.in_force(connection)}
    assert (known["ends-soon"].file, known["ends-soon"].first_at) == ("rules/due.yaml", T0)
    assert known["ends-soon"].last_at == T0 + DAY
    assert "extra: [2026-03-05]" in known["ends-soon"].text
    assert "value: late" in known["status-set"].text and known["status-set"].first_at == T0 + DAY


# -- templates


def test_a_broken_family_is_replaced_by_that_of_its_kind_in_the_account(
    bench: Bench,
) -> None:
    family = bench.templates / "stern"
    family.mkdir()
    (family / "title.j2").write_text("Stern: {{ workspace_name }}")
    (family / "body.j2").write_text("{% if %}")
    (bench.rules / "status.yaml").write_text(STATUS + "template: stern\n")
    (bench.rules / "moved.yaml").write_text(MOVED + "template: storn\n")
    bench.sees(T0, "draft")
    bench.watch(T0)
    bench.sees(T0 + DAY, "stuck")
    (said,) = bench.watch(T0 + DAY).refused_rules
    assert said.startswith("Templates refused: 2: templates/stern/body.j2:1:1  not a template")
    assert 'rules/moved.yaml:6:11  rule status-moved: there is no template family "storn"' in said
    with bench.ledger.read() as connection:
        titles = {r["rule"]: r["message"].title for r in queue.rows(connection)}
    assert titles["status-set"] == "To be put right: Frame"
    assert "Frame" in titles["status-moved"]


def test_an_unknown_family_has_the_place_that_validate_gives(bench: Bench) -> None:
    (bench.rules / "due.yaml").write_text(DUE.replace("id: last,", "id: last, template: nosuch,"))
    (bench.rules / "moved.yaml").write_text(f"# First comes a remark.\n{MOVED}template: nosuch\n")
    renderer = renderer_of(bench.templates)
    _, found = check(examine(read_files(bench.rules), templates=renderer.families()))
    validated = [(Path(p.file).name, p.line, p.column) for p in found]
    told = unworded(bench.templates, rules_of(bench.rules, bench.ledger), renderer)
    assert [(Path(p.file).name, p.line, p.column) for p in told] == validated
    assert [place[:2] for place in validated] == [("due.yaml", 6), ("moved.yaml", 7)]


@pytest.mark.parametrize("gone", [False, True])
def test_a_family_of_a_last_valid_text_is_named_with_its_rule_without_a_place(
    bench: Bench, gone: bool
) -> None:
    (bench.rules / "moved.yaml").write_text(MOVED + "template: nosuch\n")
    bench.watch(T0)
    (bench.rules / "moved.yaml").write_text("rule: status-moved\nkind: [")
    if gone:
        (bench.rules / "moved.yaml").rename(bench.rules / "renamed.yaml")
    _, said = bench.watch(T0 + DAY).refused_rules
    assert said.startswith(
        'Templates refused: 1: the last good text of rule status-moved: there is no template family "nosuch"'
    )
    assert "moved.yaml" not in said


def test_a_part_that_rules_need_again_is_read_anew(bench: Bench) -> None:
    with bench.ledger.write() as connection:
        watermarks.set_watermark(
            connection, WatermarkName.SCAN, watermarks.Watermark(at=T0, data={"parts": ["comments", "steps"]})
        )
    run = bench.opened(T0 + DAY)
    extraction.parts_narrowed(run)
    assert not extraction.full_scan_due(Extraction(run))
    (bench.rules / "moved.yaml").write_text(
        MOVED.replace("{status_changed: {field: attr.status}}", "step_assigned")
    )
    assert extraction.full_scan_due(Extraction(bench.opened(T0 + DAY)))

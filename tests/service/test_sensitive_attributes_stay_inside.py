"""A lock screen is a public place: no value of a sensitive attribute is in what a template may say, whatever it says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.shared import PROJECT
from tests.support.speaker import Speaker
from vigil.compliance import facts as f
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import Event
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.routing import Directory, Routed
from vigil.compliance.rules.loader import load_text
from vigil.compliance.sensitive import is_sensitive
from vigil.delivery.rendering.render import Renderer
from vigil.ledger.values import Entry, Registered
from vigil.service.backfill import Line, ManifestStatus
from vigil.service.compose import compose_entries
from vigil.service.contacts import Contacts
from vigil.service.reports import frames, writers
from vigil.service.reports.frames import About
from vigil.service.site import Site
from vigil.service.sweep import OutOfScope, Scope, refuse_sensitive

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
SECRET, DAY = "terminated for cause", date(2026, 3, 31)
SENSITIVE = frozenset({"Contract.status", "Contract.expires"})
TEMPLATES = PROJECT / "templates"
RULES = """
rule: changed
version: 1
status: live
kind: transition
subject: {workspace_type: Contract}
events: [status_changed: {field: attr.status}]
to: [user: ada]
template: everything
---
rule: bad
version: 1
status: live
kind: condition
subject: {workspace_type: Contract}
when: {all: [{field: attr.Contract.status, op: eq, value: terminated for cause}]}
to: [user: ada]
template: everything
---
rule: due
version: 1
status: live
kind: milestone
subject: {workspace_type: Contract}
due: attr.expires
steps: [{id: early, at: -30d, to: [user: ada]}]
---
rule: dated
version: 1
status: live
kind: milestone
subject: {workspace_type: Contract}
due: attr.expires
steps: [{id: early, at: -30d, to: [user: ada]}]
template: everything
"""


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """The shipped ones, and a family that says whatever it is given."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    (folder / "everything").mkdir()
    (folder / "everything" / "title.j2").write_text("{{ workspace_name }}")
    everything = " ".join(
        f"{{{{ {name}|string }}}}" for name in ("attrs", "event", "why", "due", "occurrence")
    )
    (folder / "everything" / "body.j2").write_text(everything)
    return folder


def said(templates: Path, sensitive: frozenset[str]) -> dict[str, Entry]:
    """What is queued for each rule."""
    run = Speaker(
        AT,
        load_text({"rules.yaml": RULES}),
        Site("https://ecm.example.org", "UTC", Path("rules"), templates, sensitive=sensitive),
        Renderer(templates),
    )
    attrs: dict[str, f.Value] = {
        "Contract.status": SECRET,
        "Contract.expires": DAY,
        "Contract.color": "green",
    }
    facts = Facts.of([f.Workspace(1, "Contract", "Frame agreement", AT, AT, attrs)])
    change: dict[str, f.Value] = {
        "attr": "Contract.status",
        "from": "active",
        "to": SECRET,
        "at": AT,
        "by": None,
    }
    why = (f"Contract.status is {SECRET!r}",)
    findings = [
        Finding("changed", 1, "o", None, AT, why, Event("status_changed", 1, AT, "o", change)),
        Finding("bad", 1, "o", None, AT, why),
        Finding("due", 1, "o", "early", AT, (f"30 days before {DAY}",), due=DAY),
        Finding("dated", 1, DAY.isoformat(), "early", AT, (f"30 days before {DAY}",), due=DAY),
    ]
    contacts = Contacts({"ada": [Registered(1, "ada", "token", "token", "android")]})
    made = compose_entries(run, [Routed(x, "ada") for x in findings], facts, Directory(), contacts)
    return {e.rule: e for e in made}


def words(entry: Entry) -> str:
    """What leaves: the worker sends title, body and link."""
    return f"{entry.message.title} {entry.message.body} {entry.message.link}"


def test_no_value_of_a_sensitive_attribute_can_be_said(templates: Path) -> None:
    for rule, entry in said(templates, SENSITIVE).items():
        assert (entry.state, entry.reason) == ("queued", ""), rule
        for secret in (SECRET, "active", "2026-03-31", "31 March", "31"):
            assert secret not in words(entry), (rule, secret)
        assert entry.message.why, "the ledger keeps the reason"
    assert "green" in said(templates, SENSITIVE)["bad"].message.body, "other attributes are said"


def test_without_the_mark_the_same_templates_say_it(templates: Path) -> None:
    """So that the test above could fail."""
    made = said(templates, frozenset())
    assert SECRET in words(made["changed"]) and SECRET in words(made["bad"])
    assert "Mar" in words(made["due"])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("attr.status", True),
        ("attr.Contract.status", True),
        ("related.Case.attr.status", True),
        ("related.Case.attr.Contract.status", True),
        ("attr.Invoice.status", False),
        ("attr.stat", False),
        ("role.status", False),
        ("name", False),
        ("event.attr", False),
    ],
)
def test_fields_as_rules_write_them(field: str, expected: bool) -> None:
    assert is_sensitive(field, SENSITIVE) is expected


def test_no_table_tells_the_date_of_a_milestone_by_its_key_or_its_moment(templates: Path) -> None:
    for sensitive, shown in ((SENSITIVE, False), (frozenset[str](), True)):
        message = replace(said(templates, sensitive)["due"].message, why=())
        row = {"rule": "due", "workspace": 1, "occurrence": DAY.isoformat(), "step": "early", "person": "ada"}
        row |= {"id": 1, "run": 1, "fire_at": AT, "as_of": AT, "state": "queued", "reason": ""}
        made = frames.notices([row | {"message": message}], {1: "Frame agreement"}, About("s", "UTC"))
        assert made["fire_at"].notna().all() == made["occurrence"].notna().all() == shown
        line = Line(
            Entry("due", 1, DAY.isoformat(), "early", "ada", AT, NoticeState.QUEUED, message=message),
            ManifestStatus.NOW,
            due=DAY.isoformat(),
        )
        told = frames.frame(frames.MANIFEST, [frames._line(line, {})], About("s", "UTC"))
        assert told["due"].notna().all() == shown
        assert (DAY.isoformat() in writers.csv_of(made) + writers.csv_of(told)) is shown


def row_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[k] for k in ("rule", "workspace", "occurrence", "step", "person"))


def test_a_sweep_is_not_narrowed_by_a_sensitive_attribute() -> None:
    with pytest.raises(OutOfScope, match=r"Contract\.status is sensitive") as refused:
        refuse_sensitive(Scope(attributes=(("Contract.status", SECRET),)), SENSITIVE)
    assert SECRET not in str(refused.value)
    refuse_sensitive(Scope(attributes=(("Contract.color", "green"),)), SENSITIVE)

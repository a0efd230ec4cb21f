"""What the tests of rules share: a schema snapshot, whole rules to vary, and texts that mark where a problem stands."""

from __future__ import annotations

import re

from tests.shared import PROJECT
from vigil.compliance.facts import Attribute, RequiredDocument, WorkspaceType
from vigil.compliance.rules.loader import check_text
from vigil.errors import Problem

CONTRACT = WorkspaceType(
    "Contract",
    (
        Attribute("Contract", "status", "string", ("draft", "active", "renewing", "ended")),
        Attribute("Contract", "expires", "date"),
        Attribute("Contract", "signed at", "datetime"),
        Attribute("Contract", "value", "integer"),
        Attribute("Contract", "auto", "boolean"),
        Attribute("Contract", "buyer", "user"),
        Attribute("Contract", "tags", "string", ("urgent", "secret"), multiple=True),
        Attribute("Contract", "reviews.on", "date", multiple=True),
        Attribute("Sales", "code", "string"),
        Attribute("Tax", "code", "string"),
    ),
    ("owner", "steward", "legal counsel"),
    (RequiredDocument("Contract", "Signed agreement", True), RequiredDocument("Contract", "Annex", False)),
)
SUPPLIER = WorkspaceType("Supplier", (Attribute("Supplier", "rating", "integer"),), ("buyer",))
SCHEMA = (CONTRACT, SUPPLIER)
FAMILIES = {"transition": {"event", "workspace_name"}, "condition": {"why"}, "milestone": {"due.isoformat"}}

CONDITION = """\
rule: needs-review
kind: condition
subject: {workspace_type: Contract}
to: [role: owner]
"""
TRANSITION = """\
rule: something-new
kind: transition
subject: {workspace_type: Contract}
"""
MILESTONE = """\
rule: renewal
kind: milestone
subject: {workspace_type: Contract}
"""
WHEN = "when: {field: attr.status, op: eq, value: draft}\n"
ADDED = "events: [document_added]\n"
DUE = "due: attr.expires\n"
STEP = "steps: [{id: last, at: -7bd, to: [role: owner]}]\n"

WHOLE = """\
rule: contract-renewal
version: 3
status: live
kind: milestone
subject: {workspace_type: Contract}
where: {all: [{field: attr.status, op: in, value: [active, renewing]}]}
due: attr.expires
calendar: {zone: Europe/Berlin, holidays: DE, at: "08:00"}
steps:
  - {id: early, at: -90d, to: [role: owner]}
  - {id: last,  at: -7bd, to: [role: owner, role: steward], repeat: {every: 1bd, max: 5}}
late: {within: 2d, policy: send}
superseded: resend
escalate: [{after: 3bd, unless: acknowledged, to: [attr: buyer]}]
fallback: [group: records-office]
unknown: hold
guard: {max_findings: 500, max_share: 0.2, first_run: manifest_only}
template: milestone
"""
"""A rule with many keys."""

PAGE = (PROJECT / "docs" / "rules.md").read_text(encoding="utf-8")
"""The page on rules."""
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
"""The examples of the page on rules."""

MARK = "«"


def problems(text: str) -> list[Problem]:
    """Everything that is wrong with one file called r.yaml."""
    return check_text({"r.yaml": text}, SCHEMA, FAMILIES)[1]


def marked(text: str) -> tuple[str, int, int]:
    """The text without its mark, and the line and column at which the mark stood."""
    before, found, _ = text.partition(MARK)
    assert found, "the text marks no place"
    return text.replace(MARK, ""), before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def only_problem(text: str) -> Problem:
    """The one problem of a text that marks with « where it must stand."""
    plain, line, column = marked(text)
    found = problems(plain)
    assert len(found) == 1, [str(p) for p in found]
    assert (found[0].file, found[0].line, found[0].column) == ("r.yaml", line, column), str(found[0])
    return found[0]

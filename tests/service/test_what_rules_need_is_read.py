"""Types of documents and dispositions of steps cost requests of their own: they are read only for rules that use them."""

from __future__ import annotations

import pytest

from vigil.compliance.rules.loader import load_text
from vigil.service.needs import needs_of, parts_of


@pytest.mark.parametrize(
    ("text", "types", "dispositions"),
    [
        ("rule: r\nkind: transition\nevents: [document_added]", False, False),
        ("rule: r\nkind: transition\nevents: [{document_added: {name: Offer}}]", False, False),
        ("rule: r\nkind: transition\nevents: [{document_added: {type: Report}}]", True, False),
        ("rule: r\nkind: transition\nevents: [{version_added: {type: Report}}]", True, False),
        (
            "rule: r\nkind: transition\nevents: [version_added]\n"
            "where: {field: event.document_type, op: eq, value: Report}",
            True,
            False,
        ),
        ("rule: r\nkind: condition\nrequire: {document: Report, state: present}", True, False),
        ("rule: r\nkind: transition\nevents: [step_assigned]", False, False),
        ("rule: r\nkind: transition\nevents: [step_completed]", False, True),
        ("rule: r\nkind: transition\nevents: [{step_completed: {disposition: refused}}]", False, True),
        (
            "rule: r\nkind: transition\nevents: [step_completed]\n"
            "where: {field: event.disposition, op: eq, value: refused}",
            False,
            True,
        ),
    ],
)
def test_types_and_dispositions_are_read_for_rules_that_use_them(
    text: str, types: bool, dispositions: bool
) -> None:
    needs = needs_of(load_text({"rules.yaml": f"subject: {{workspace_type: Case}}\nto: [user: ada]\n{text}"}))
    assert (needs.types, needs.dispositions) == (types, dispositions)
    assert ("types" in parts_of(needs)) == types
    assert "dispositions" not in parts_of(needs), "no workspace is read again for the dispositions of steps"

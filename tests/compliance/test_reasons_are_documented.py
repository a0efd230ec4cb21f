"""docs/reasons.md has one row for each reason: the sentence that the ledger keeps, and the name that timelines use."""

from __future__ import annotations

from pathlib import Path

from vigil.compliance.guards import GuardWhy
from vigil.compliance.verdicts import Why

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reasons.md"


def test_every_reason_has_its_row_and_every_row_its_reason():
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    documented = {row[0].strip("| `"): row[1] for row in rows}
    assert documented == {why.name.lower(): why.value for why in (*Why, *GuardWhy)}

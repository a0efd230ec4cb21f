"""The two shared estates through the pure core, against what a correct run must send. The comparison is the estates' own script."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.shared import ESTATES, PROJECT
from tests.support.pure import run
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notify.routing import Routed
from vigil.rulefiles import read_rules
from vigil.sandbox.estate import load
from vigil.sandbox.estate.model import Estate

RULES = PROJECT / "tests" / "estates"

WINDOWS = {
    "helpdesk": ("2013-03-01T00:00+00:00", "2013-04-15T00:00+00:00", timedelta(hours=6)),
    "fines": ("2006-01-01T00:00+00:00", "2006-12-31T00:00+00:00", timedelta(days=1)),
}
"""The window of each estate's expected.jsonl and the distance of its ticks: ../shared/estates/README.md."""


def ticks_of(name: str) -> list[datetime]:
    start, end, every = WINDOWS[name]
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    return [first + k * every for k in range((last - first) // every + 1)]


def rows(given: Estate, name: str, full: bool) -> Iterator[dict[str, object]]:
    """What the core routes, as `vigil run-estate` writes it."""
    for _, routed in run(given, read_rules(RULES / f"{name}.yaml"), ticks_of(name), full=full):
        for r in routed:
            x = r.finding
            yield {
                "rule": x.rule,
                "workspace": x.workspace,
                "occurrence": x.occurrence,
                "step": x.step,
                "person": r.person,
                "fire_at": x.fire_at.isoformat(),
                "outcome": outcome(given, r),
                "reason": r.reason,
            }


def outcome(given: Estate, r: Routed) -> str:
    if r.reason is not None:
        return "unroutable" if r.reason is Why.NOBODY else "suppressed"
    return "sent" if r.person is not None and given.users[r.person].devices else "no_device"


@pytest.mark.shared
@pytest.mark.parametrize(("name", "full"), [("helpdesk", False), ("fines", False), ("fines", True)])
def test_the_core_says_exactly_what_the_estate_expects(name: str, full: bool, tmp_path: Path) -> None:
    got = tmp_path / "got.jsonl"
    given = load.load(ESTATES / name)
    got.write_text("".join(json.dumps(row) + "\n" for row in rows(given, name, full)))
    compared = subprocess.run(
        [sys.executable, ESTATES / "compare.py", ESTATES / name / "expected.jsonl", got],
        capture_output=True,
        text=True,
        check=False,
    )
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert "missing 0, unexpected 0, twice 0" in compared.stdout

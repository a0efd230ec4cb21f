"""Random estates through the real flows, against the core alone on the same facts: what reading them by REST must not change."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.shared import PROJECT
from tests.support.pure import told
from tests.support.wild import START, Wild
from vigil.compliance.notify.routing import Routed
from vigil.ledger import Ledger
from vigil.replay.estate import Replay, replay, results
from vigil.rulefiles import read_rules
from vigil.sandbox.estate.load import load
from vigil.sandbox.process import SandboxProcess

RULES = PROJECT / "tests" / "estates" / "wild.yaml"
Told = Counter[tuple[str, int, str, str | None, str | None]]


def same(occurrence: str) -> str:
    """An occurrence without what REST cannot tell as the estate has it.

    Processes of one number in two workspaces have numbers of their own, audit rows none. When an attribute changed is known
    by its workspace's modify date, which a later comment moves on.
    """
    for pattern, instead in (
        (r"^step:\d+:", "step:"),
        (r"^(comment:.*):\d+$", r"\1"),
        (r"^(\w[^:@]*)@.*", r"\1"),
    ):
        occurrence = re.sub(pattern, instead, occurrence)
    return occurrence


def by_the_core(r: Routed) -> tuple[str, int, str, str | None, str | None]:
    x = r.finding
    return x.rule, x.workspace, same(x.occurrence), x.step or None, r.person


UNWELL = {
    "try_again_500": 0.2, "proxy_errors": 0.05, "cut_connections": 0.03, "wrong_lengths": 0.03, "html_200": 0.02,
    "ticket_expires": 150, "folders": 2, "roles_ignore_members": True,
}  # fmt: skip
"""One request in three or four goes wrong, and what goes well is laid out in another way."""


@pytest.mark.soak
@pytest.mark.parametrize(("seed", "hours", "quirks"), [(3, 12, {}), (6, 24, UNWELL)], ids=["well", "unwell"])
def test_the_flows_tell_what_the_core_says(
    prefect_url: str, tmp_path: Path, seed: int, hours: int, quirks: dict[str, Any]
) -> None:
    every = timedelta(hours=hours)
    wild = Wild(seed, workspaces=30, days=7)
    wild.save(tmp_path / "estate")
    ledger = f"sqlite:///{tmp_path}/ledger.sqlite"
    what = Replay(tmp_path / "estate", RULES, PROJECT / "templates", START, wild.end, every, ledger)

    def set_quirks(sandbox: SandboxProcess) -> None:
        sandbox.faults(ecm={"quirks": quirks})

    asyncio.run(replay(what, before_first=set_quirks))
    found: Told = Counter(
        (r["rule"], r["workspace"], same(r["occurrence"]), r["step"], r["person"])
        for r in results(Ledger.open(ledger))
    )
    wanted: Told = Counter(
        map(by_the_core, told(load(what.estate), read_rules(RULES), START, wild.end, every))
    )
    assert {rule for rule, *_ in wanted} == {rule.name for rule in read_rules(RULES)}, "every rule speaks"
    assert found - wanted == Counter()
    assert wanted - found == Counter()

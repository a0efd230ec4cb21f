"""`first_run: manifest_only` holds for what the first run could not read, too, and for nothing else afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.shared import PROJECT
from tests.support.plain_runs import evaluated_whole
from vigil.compliance import facts as f
from vigil.compliance.notify.routing import Directory
from vigil.compliance.rules.loader import load_text
from vigil.delivery.rendering.render import Renderer
from vigil.ledger import Ledger
from vigil.ledger.observed import behind, observations
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.service.run import Run
from vigil.service.site import Site

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULE = """\
rule: stuck
kind: condition
subject: {workspace_type: Contract}
when: {field: attr.status, op: eq, value: stuck}
to: [user: ada]
guard: {first_run: manifest_only}
"""


class Bench:
    """A ledger and one rule. Contracts are stuck when they are seen; some cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite")
        with self.ledger.write() as connection:
            devices.register(connection, [NewDevice("ada", "token-ada", "token", "android")], T0)

    def run(
        self, at: datetime, read: Collection[int] = (), unread: Collection[int] = (), killed: bool = False
    ) -> set[int]:
        """One run that reads some contracts and cannot read others. Gives those whose notices it holds for an answer.

        One that is `killed` has committed what it found, and did not come to ask the guards.
        """
        templates = PROJECT / "templates"
        site = Site("https://ecm.example", "UTC", self.folder, templates)
        run = Run(
            "watch",
            at,
            self.ledger,
            site,
            load_text({"stuck.yaml": RULE}),
            Renderer(templates),
            clock=lambda: at,
        )
        with self.ledger.write() as connection:
            attrs = {"Contract.status": "stuck"}
            facts = [f.Workspace(w, "Contract", f"Contract {w}", T0, at, attrs) for w in read]
            observations.record(connection, facts, at, run.id)
            behind.was_read(connection, read)
            behind.not_read(connection, dict.fromkeys(unread, "503"), dict.fromkeys(unread, "Contract"), at)
        evaluated_whole(run, Directory.of([f.User("ada", 7, "Ada")]), ends=not killed)
        with self.ledger.read() as connection:
            return {r["workspace"] for r in queue.rows(connection, run=run.id) if r["state"] == "suppressed"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.ledger.close()


def test_what_the_first_run_could_not_read_is_shown_before_it_is_sent(bench: Bench) -> None:
    assert bench.run(T0, read=[1], unread=[2, 3]) == {1}
    assert bench.run(T0 + HOUR, unread=[2, 3]) == set()
    assert bench.run(T0 + 2 * HOUR, read=[2, 3]) == {2, 3}


def test_what_is_read_later_as_a_rule_of_long_standing_is_not_held(bench: Bench) -> None:
    bench.run(T0, read=[1], unread=[2])
    bench.run(T0 + HOUR, read=[2])
    assert bench.run(T0 + 2 * HOUR, read=[4], unread=[2]) == set()


def test_one_that_can_never_be_read_holds_up_nobody_elses_notices(bench: Bench) -> None:
    bench.run(T0, read=[1], unread=[2])
    for hours in range(1, 4):
        assert bench.run(T0 + hours * HOUR, read=[10 + hours], unread=[2]) == set()


def test_what_a_killed_run_found_late_is_shown_by_the_next_run(bench: Bench) -> None:
    bench.run(T0, read=[1], unread=[2])
    bench.run(T0 + HOUR, read=[2], killed=True)
    assert bench.run(T0 + 2 * HOUR) == {2}

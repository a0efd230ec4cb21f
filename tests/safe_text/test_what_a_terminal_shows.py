"""Every command prints through one console: no escape sequence of a name reaches the terminal, and no line is turned round."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from tests.shared import PROJECT
from tests.support.hostile import HONEST, HOSTILE, STEERING
from tests.support.samples import T0, entry, workspace
from tests.support.tables import LINK, finding, findings
from vigil import terminal
from vigil.cli import doctor, printing, why
from vigil.cli.validate import _show as show_problem
from vigil.errors import Problem
from vigil.ledger import Ledger
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.safe_text import is_web_address
from vigil.service.doctor.health import Check, CheckState
from vigil.terminal import Terminal
from vigil.timeline import report
from vigil.timeline.compare import Failure
from vigil.timeline.model import Spot, Timeline, TimelineStep
from vigil.timeline.suite import TimelineResult

OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^;\x1b]*;(https://ecm\.example\.org/[!-~]*)?\x1b\\")
"""What Rich writes itself: colours, and links to Extended ECM."""

RULES = PROJECT / "rules"
TEXTS = [text[:3_000] for text in [*HOSTILE.values(), *HONEST]]
STORED = [t for t in TEXTS if t.encode(errors="ignore").decode() == t]  # a ledger takes no half characters
Show = Callable[[Console], None]


def sweep(console: Console) -> None:
    rows = [finding(name=t, rule=t, why=t, person=t, link=LINK if is_web_address(t) else t) for t in TEXTS]
    printing.show(console, findings(*rows, site=TEXTS[0]), printing.FINDINGS, "What the sweep found")


def checks(console: Console) -> None:
    doctor.show([Check(t, CheckState.FAIL, t, t) for t in TEXTS], console, as_json=False)


def validate(console: Console) -> None:
    for t in TEXTS:
        show_problem(Problem("rules.yaml", 1, 1, t, t, t), {"rules.yaml": f"rule: {t}"}, console)
        show_problem(Problem(t, 1, 1, t), {}, console)


def timelines(console: Console) -> None:
    outcomes = []
    for t in TEXTS:
        timeline = Timeline(t, Spot(t, 1), "UTC", (t,), {}, {}, (TimelineStep(T0, Spot(t, 1), ()),))
        outcomes.append(TimelineResult(timeline, (Failure(Spot(t, 1), t, t, t, (t,)),), 1, 1))
    report.failures(console, outcomes, {t: t for t in TEXTS})


def refusal(console: Console) -> None:
    for t in TEXTS:
        console.print(t, style="red", markup=False, highlight=False, soft_wrap=True)


def explanation(console: Console) -> None:
    names = dict(enumerate(STORED, start=1))
    words = {n: NoticeMessage(title=t, body=t, why=(t,), link=t) for n, t in names.items()}
    rows = [entry(n, state="suppressed", reason=t, message=words[n]) for n, t in names.items()]
    with TemporaryDirectory() as folder:
        ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite")
        with ledger.write() as connection:
            observations.record(connection, [workspace(n, name=t) for n, t in names.items()], T0, 1)
            queue.enqueue(connection, rows, T0, 1)
        assert why.explain("ada", ledger, RULES, "UTC", None, console) == 0


SHOWS: dict[str, Show] = {
    "sweep": sweep, "doctor": checks, "validate": validate, "test": timelines, "refusal": refusal, "why": explanation,
}  # fmt: skip


@pytest.mark.parametrize("where", ["80 columns", "200 columns", "pipe"])
@pytest.mark.parametrize("command", SHOWS)
def test_nothing_that_steers_reaches_the_terminal(command: str, where: str) -> None:
    out = io.StringIO()
    width = int(where.split()[0]) if where != "pipe" else 80
    SHOWS[command](Terminal(file=out, width=width, force_terminal=where != "pipe", color_system="standard"))
    shown = OURS.sub("", out.getvalue())
    assert len(shown) > 1_000
    assert not (set(shown) & STEERING) - {"\n", "\t"}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_name_is_printed_as_it_was_written(name: str) -> None:
    out = io.StringIO()
    Terminal(file=out, width=200).print(name, markup=False)
    assert out.getvalue() == f"{name}\n"


def test_commands_print_through_that_console() -> None:
    assert isinstance(terminal.console, Terminal) and isinstance(terminal.errors, Terminal)


def test_a_line_of_a_pipe_stays_one_line(tmp_path: Path) -> None:
    out = io.StringIO()
    printing.show(Console(file=out), findings(finding(why="one\nrule: two")), printing.FINDINGS, "x")
    assert "one rule: two" in out.getvalue()

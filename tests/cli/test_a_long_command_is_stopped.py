"""A command that runs for long: how far it is where there is no terminal, and how it ends when it is stopped."""

from __future__ import annotations

import io
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from vigil.ledger import Ledger, evaluations
from vigil.ledger.evaluations import Mark
from vigil.replay.command import EVERY, Lines
from vigil.replay.estate import Replay
from vigil.replay.stopping import stopped_by_a_signal

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_closes_what_is_open_says_how_to_go_on_and_gives_its_own_code(
    number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before, closed = signal.getsignal(signal.SIGTERM), []
    with pytest.raises(SystemExit) as ended, stopped_by_a_signal("go on with --ledger"):
        try:
            os.kill(os.getpid(), number)
            signal.pause()  # not reached: the handler runs before it
        finally:
            closed.append(True)
    assert (ended.value.code, closed) == (code, [True])
    assert "go on with --ledger" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_ends_by_itself_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with stopped_by_a_signal("go on with --ledger"):
        pass
    assert capsys.readouterr().err == ""


def test_a_pipe_gets_a_line_after_the_first_tick_now_and_then_and_after_the_last() -> None:
    out, now = io.StringIO(), [0.0]
    lines = Lines(Console(file=out, width=200), 100, clock=lambda: now[0])
    for done in range(1, 101):
        lines.show(AT, done)
        now[0] += EVERY / 10
    said = [line.split(" ")[0] for line in out.getvalue().splitlines()]
    assert said == ["1", *(str(n) for n in range(11, 100, 10)), "100"]
    assert "11 of 100 ticks: 2026-03-02 08:00" in out.getvalue()


def test_a_terminal_has_its_bar_and_no_lines() -> None:
    out = io.StringIO()
    Lines(Console(file=out, force_terminal=True), 2).show(AT, 1)
    Lines(None, 2).show(AT, 1)
    assert out.getvalue() == ""


@pytest.mark.parametrize(("known", "left"), [(None, [0, 1, 2, 3]), (0, [1, 2, 3]), (2, [3]), (3, [])])
def test_the_same_ledger_goes_on_after_the_last_tick_that_it_knows(
    tmp_path: Path, known: int | None, left: list[int]
) -> None:
    ledger, day = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite"), timedelta(days=1)
    if known is not None:
        with ledger.write() as connection:
            evaluations.set_position(connection, "evaluated", Mark(1, AT + known * day))
    what = Replay(tmp_path, tmp_path, tmp_path, AT, AT + 3 * day, day, "")
    assert what.left(ledger) == [AT + n * day for n in left]

"""A command that runs for long: how far it is where there is no terminal, and how it ends when it is stopped."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from vigil.ledger import Ledger, watermarks
from vigil.ledger.watermarks import Watermark, WatermarkName
from vigil.replay.command import EVERY, Lines
from vigil.replay.estate import Replay

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


SIGNALS = [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")]


def ended(body: str, number: signal.Signals) -> tuple[int, str, str]:
    """Code, output and errors of a `vigil project` that does `body` in a process, and gets the signal when it says ready."""
    code = f"""
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may not hear it
from vigil import cli, places, stopping
def ready():
    print("ready", flush=True)
def work():
{textwrap.indent(textwrap.dedent(body), "    ")}
places.project = work
sys.argv = ["vigil", "project"]
cli.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while (line := process.stdout.readline()) != "ready\n":
        assert line, process.stderr and process.stderr.read()
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


BODIES = {
    "by itself": """
        try:
            ready()
            signal.pause()
        finally:
            print("closed")
        """,
    "in an event loop": """
        async def go():
            try:
                ready()
                await asyncio.sleep(60)
            finally:
                print("closed")
        asyncio.run(go())
        """,
    "beside": """
        async def go():
            try:
                ready()
                await asyncio.sleep(60)
            finally:
                print("closed")
        stopping.run(go())
        """,
    "beside, where polars hears Ctrl-C, too": """
        import polars
        polars.DataFrame({"a": [1]}).lazy().filter(polars.col("a") > 0).collect()
        async def go():
            try:
                ready()
                await asyncio.sleep(60)
            finally:
                print("closed")
        stopping.run(go())
        """,
    "beside, where nothing lets itself be cancelled": """
        async def go():
            ready()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("closed")
        stopping.run(go())
        """,
    "lost where it came, before a flow": """
        class Lost:
            def __del__(self):
                ready()
                signal.pause()
        Lost()
        print("closed")
        async def go():
            print("never begun")
        stopping.run(go())
        """,
    "while a process is started": """
        with stopping.starting():
            ready()
            while stopping._heard.came is None:
                pass
            print("closed")
        print("never come to")
        """,
}


@pytest.mark.parametrize(("number", "code", "by"), SIGNALS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_signal_closes_what_is_open_says_one_sentence_and_gives_its_own_code(
    body: str, number: signal.Signals, code: int, by: str
) -> None:
    ended_with, out, err = ended(body, number)
    assert (ended_with, out) == (code, "closed\n"), err
    assert err.splitlines()[-1] == f"vigil project was stopped by {by}: running it again is safe"


def test_a_command_says_how_it_goes_on() -> None:
    body = """
        with stopping.going_on("it is not"):
            pass
        with stopping.going_on("there is more to do"):
            ready()
            signal.pause()
        """
    assert "SIGTERM: there is more to do\n" in ended(body, signal.SIGTERM)[2]


def test_a_second_signal_does_not_wait_for_what_does_not_end() -> None:
    body = """
        import os, threading
        async def go():
            ready()
            try:
                await asyncio.sleep(60)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait()
        stopping.run(go())
        """
    assert ended(body, signal.SIGTERM)[0] == 143


def test_a_command_that_is_done_keeps_its_code() -> None:
    body = """
        import atexit
        def last():
            ready()
            signal.pause()
        atexit.register(last)
        return "/the/folder"
        """
    assert ended(body, signal.SIGTERM) == (0, "", "")


def test_a_pipe_gets_a_line_for_the_first_tick_now_and_then_and_for_the_last() -> None:
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
            watermarks.set_watermark(connection, WatermarkName.EVALUATED, Watermark(1, AT + known * day))
    what = Replay(tmp_path, tmp_path, tmp_path, AT, AT + 3 * day, day, "")
    assert what.left(ledger) == [AT + n * day for n in left]

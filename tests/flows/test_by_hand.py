"""Flows started by the `vigil` command: what the terminal says, and the exit code that a script sees."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.flows.conftest import SITE, Said, Watched
from vigil.cli import app


@pytest.fixture
def by_hand(watched: Watched, prefect_url: str, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    asyncio.run(watched.save())
    return watched


def test_a_sweep_says_by_its_code_what_became_of_it(
    by_hand: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vigil", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    def vigil(*arguments: str) -> tuple[int, str]:
        code, out, err = run(*arguments)
        return code, " ".join((out + err).split())

    code, out, _ = run("sweep", "--site", SITE, "--json")
    assert code == 0 and json.loads(out)["table"] == "findings"
    code, said = vigil("sweep", "--site", SITE, "--rule", "nope")
    assert code == 2 and "no such rule: nope. The rules are" in said
    code, said = vigil("sweep", "--site", "nowhere")
    assert code == 2 and "vigil connect --site nowhere" in said
    code, said = vigil("backfill", "--site", SITE, "--approve", "m-1")
    assert code == 2 and 'there is no manifest "m-1"' in said
    code, said = vigil("guard", "approve", "999", "--site", SITE)
    assert code == 2 and "there is no guard 999" in said
    by_hand.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/businessworkspaces*", "what": "503", "times": 1000}]}
    )
    code, said = vigil("sweep", "--site", SITE)
    assert code == 1 and "could not read /v2/businessworkspaces: the list of Contract" in said


def test_a_watch_by_hand_says_its_state_and_its_account(by_hand: Watched, vigil: Callable[..., Said]) -> None:
    made = by_hand.made

    def watch(at: datetime) -> Said:
        by_hand.sandbox.move(at)
        return vigil("watch", "--site", SITE, "--as-of", at.isoformat())

    done = watch(made.start)
    assert done.code == 0 and "\nCompleted: " in done.out
    done = vigil("watch", "--site", SITE, "--as-of", (made.start - timedelta(hours=1)).isoformat())
    assert done.code == 2 and "watch cannot speak of" in done.err
    by_hand.sandbox.faults(fcm={"add": [{"kind": "permission_denied"}]})
    done = watch(made.start + timedelta(days=2))
    assert done.code == 1 and "\nUndelivered: " in done.out and "wait for another try" in done.out
    by_hand.sandbox.faults(ecm={"script": [{"endpoint": "*", "what": "503", "times": 1000}]})
    done = watch(made.start + timedelta(days=3))
    assert done.code == 1 and "\nGaps: " in done.out
    assert "could not read Extended ECM: reading was stopped, it does not answer" in done.out


def test_what_could_not_be_delivered_is_told_after_the_table(
    by_hand: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand.watch(by_hand.made.start)
    by_hand.sandbox.move(by_hand.made.end)
    by_hand.sandbox.faults(fcm={"add": [{"kind": "permission_denied"}]})
    monkeypatch.setattr(sys, "argv", ["vigil", "sweep", "--site", SITE, "--send"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 1
    assert "What the sweep found" in said and "was refused" in said.partition("What the sweep found")[2]

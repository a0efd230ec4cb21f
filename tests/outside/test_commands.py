"""Commands run as processes of their own would, can be killed, and leave nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outside import estate
from tests.outside.commands import Commands
from tests.outside.sandbox import Sandbox
from tests.outside.trial import START


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands(dict(os.environ)) as running:
        yield running


def test_a_command_gives_its_exit_code_and_what_it_printed(commands: Commands) -> None:
    assert commands.run("--version")[0] == 0
    code, said = commands.run("no-such-command")
    assert code == 2 and "no-such-command" in said


def test_the_environment_of_a_command_is_its_own(commands: Commands) -> None:
    code, said = commands.run("guard", "list", VIGIL_LEDGER="sqlite:////no/such/folder/ledger.sqlite")
    assert code != 0 and "/no/such/folder" in said
    assert "/no/such/folder" not in commands.run("guard", "list", "--ledger", "nonsense")[1]


def test_a_killed_sandbox_is_gone_and_another_serves(commands: Commands, tmp_path: Path) -> None:
    estate.write(tmp_path / "estate", (), START)
    for end in ("kill", "stop"):
        command = commands.start("sandbox", "--estate", str(tmp_path / "estate"), learn=end == "stop")
        sandbox = Sandbox(command.line())
        assert sandbox.shows() == []
        assert not command.ends_within(0)
        if end == "kill":
            assert command.kill()
        else:
            command.stop()
        assert command.code() == (-signal.SIGKILL if end == "kill" else 128 + signal.SIGTERM)
        assert not command.kill(), "it ended before"
        with pytest.raises(ProcessLookupError):
            os.kill(command.process, 0)

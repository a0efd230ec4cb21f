"""`vigil connect --read-only` on the terminal: exit codes, the page's file, and that it needs no Prefect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Vigil
from vigil.sandbox.generate.generator import behind, generate
from vigil.sandbox.process import SandboxProcess

PASSWORD = "Zebra-crossing-42"
Look = Callable[..., int]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    now = datetime.now(UTC)
    made = generate(tmp_path_factory.mktemp("estate") / "estate", start=behind(now))
    with SandboxProcess(made.folder, start=now) as running:
        yield running


@pytest.fixture
def look(
    vigil: Vigil, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch, nobody: str, tmp_path: Path
) -> Look:
    """The command for the sandbox, where no Prefect answers, with a page `page.md` below the working folder."""
    sandbox.faults(ecm={"clear": True})
    monkeypatch.setenv("PREFECT_API_URL", nobody)
    monkeypatch.setenv("VIGIL_ECM_PASSWORD", "vigil")
    monkeypatch.setenv("VIGIL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*more: str, url: str = sandbox.ecm_url) -> int:
        given = ("--ecm-url", url, "--ecm-user", "vigil", "--zone", "Europe/Berlin", "--page", "page.md")
        return vigil("connect", "--read-only", *given, *more)

    return run


def test_a_server_with_what_the_rules_need_is_0_and_only_the_page_is_written(
    look: Look, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look("--every", "5") == 0
    assert [file.name for file in tmp_path.iterdir()] == ["page.md"], "no ledger, no blocks"
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("# Vigil and Extended ECM at ")
    assert "every 5 minutes" in page
    said = capsys.readouterr().out
    assert "This changes nothing in Extended ECM" in said and "Vigil can work" in said


def test_what_the_rules_need_and_the_server_lacks_is_1_and_named(
    look: Look, sandbox: SandboxProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults(ecm={"dialect": "poor"})
    assert look() == 1
    said = capsys.readouterr().out
    assert "Missing: missing documents" in said and "Missing: types of documents" in said
    assert "Needed by the rules:" in (tmp_path / "page.md").read_text()


def test_rules_that_name_what_is_not_there_are_1(
    look: Look, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "rule.yaml").write_text(
        "rule: a\nkind: transition\nsubject: {workspace_type: Ship}\nevents: [version_added]\nto: [role: owner]\n"
    )
    assert look("--rules", "own") == 1
    assert "type Ship" in capsys.readouterr().out


def test_a_wrong_password_is_3_and_is_not_shown(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIGIL_ECM_PASSWORD", PASSWORD)
    assert look() == 3
    said = capsys.readouterr()
    assert "correct user and password" in said.err and PASSWORD not in said.out + said.err
    assert not (tmp_path / "page.md").exists()


def test_a_dead_server_is_3_and_says_what_to_do(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    assert look("--ecm-retries", "0", url="http://127.0.0.1:9/cs/cs") == 3
    assert "check the address, DNS, proxy and firewall" in capsys.readouterr().err


def test_an_address_that_is_none_and_a_missing_login_are_2(
    vigil: Vigil, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look(url="ecm.example.org") == 2
    assert "--ecm-url" in capsys.readouterr().err
    assert vigil("connect", "--read-only", "--ecm-url", "https://ecm.example.org/cs/cs") == 2
    assert "exactly one login is needed" in capsys.readouterr().err


def test_the_page_on_standard_output_is_all_of_it(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    assert look("--page", "-") == 0
    said = capsys.readouterr()
    assert said.out.startswith("# Vigil and Extended ECM at ")
    assert "Looking at" in said.err and "Looking at" not in said.out


def test_a_page_that_cannot_be_written_is_3_before_anything_is_read(
    look: Look, sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sandbox.requests()["ecm"]["total"]
    assert look("--page", "no/such/folder/page.md") == 3
    assert "--page" in capsys.readouterr().err
    assert sandbox.requests()["ecm"]["total"] == before

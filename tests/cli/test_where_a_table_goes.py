"""`--csv`, `--json` and `--excel`: data where it was asked for, nothing else beside it, and refusals before anything is done."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.cli.conftest import Vigil
from tests.support.samples import T0, entry, workspace
from tests.support.tables import finding, findings
from vigil import __file__ as package
from vigil.cli.output import Output
from vigil.errors import BadRequest
from vigil.ledger import Ledger
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.version import package as version

ADDRESS = "tok-secret-address"


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """The URL of a ledger with a workspace, a notice for ada, and devices of two people, one of them retired."""
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    book = Ledger.open(url)
    with book.write() as connection:
        observations.record(connection, [workspace(1, name="Supply of steel")], T0, 1)
    with book.write() as connection:
        queue.enqueue(connection, [entry(1, state="suppressed", reason="the person did it")], T0, 1)
    with book.write() as connection:
        new = [NewDevice("ada", ADDRESS, "ios"), NewDevice("ben", f"{ADDRESS}-2", "web")]
        devices.register(connection, new, T0)
        devices.retire(connection, [2], "unregistered", T0 + timedelta(days=1))
    return url


def test_the_version_is_the_packages(vigil: Vigil, capsys: pytest.CaptureFixture[str]) -> None:
    assert vigil("--version") == 0
    assert capsys.readouterr().out == f"vigil {version()['version']}\n"


@pytest.mark.parametrize(
    "command", [("sweep",), ("backfill", "--approve", "m-1"), ("why", "ada"), ("devices", "list")]
)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--csv", "/no/such/folder/x.csv"),
            "there is no folder /no/such/folder: create it, or write x.csv elsewhere",
        ),
        (("--csv", "/tmp"), "/tmp is a folder: give the name of a file in it"),
        (("--json", "--csv", "-"), "--json and --csv - both use standard output"),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_before_anything_is_done(
    vigil: Vigil,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    options: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setenv(
        "PREFECT_API_URL", "http://127.0.0.1:9/api"
    )  # nobody is there: who got that far ends with 3
    assert vigil(*command, *options) == 2
    assert said in capsys.readouterr().err


def test_excel_has_no_standard_output() -> None:
    with pytest.raises(BadRequest, match=r"give it a file, such as findings\.xlsx"):
        Output(excel="-")


def test_files_are_written_over_and_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = tmp_path / "x.csv", tmp_path / "x.xlsx"
    for file in files:
        file.write_text("old " * 10_000)
    Output(csv=str(files[0]), excel=str(files[1])).write(findings(finding()))
    assert [r["name"] for r in csv.DictReader(io.StringIO(files[0].read_text()))] == ["Supply of steel"]
    assert load_workbook(files[1])["Findings"]["A2"].value == "Supply of steel"
    assert capfd.readouterr().out.splitlines() == [f"{file}: 1 row" for file in files]


def test_a_disk_that_takes_nothing_is_a_failure_with_the_file_and_the_cause() -> None:
    from vigil.cli.output import CannotWrite

    if not Path("/dev/full").exists():
        pytest.skip("this system has no disk that is always full")
    with pytest.raises(CannotWrite, match="/dev/full could not be written: No space left on device"):
        Output(csv="/dev/full").write(findings(finding()))


def test_devices_are_listed_without_their_address(
    vigil: Vigil, ledger: str, capfd: pytest.CaptureFixture[str]
) -> None:
    said = {}
    for options in ((), ("--csv", "-"), ("--json",)):
        assert vigil("devices", "list", "--ledger", ledger, *options) == 0
        said[options] = capfd.readouterr().out
    assert "Devices: 2 devices, times in UTC" in said[()] and "retired 2026-03-03 08:00" in said[()]
    rows = list(csv.DictReader(io.StringIO(said["--csv", "-"], newline="")))
    assert [(r["person"], r["platform"], r["retired"], r["reason"]) for r in rows] == [
        ("ada", "ios", "", ""),
        ("ben", "web", "2026-03-03T08:00:00+00:00", "unregistered"),
    ]
    assert [r["label"] for r in json.loads(said["--json",])["rows"]] == ["ada's ios", "ben's web"]
    assert ADDRESS not in "".join(said.values())


def test_the_devices_of_one_person(vigil: Vigil, ledger: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert vigil("devices", "list", "--person", "ben", "--json", "--ledger", ledger) == 0
    assert [r["person"] for r in json.loads(capfd.readouterr().out)["rows"]] == ["ben"]


def test_why_as_json_has_notices_attempts_and_how_the_rules_stand(
    vigil: Vigil, ledger: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert vigil("why", "1", "--json", "--zone", "Europe/Berlin", "--ledger", ledger) == 0
    found = json.loads(capfd.readouterr().out)
    [row] = found["rows"]
    assert (row["name"], row["person"], row["outcome"], row["reason"]) == (
        "Supply of steel",
        "ada",
        "suppressed",
        "the person did it",
    )
    assert row["fire_at"] == "2026-03-02T09:00:00+01:00"
    assert (row["attempts"], row["acknowledged"]) == ([], None)
    assert found["zone"] == "Europe/Berlin" and isinstance(found["standings"], list)


def test_why_as_csv_has_the_notices(vigil: Vigil, ledger: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert vigil("why", "ada", "--csv", "-", "--ledger", ledger) == 0
    [row] = csv.DictReader(io.StringIO(capfd.readouterr().out, newline=""))
    assert (row["name"], row["title"]) == ("Supply of steel", "Contract ends on 31 March")


def test_why_of_nobody_prints_an_empty_table_and_says_so_elsewhere(
    vigil: Vigil, ledger: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert vigil("why", "nobody", "--json", "--ledger", ledger) == 1
    said = capfd.readouterr()
    assert json.loads(said.out)["rows"] == []
    assert "nothing about the person nobody" in said.err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["validate", "rules"], ["test", "rules"]])
def test_a_command_without_tables_does_not_wait_for_pandas(arguments: list[str]) -> None:
    code = f"import sys; sys.argv = ['vigil', *{arguments}]\nfrom vigil import cli\ntry: cli.main()\nexcept SystemExit: pass\n"
    code += "print(*(m for m in ('pandas', 'numpy', 'xlsxwriter') if m in sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(package).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")

"""Exit codes are what `vigil --help` and the README promise: scripts and CI rely on them."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Vigil
from vigil import places
from vigil.compliance.facts import Attribute, WorkspaceType
from vigil.ledger import Ledger
from vigil.service.snapshot import written

NOBODY = "127.0.0.1:9"  # the discard port: nobody listens there


def test_the_help_names_every_code(vigil: Vigil, capsys: pytest.CaptureFixture[str]) -> None:
    assert vigil("--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    for code in ("0 done", "1 done", "2 refused", "3 a required system", "130 stopped", "143 stopped"):
        assert code in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("sweep", "--nope"),
        ("watch", "--as-of", "2026-01-01T00:00"),
        ("backfill",),
        ("backfill", "--from", "yesterday", "--to", "2026-01-01T00:00Z"),
        ("why",),
        ("validate", "/no/such/folder"),
        ("guard", "approve", "many"),
        ("run-estate", ".", "--rules", "rules", "--from", "2026-01-02T00:00Z", "--to", "2026-01-01T00:00Z", "--out", "x"),
    ],
)  # fmt: skip
def test_wrong_usage_is_2(vigil: Vigil, arguments: tuple[str, ...]) -> None:
    assert vigil(*arguments) == 2


def test_a_problem_that_was_looked_for_and_found_is_1(vigil: Vigil, tmp_path: Path) -> None:
    assert vigil("validate", str(places.rules())) == 0
    (tmp_path / "bad.yaml").write_text("rule: x\nversion: 1\nkind: nope\n")
    assert vigil("validate", str(tmp_path)) == 1


def test_a_file_that_is_not_as_it_must_be_is_2(
    vigil: Vigil, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "devices.csv").write_text("who,where\nada,there\n")
    ledger = f"sqlite:///{tmp_path}/ledger.sqlite"
    assert vigil("devices", "import", str(tmp_path / "devices.csv"), "--ledger", ledger) == 2
    assert "devices.csv:1:1" in capsys.readouterr().err


def test_nothing_known_is_1_and_nothing_waits_is_0(vigil: Vigil, tmp_path: Path) -> None:
    ledger = f"sqlite:///{tmp_path}/ledger.sqlite"
    Ledger.open(ledger).close()
    assert vigil("why", "nobody", "--ledger", ledger) == 1
    assert vigil("guard", "list", "--ledger", ledger) == 0


def test_a_ledger_that_cannot_be_reached_is_3(vigil: Vigil, capsys: pytest.CaptureFixture[str]) -> None:
    assert vigil("guard", "list", "--ledger", f"postgresql://vigil:secret@{NOBODY}/vigil") == 3
    said = capsys.readouterr().err
    assert "127.0.0.1" in said and "secret" not in said


@pytest.mark.parametrize(
    "arguments", [("sweep",), ("watch",), ("guard", "drop", "1"), ("automations", "install")]
)
def test_a_prefect_that_cannot_be_reached_is_3(
    vigil: Vigil,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        assert vigil(*arguments) == 3
    assert f"no Prefect server answers at {url}" in capsys.readouterr().err.replace("\n", " ")


def test_rules_are_checked_against_the_types_that_were_written_to_a_file(
    vigil: Vigil, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    types = tmp_path / "types.json"
    attribute = Attribute("Terms", "status", "string")
    types.write_text(json.dumps(written([WorkspaceType("Contract", (attribute,), ("owner",), (), 7)])))
    rule = tmp_path / "rules.yaml"
    text = "rule: x\nkind: condition\nsubject: {workspace_type: Contract}\n"
    text += "when: {field: attr.statsu, op: present}\nto: [role: owner]\n"
    rule.write_text(text)
    assert vigil("validate", str(rule)) == 0, "nothing is known of the attributes"
    assert vigil("validate", str(rule), "--types", str(types)) == 1
    assert "statsu" in (said := capsys.readouterr().out) and "status" in said
    rule.write_text(text.replace("statsu", "status"))
    assert vigil("validate", str(rule), "--types", str(types)) == 0
    types.write_text("[]")
    assert vigil("validate", str(rule), "--types", str(types)) == 2


def test_the_schema_for_editors_is_json(vigil: Vigil, capsys: pytest.CaptureFixture[str]) -> None:
    assert vigil("schema") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Vigil rules"

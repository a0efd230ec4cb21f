"""`vigil validate --types`: what a file of types must be, and what its absence of names means."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Vigil
from vigil.compliance.facts import WorkspaceType
from vigil.compliance.rules.vocabulary import People
from vigil.service.snapshot import written

RULE = """\
rule: x
kind: condition
subject: {workspace_type: Contract}
when: {field: name, op: present}
to: [group: Legal]
fallback: [user: ada]
"""
TYPES = [WorkspaceType("Contract", (), ("owner",), (), 7)]


@pytest.fixture
def rule(tmp_path: Path) -> str:
    file = tmp_path / "r.yaml"
    file.write_text(RULE)
    return str(file)


def snapshot(tmp_path: Path, people: People | None) -> str:
    file = tmp_path / "types.json"
    file.write_text(json.dumps(written(TYPES, people)))
    return str(file)


def test_names_in_the_file_are_checked(
    vigil: Vigil, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = People(frozenset({"Legal"}), frozenset({"ada"}))
    assert vigil("validate", rule, "--types", snapshot(tmp_path, both)) == 0
    assert "not checked" not in capsys.readouterr().out
    wrong = People(frozenset({"Lawyers"}), frozenset({"ida"}))
    assert vigil("validate", rule, "--types", snapshot(tmp_path, wrong)) == 1
    said = capsys.readouterr().out
    assert 'unknown group "Legal"' in said and 'unknown user "ada"' in said and "2 problems" in said


def test_a_file_of_an_older_version_has_no_names_and_that_is_said(
    vigil: Vigil, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = snapshot(tmp_path, None)
    assert vigil("validate", rule, "--types", old) == 0
    assert "names of groups and users were not checked" in capsys.readouterr().out.replace("\n", " ")
    assert vigil("validate", rule, "--types", old, "--json") == 0
    assert "not checked" in json.loads(capsys.readouterr().out)["notes"][0]


def test_a_file_with_a_byte_order_mark_is_read_and_one_counts_as_one(
    vigil: Vigil, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(snapshot(tmp_path, People(frozenset({"Lawyers"}), frozenset({"ada"}))))
    file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
    assert vigil("validate", rule, "--types", str(file)) == 1
    said = capsys.readouterr().out
    assert 'unknown group "Legal"' in said and "1 file, 1 rule: 1 problem\n" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"types": [\n  {"name" 1}]}', ":2:11  not JSON: expected `:`"),
        (b"", ":1:1  not JSON: EOF while parsing a value"),
        (b"[" * 100_000, "not JSON: recursion limit exceeded"),
        (b"\xff\xfe{", ":1:1  not JSON"),
        (
            b'{"types": [{"name": "x"}]}',
            "no snapshot of workspace types: types[0].attributes: field required",
        ),
        (b'"types"', "no snapshot of workspace types: the whole: input should be an object"),
        (b"{}", "no snapshot of workspace types: types: field required"),
        (b'{"types": []}', "it contains no workspace type"),
    ],
)
def test_another_file_is_refused_in_a_sentence_with_its_place(
    content: bytes, said: str, vigil: Vigil, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "types.json"
    file.write_bytes(content)
    assert vigil("validate", rule, "--types", str(file)) == 2
    shown = capsys.readouterr().err
    assert said in shown and "write it with `vigil types`" in shown and "Traceback" not in shown
    assert len(shown.strip().splitlines()) == 1


def test_everything_wrong_with_a_folder_is_shown_whichever_file_cannot_be_read(
    vigil: Vigil, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(RULE.replace("kind: condition", "kind: condtion"))
    (tmp_path / "b.yaml").write_bytes(b"\xff")
    (tmp_path / "c.ics").write_text("BEGIN:NOTHING")
    assert vigil("validate", str(tmp_path), "--json") == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert sorted(Path(p["file"]).name for p in problems) == ["a.yaml", "b.yaml", "c.ics"]

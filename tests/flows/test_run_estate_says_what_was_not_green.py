"""`vigil run-estate` ends with 1 where a run could not read everything, says so in a line, and writes its file all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.conftest import Said
from tests.shared import PROJECT
from tests.support.wild import START, Wild
from vigil.flow_runs.outcomes import Ended
from vigil.replay.command import not_green


def test_the_line_has_the_states_and_the_first_message() -> None:
    well, gaps = Ended("Completed", "all", True, True), Ended("Gaps", "no list", False, False)
    assert not_green([well, Ended("Held", "one", True, True)]) == ""
    late = Ended("Undelivered", "2 wait", False, True)
    assert not_green([well, gaps, late, gaps]) == (
        "3 of 4 runs not green (2 Gaps, 1 Undelivered). The first said: no list"
    )


@pytest.mark.parametrize(("name", "code"), [("well", 0), ("a\0b", 1)], ids=["well", "NUL"])
def test_the_code_says_whether_all_were(
    vigil: Callable[..., Said], tmp_path: Path, name: str, code: int
) -> None:
    Wild(3, workspaces=5, days=2).save(tmp_path / "estate")
    file = tmp_path / "estate" / "workspaces.jsonl"
    first, *rest = file.read_text().splitlines()
    file.write_text("\n".join([json.dumps(json.loads(first) | {"name": name}), *rest]) + "\n")
    out, end = tmp_path / "out.jsonl", START + timedelta(hours=24)
    rules = PROJECT / "tests" / "estates" / "wild.yaml"
    words = ["run-estate", str(tmp_path / "estate"), "--rules", str(rules), "--from", START.isoformat()]
    said = vigil(*words, "--to", end.isoformat(), "--every", "24h", "--out", str(out), "--quiet")
    assert (said.code, out.exists()) == (code, True), said.err
    assert ("runs not green (2 Gaps). The first said: " in said.err) is bool(code), said.err

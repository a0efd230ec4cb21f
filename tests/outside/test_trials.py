"""A slice of the trials: each kind on SQLite. `make soak` runs more of them, on PostgreSQL too.

`python -m tests.outside` runs them by the hundred.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.outside.__main__ import bench, figures, run, started, told
from tests.outside.commands import Commands
from tests.outside.trouble import Kind, kinds

HERE = Path(__file__).parent
THEIRS = {"vigil", "flows", "blocks"}
SEED = 20
SLICE = (1, 3, 37, 52, 164, 171, 589)  # those of few runs, of each kind
SOAK = {"sqlite": range(4 * len(Kind)), "postgresql": range(105, 118)}


def test_the_checker_imports_nothing_of_what_it_checks() -> None:
    modules = [file for file in HERE.glob("*.py") if file.name != Path(__file__).name]
    imported = {
        name
        for file in modules
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for name in _names(node)
    }
    assert "tests.outside.sandbox" in imported, "imports are found"
    theirs = {n for n in imported if n.partition(".")[0] in THEIRS}
    others = {n for n in imported if n.startswith("tests") and not n.startswith("tests.outside.")}
    assert theirs | others <= {"tests.outside"}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "a relative import could lead anywhere"
        return [node.module or ""]
    return []


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Commands]]:
    """The commands of both slices, and the folder of their sites."""
    folder = tmp_path_factory.mktemp("outside")
    with started(folder) as running:
        yield folder, running


def test_the_slice_has_a_trial_of_each_kind() -> None:
    drawn = {kind for n in SLICE for kind in kinds(Random(f"outside {SEED} {n}"), n)}
    assert drawn == set(Kind)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # dozens of runs: on a busy machine they take as long as they take
@pytest.mark.parametrize(
    ("database", "trials"),
    [("sqlite", SLICE), *(pytest.param(*some, marks=pytest.mark.soak) for some in SOAK.items())],
    ids=["sqlite", "soak-sqlite", "soak-postgresql"],
)
def test_nobody_goes_untold_and_nobody_hears_twice_whatever_fails(
    database: str, trials: Sequence[int], commands: tuple[Path, Commands]
) -> None:
    with bench(*commands, database) as shared:
        verdicts = list(run(shared, SEED, trials, jobs=3))
    alone = f"python -m tests.outside --seed {SEED} --database {database} --only"
    failed = [told(v, f"{alone} {v.n}") for v in verdicts if not v.found.well]
    assert not failed, "\n".join([*failed, figures(verdicts)])
    assert sum(v.found.kills for v in verdicts) > 0, "runs were killed"

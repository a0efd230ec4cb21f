"""What a site runs imports no simulator, no timelines and no command: `lint-imports` refuses each such import, were it there."""

from __future__ import annotations

from copy import deepcopy

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.protected import ProtectedContract

from tests.shared import PROJECT


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("vigil", "flows", "blocks", include_external_packages=True, cache_dir=None)


def broken(graph: grimp.ImportGraph) -> list[str]:
    """The names of the contracts on who may import a package that imports break."""
    read = read_configuration(str(PROJECT / "pyproject.toml"))
    contracts = [
        ProtectedContract(c["name"], read["session_options"], c)
        for c in read["contracts_options"]
        if c["type"] == "protected"
    ]
    return [c.name for c in contracts if not c.check(graph, verbose=False).kept]


def test_the_imports_that_there_are_break_no_contract(graph: grimp.ImportGraph) -> None:
    assert broken(graph) == []


@pytest.mark.parametrize(
    "importer", ["vigil.service.sweep", "vigil.gateway.app", "flows.watch", "blocks.webhook"]
)
@pytest.mark.parametrize("package", ["cli", "replay", "timeline", "flow_runs", "sandbox"])
def test_what_a_site_runs_may_not_import(graph: grimp.ImportGraph, importer: str, package: str) -> None:
    changed = deepcopy(graph)
    changed.add_import(importer=importer, imported=f"vigil.{package}")
    assert len(broken(changed)) == 1

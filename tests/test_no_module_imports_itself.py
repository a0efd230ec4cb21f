"""No module imports itself by way of others, not even its own package; imports in functions and under TYPE_CHECKING count.

`lint-imports` looks at modules and packages that lie beside each other. It does not look at a package and the modules in it.
"""

from __future__ import annotations

import graphlib

import grimp


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("vigil", "flows", "blocks", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # One import under TYPE_CHECKING, one in a function: both are seen.
    assert {"vigil.ledger", "vigil.cli.ledgers"} <= imports["vigil.cli.options"]
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a circle

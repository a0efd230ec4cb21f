"""A package of tests imports none of another's modules, and nobody imports a file of tests: what is shared lies in tests/support."""

from __future__ import annotations

import grimp

SHARED = {"tests.support", "tests.shared"}


def package(module: str) -> str:
    """``tests.NAME`` of a module of it."""
    return ".".join(module.split(".")[:2])


def test_what_packages_of_tests_share_lies_in_support() -> None:
    graph = grimp.build_graph("tests", cache_dir=None)
    imports = {
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    assert ("tests.gateway.conftest", "tests.support.id_tokens") in imports, "imports are found"
    assert not {
        (module, imported)
        for module, imported in imports
        if package(imported) not in {package(module), *SHARED}
        or imported.rpartition(".")[2].startswith("test_")
    }

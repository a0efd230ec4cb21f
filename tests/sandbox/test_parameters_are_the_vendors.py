"""The table of documented parameters that a strict server goes by equals the vendor's documents, plus nothing."""

from __future__ import annotations

import pytest

from tests.support import vendor
from vigil.sandbox.ecm.app import ROUTES
from vigil.sandbox.ecm.parameters import PARAMETERS

pytestmark = pytest.mark.shared

NAMES = [
    f"{method} {path.replace('{a:int}', '{id}').replace('{b:int}', '{id}')}" for method, path, _ in ROUTES
]

UNDOCUMENTED = {
    "GET /v1/nodes/{id}/classifications": "pyxecm, xecm",
    "GET /v2/businessworkspaces/{id}/missingdocuments": "recorded (Smart View), pyxecm",
    "GET /v2/businessworkspaces/{id}/inprocessdocuments": "recorded (Smart View), pyxecm",
    "GET /v2/businessworkspaces/{id}/doctypes": "pyxecm",
    "GET /v2/businessworkspace/{id}/reports": "pyxecm",
    "GET /v2/businessworkspace/myteamtodo": "pyxecm",
}
"""Routes of the simulator that are in neither document, with who was seen to call them."""


@pytest.mark.parametrize("name", NAMES)
def test_a_route_is_in_the_vendor_s_documents_with_these_parameters(name: str) -> None:
    method, path = name.split(" ")
    path = {"/v2/nodes/{id}/categories/{id}": f"{path}/"}.get(path, path)  # as the document writes it
    if name in UNDOCUMENTED:
        assert name not in PARAMETERS
        assert vendor.refused(method, path, (), ()) == [] and not vendor.parameters(method, path)
    else:
        assert vendor.refused(method, path, (), ()) == []
        assert PARAMETERS[name] == vendor.parameters(method, path)


def test_the_table_has_no_route_that_the_simulator_has_not() -> None:
    assert PARAMETERS.keys() | UNDOCUMENTED.keys() == set(NAMES)

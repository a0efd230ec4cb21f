"""A changed value may move no date: known nodes are compared by a digest of their values, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ecm.conftest import Server
from tests.ecm.contracts import FULL, NOON
from vigil.compliance.facts import Document, Workspace
from vigil.ecm import Extractor, ListedWorkspace, Needs, Stamp


@pytest.mark.parametrize("expiry", [True, False])
async def test_a_document_whose_values_differ_is_changed_whatever_its_date(
    server: Server, expiry: bool
) -> None:
    async with server.client() as client:
        reader = Extractor(client, Needs(expiry=expiry, types=False))
        batch = await reader.read_workspaces([ListedWorkspace(FULL, "", NOON, "Contract")])
        documents = [x for x in batch.facts if isinstance(x, Document)]
        (workspace,) = (x for x in batch.facts if isinstance(x, Workspace))
        known = {d.id: Stamp(d.modified, d.version, d.values) for d in documents}
        known[workspace.id] = Stamp(workspace.modified, workspace.size, workspace.values)
        assert all(bool(d.values) is expiry for d in documents) and workspace.values
        assert (await reader.verify(known)).changed == ()
        other = documents[7].id
        known[other] = replace(known[other], values="0123456789abcdef" if expiry else "")
        assert (await reader.verify(known)).changed == ((other,) if expiry else ())

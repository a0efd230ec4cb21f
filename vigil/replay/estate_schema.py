"""The workspace types of an estate, as rules are checked against them."""

from __future__ import annotations

from vigil.compliance.facts import Attribute, RequiredDocument, WorkspaceType
from vigil.sandbox.estate.model import Estate


def schema_of(estate: Estate) -> tuple[WorkspaceType, ...]:
    """The workspace types of an estate, for checking rules."""
    return tuple(
        WorkspaceType(
            name=t.name,
            attributes=tuple(
                Attribute(c.name, a.name, a.kind, a.values and tuple(str(v) for v in a.values), a.multiple)
                for c in t.categories
                for a in c.attributes
            ),
            roles=t.roles,
            documents=tuple(RequiredDocument(t.name, d.type, True, d.valid_months) for d in t.required),
        )
        for t in estate.types.values()
    )

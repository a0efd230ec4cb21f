"""The schema snapshot: the workspace types of Extended ECM as they were read, as JSON.

Runs keep it in the ledger, and `vigil types` writes it to a file, so that rules can be checked where no Extended ECM is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from vigil.compliance.facts import Attribute, RequiredDocument, WorkspaceType


def written(types: Iterable[WorkspaceType]) -> dict[str, Any]:
    """``{"types": [...]}``, each as its dataclass has it."""
    return {"types": [asdict(t) for t in types]}


def read(data: Mapping[str, Any]) -> tuple[WorkspaceType, ...]:
    """The types of what `written` gave. Raises KeyError or TypeError for what it did not give."""
    return tuple(_type(t) for t in data.get("types", ()))


def _type(t: Mapping[str, Any]) -> WorkspaceType:
    attributes = ({**a, "values": a["values"] and tuple(a["values"])} for a in t["attributes"])
    return WorkspaceType(
        name=t["name"],
        attributes=tuple(Attribute(**a) for a in attributes),
        roles=tuple(t["roles"]),
        documents=tuple(RequiredDocument(**d) for d in t["documents"]),
        id=t["id"],
    )

"""The schema snapshot: the workspace types of Extended ECM, as JSON.

Runs store it in the ledger, and `vigil types` writes it to a file with the names of groups and users, so that rules can be checked
without access to Extended ECM.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from vigil.compliance.facts import Attribute, RequiredDocument, WorkspaceType
from vigil.compliance.rules.vocabulary import People
from vigil.errors import BadInput, Problem

_PLACE = re.compile(r"line (\d+) column (\d+)")


@dataclass(frozen=True)
class Snapshot:
    """The names that rules can use. Files of older versions have no groups and users: those are then unknown."""

    types: tuple[WorkspaceType, ...]
    groups: frozenset[str] | None = None
    users: frozenset[str] | None = None

    @property
    def people(self) -> People:
        return People(self.groups, self.users)


_SNAPSHOT = TypeAdapter(Snapshot)


def written(types: Iterable[WorkspaceType], people: People | None = None) -> dict[str, Any]:
    """``{"types": [...], "groups": [...], "users": [...]}``, each type as its dataclass; without unknown parts."""
    names = {} if people is None else {"groups": people.groups, "users": people.users}
    return {"types": [asdict(t) for t in types]} | {k: sorted(v) for k, v in names.items() if v is not None}


def read(data: Mapping[str, Any]) -> tuple[WorkspaceType, ...]:
    """The types from the result of `written`. Raises KeyError or TypeError for other data."""
    return tuple(_type(t) for t in data.get("types", ()))


def read_file(file: Path) -> Snapshot:
    """A file of `vigil types`. Raises BadInput for another file, with the place of invalid JSON."""
    try:
        return _SNAPSHOT.validate_json(file.read_bytes().removeprefix(codecs.BOM_UTF8))
    except ValidationError as wrong:
        raise BadInput([_problem(str(file), wrong.errors(include_url=False)[0])]) from None


def _problem(file: str, error: ErrorDetails) -> Problem:
    if error["type"] == "json_invalid":
        said = str(error.get("ctx", {}).get("error", error["msg"]))
        found = _PLACE.search(said)
        line, column = (int(found[1]), int(found[2])) if found else (1, 1)
        what = said.partition(" at line ")[0]
        return Problem(file, line, max(column, 1), f"not JSON: {what}; write it with `vigil types`")
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    said = f"{where.removeprefix('.') or 'the whole'}: {error['msg'][:1].lower()}{error['msg'][1:]}"
    message = f"no snapshot of workspace types: {said}; write it with `vigil types`"
    return Problem(file, 1, 1, message)


def _type(t: Mapping[str, Any]) -> WorkspaceType:
    attributes = ({**a, "values": a["values"] and tuple(a["values"])} for a in t["attributes"])
    return WorkspaceType(
        name=t["name"],
        attributes=tuple(Attribute(**a) for a in attributes),
        roles=tuple(t["roles"]),
        documents=tuple(RequiredDocument(**d) for d in t["documents"]),
        id=t["id"],
    )

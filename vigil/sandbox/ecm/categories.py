"""Categories as ECM writes them: flat keys, three containers, rows of sets, and the metadata that names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil.sandbox.ecm.protocol import Json
from vigil.sandbox.estate.model import AttributeDef
from vigil.sandbox.quirks import Quirks
from vigil.sandbox.world import ids
from vigil.sandbox.world.state import Node, WorldDocument, WorldWorkspace, seconds
from vigil.sandbox.world.world import World

_TYPES = {
    "string": (-1, "String"),
    "date": (-7, "Date"),
    "datetime": (-7, "Date"),
    "integer": (2, "Integer"),
    "boolean": (5, "Boolean"),
    "user": (14, "User"),
    "set": (-18, "Assoc"),
}
_NO_VALUES: tuple[list[str | None], ...] = (
    [None],
    [""],
    [None, None],
    [],
)  # of an attribute that may have several
EXPIRY = AttributeDef("Expiration date", "date")


@dataclass(frozen=True, slots=True)
class _Attribute:
    key: str  # {cat}_{attr}; for a member of a set {cat}_{set}_x_{attr}
    name: str  # as in a workspace's attrs: Category.attribute; of a member its own name
    definition: AttributeDef
    members: tuple[_Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class _Category:
    id: int
    name: str
    attributes: tuple[_Attribute, ...]


class Categories:
    """What nodes carry. Numbers of attributes count from 2, as ECM's do."""

    def __init__(self, world: World, quirks: Quirks) -> None:
        self._world = world
        self._quirks = quirks
        self._of_type = {
            name: tuple(
                _category(world.category_id(name, number), category.name, category.attributes)
                for number, category in enumerate(kind.categories)
            )
            for name, kind in world.estate.types.items()
        }
        validity = world.structure_id(ids.CATEGORY, ids.VALIDITY)
        self._validity = (_category(validity, "Document validity", (EXPIRY,)),)

    def of(self, node: Node) -> Sequence[_Category]:
        """The categories that a node has."""
        if isinstance(node, WorldWorkspace):
            return self._of_type[node.type.name]
        return self._validity if isinstance(node, WorldDocument) and node.expires else ()

    def listed(self, node: Node) -> list[Json]:
        """A list with one flat object a category: inside node data, and (wrapped) at ``/categories``."""
        return [self._flat(node, category) for category in self.of(node)]

    def keyed(self, node: Node) -> Json | list[Json]:
        """An object keyed by category: workspace detail (quirk 13)."""
        if not self._quirks.category_containers:
            return self.listed(node)
        return {str(category.id): self._flat(node, category) for category in self.of(node)}

    def ids(self, node: Node) -> list[str]:
        return [str(category.id) for category in self.of(node)]

    def metadata(self, category: _Category) -> Json:
        """Definitions of a category and its attributes by key, in order; a set comes before its members."""
        found = {
            str(category.id): _definition(str(category.id), AttributeDef(category.name, "set"), "category")
        }
        for attribute in category.attributes:
            found[attribute.key] = _definition(attribute.key, attribute.definition)
            for member in attribute.members:
                found[member.key] = _definition(member.key, member.definition)
        return found

    def value(self, node: WorldWorkspace, category: int, attribute: int) -> Any:
        """One value by number, for custom columns; None when there is none."""
        key = f"{category}_{attribute}"
        return next((values[key] for values in self.listed(node) if key in values), None)

    def _flat(self, node: Node, category: _Category) -> Json:
        values: Json = {}
        for attribute in category.attributes:
            value = self._held(node, attribute.name)
            if attribute.definition.kind == "set":
                values.update(self._rows(node, attribute, value or ()))
            else:
                values.update(self._entry(node, attribute.key, attribute.definition, value))
        return values

    def _held(self, node: Node, name: str) -> Any:
        if isinstance(node, WorldWorkspace):
            return node.attrs.get(name)
        return node.expires if isinstance(node, WorldDocument) else None

    def _rows(self, node: Node, attribute: _Attribute, rows: Sequence[Json]) -> Iterator[tuple[str, Any]]:
        shown = rows if self._quirks.set_rows else rows[:1]
        for number, row in enumerate(shown, start=1):
            for member in attribute.members:
                key = member.key.replace("_x_", f"_{number}_")
                yield from self._entry(node, key, member.definition, row.get(member.name))

    def _entry(self, node: Node, key: str, definition: AttributeDef, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, list):
            value = [shown for item in value if (shown := self._shown(definition, item)) is not None]
        elif value is not None:
            value = self._shown(definition, value)
        chance = node.id + sum(map(ord, key))
        if value is not None and value != []:
            yield key, value
        elif definition.multiple and self._quirks.null_lists:
            yield key, _NO_VALUES[chance % len(_NO_VALUES)]
        elif not self._quirks.unset_forms or (form := chance % 3) == 0:
            yield key, None
        elif form == 1:
            yield key, ""

    def _shown(self, definition: AttributeDef, value: Any) -> Any:
        if definition.kind == "user":
            if value in self._world.state.deleted and not self._quirks.deleted_users_stay:
                return None
            return self._world.member_id(value)
        if definition.kind == "date":
            return f"{value}T00:00:00"
        if isinstance(value, datetime):
            return self._world.local(seconds(value))
        return value


def _category(number: int, name: str, definitions: Sequence[AttributeDef]) -> _Category:
    attributes, place = [], 1
    for definition in definitions:
        place += 1
        key, members = f"{number}_{place}", []
        for member in definition.members:
            members.append(_Attribute(f"{key}_x_{place + 1}", member.name, member))
            place += 1
        attributes.append(_Attribute(key, f"{name}.{definition.name}", definition, tuple(members)))
    return _Category(number, name, tuple(attributes))


def _definition(key: str, attribute: AttributeDef, persona: str | None = None) -> Json:
    number, name = _TYPES[attribute.kind]
    personas = {"set": "set", "user": "user"}
    values = [v.isoformat() if isinstance(v, datetime) else v for v in attribute.values or ()]
    many = attribute.multiple or attribute.kind == "set"
    definition: Json = {
        "allow_undefined": False,
        "bulk_shared": False,
        "default_value": None,
        "description": None,
        "hidden": False,
        "key": key,
        "key_value_pairs": False,
        "multi_value": many,
        "multi_value_length_default": 1,
        "multi_value_length_fixed": not many,
        "multi_value_length_max": 50 if many else 1,
        "name": attribute.name,
        "persona": persona or personas.get(attribute.kind, "categoryattribute"),
        "read_only": False,
        "required": False,
        "type": number,
        "type_name": "Category" if persona == "category" else name,
        "valid_values": values,
        "valid_values_name": [str(v) for v in values],
    }
    if attribute.kind in ("date", "datetime"):
        definition["include_time"] = attribute.kind == "datetime"
    return definition

"""The names that rules can use, from a schema snapshot: types, attributes, roles, document types."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vigil.compliance.facts import Attribute, WorkspaceType
from vigil.compliance.rules.clauses import FieldRef
from vigil.compliance.rules.patterns import EVENT_KEYS


@dataclass(frozen=True, slots=True)
class FieldKind:
    """The content of a field: its kind (`operators.KINDS`), whether it has many values, and the only allowed values, if known."""

    kind: str
    multiple: bool = False
    values: tuple[str, ...] | None = None


_KNOWN = {"name": FieldKind("string"), "created": FieldKind("datetime"), "modified": FieldKind("datetime")}


class TypeVocabulary:
    """The names that a rule can use for one workspace type."""

    def __init__(self, type_: WorkspaceType) -> None:
        self.type = type_
        self.roles = frozenset(type_.roles)
        self.documents = frozenset(document.type for document in type_.documents)
        self.by_key = {attribute.key: attribute for attribute in type_.attributes}
        by_name: dict[str, list[Attribute]] = defaultdict(list)
        for attribute in type_.attributes:
            by_name[attribute.name].append(attribute)
        self.by_name: Mapping[str, Sequence[Attribute]] = by_name

    def attributes(self, name: str) -> Sequence[Attribute]:
        """The attributes that ``CATEGORY.NAME`` or ``NAME`` may mean: none, one, or several with the same short name."""
        exact = self.by_key.get(name)
        return [exact] if exact is not None else self.by_name.get(name, [])

    def attribute_names(self) -> list[str]:
        """Every name allowed after ``attr.``: the short one, or the full one if that is ambiguous."""
        return sorted(a.name if len(self.by_name[a.name]) == 1 else a.key for a in self.type.attributes)


@dataclass(frozen=True, slots=True)
class People:
    """The groups and users that rules can name. None: unknown."""

    groups: frozenset[str] | None = None
    users: frozenset[str] | None = None

    @property
    def known(self) -> bool:
        return self.groups is not None and self.users is not None


class Vocabulary:
    """The names of a whole schema snapshot, and those of groups and users if known."""

    def __init__(self, schema: Iterable[WorkspaceType], people: People | None = None) -> None:
        self.types: Mapping[str, TypeVocabulary] = {type_.name: TypeVocabulary(type_) for type_ in schema}
        self.people = people or People()


def field_kind(ref: FieldRef, own: TypeVocabulary | None, whole: Vocabulary | None) -> FieldKind | None:
    """The kind of a field; None if unknown, as without a schema or for an unknown name."""
    match ref.root:
        case "name" | "created" | "modified":
            return _KNOWN[ref.root]
        case "role":
            return FieldKind("list", multiple=True)
        case "event":
            key = EVENT_KEYS.get(ref.name)
            kind = key.kind if key else None  # `from` and `to` have the kind of the attribute that changed
            return FieldKind(kind, multiple=kind == "list") if kind else None
        case "related":
            own = whole.types.get(ref.type) if whole else None
    found = own.attributes(ref.name) if own else ()
    if len(found) != 1:
        return None
    # There may be several related workspaces, so that their attributes are lists to the rule.
    many = found[0].multiple or ref.root == "related"
    return FieldKind(found[0].kind, many, found[0].values)


def nearest(name: str, allowed: Iterable[str]) -> str:
    """``Did you mean "owner"?`` if an allowed name is similar, else nothing."""
    folded = {candidate.casefold(): candidate for candidate in sorted(allowed, reverse=True)}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f'Did you mean "{folded[found[0]]}"?' if found else ""


def listing(names: Iterable[str], most: int = 12) -> str:
    """Names for an error, in order, the first dozen; ``none`` if there are none."""
    ordered = list(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return (", ".join(ordered[:most]) or "none") + more

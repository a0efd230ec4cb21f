"""Semantic checks of a rule: fields, operators, values, roles, document types, events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vigil.compliance.facts import Attribute
from vigil.compliance.rules import hints
from vigil.compliance.rules.clauses import DocumentLeaf, FieldLeaf, FieldRef, Scalar, leaves_placed
from vigil.compliance.rules.model import Rule, RuleKind, recipients_placed
from vigil.compliance.rules.operands import operand, operands, show
from vigil.compliance.rules.operators import Op, Takes
from vigil.compliance.rules.patterns import EVENT_KEYS
from vigil.compliance.rules.vocabulary import (
    FieldKind,
    People,
    TypeVocabulary,
    Vocabulary,
    field_kind,
    listing,
    nearest,
)
from vigil.compliance.rules.yaml_nodes import Node
from vigil.errors import Problem

_PERSONS = ("user", "string")


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "integer" else f"a {kind}"


@dataclass(frozen=True)
class Checker:
    """Checks one rule against a vocabulary; without one, only what needs no schema. `node` gives the places in the file."""

    file: str
    rule: Rule
    node: Node
    whole: Vocabulary | None

    @property
    def own(self) -> TypeVocabulary | None:
        """The vocabulary of the rule's own workspace type."""
        return self.whole.types.get(self.rule.subject.workspace_type) if self.whole else None

    def problems(self) -> Iterator[Problem]:
        name = self.rule.subject.workspace_type
        if self.whole is not None and self.own is None:
            at = self.node.at("subject", "workspace_type")
            yield self._unknown(
                at, "workspace type", name, "workspace_type", self.whole.types, "workspace types"
            )
        for key in ("where", "require", "when"):
            for path, leaf in leaves_placed(getattr(self.rule, key), (key,)):
                if isinstance(leaf, FieldLeaf):
                    yield from self._field_leaf(key, leaf, self.node.at(*path))
                elif isinstance(leaf, DocumentLeaf):
                    yield from self._documents(leaf.types, self.node.at(*path, "document"), "document")
        yield from self._events()
        yield from self._due()
        yield from self._recipients()

    def _field_leaf(self, clause: str, leaf: FieldLeaf, node: Node) -> Iterator[Problem]:
        ref = leaf.ref
        wrong = list(self._names(clause, ref, node.at("field")))
        yield from wrong
        if wrong:
            return
        kind = field_kind(ref, self.own, self.whole)
        if kind is not None and not leaf.op.row.fits(kind.kind, kind.multiple):
            fitting = [op for op in Op if op.row.fits(kind.kind, kind.multiple)]
            message = (
                f"`{leaf.op}` does not fit {leaf.field}, which is {_a(kind.kind)}; "
                f"operators that fit: {listing(fitting, 20)}."
            )
            yield node.at("op").problem(self.file, message, "op")
            return
        yield from self._value(leaf, kind, node)

    def _names(self, clause: str, ref: FieldRef, node: Node) -> Iterator[Problem]:
        """Check that the field exists, and is allowed in this clause."""
        match ref.root:
            case "event" if self.rule.kind is not RuleKind.TRANSITION or clause != "where":
                message = f"`event.{ref.name}` in the `{clause}` of a {self.rule.kind}; only a transition has an event."
                yield node.problem(self.file, message, "field")
            case "event" if ref.name not in EVENT_KEYS:
                yield self._unknown(node, "key of an event", ref.name, "field", EVENT_KEYS, "keys")
            case "attr":
                yield from self._attribute(ref.name, self.own, node, "field")
            case "role" if self.own is not None:
                yield from self._role(ref.name, node, "field")
            case "related" if self.whole is not None:
                other = self.whole.types.get(ref.type)
                if other is None:
                    names = self.whole.types
                    yield self._unknown(node, "workspace type", ref.type, "field", names, "workspace types")
                else:
                    yield from self._attribute(ref.name, other, node, "field")

    def _attribute(
        self, name: str, vocabulary: TypeVocabulary | None, node: Node, key: str
    ) -> Iterator[Problem]:
        if vocabulary is None:
            return
        found = vocabulary.attributes(name)
        if len(found) > 1:
            whole = listing(f"attr.{attribute.key}" for attribute in found)
            yield node.problem(
                self.file, f'several attributes are called "{name}"; write one of {whole}.', key
            )
        elif not found:
            names = vocabulary.attribute_names()
            kind = f"attributes of {vocabulary.type.name}"
            keys = [attribute.key for attribute in vocabulary.type.attributes]
            yield self._unknown(node, "attribute", name, key, names, kind, near=[*names, *keys])

    def _value(self, leaf: FieldLeaf, kind: FieldKind | None, node: Node) -> Iterator[Problem]:
        """Check that the value fits the operator and the field's kind, and is one of the attribute's values."""
        at = node.at("value") if "value" in node.keys else node.at("op")
        items = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
        if leaf.op.row.takes is Takes.MANY and leaf.value == ():
            never = "always met" if leaf.op.row.negates else "never met"
            yield at.problem(self.file, f"`{leaf.op}` with an empty list is {never}", "value")
            return
        if "" in items:
            message = f"`{leaf.op}` with an empty text says nothing: what is empty is not set"
            yield at.at(items.index("")).problem(self.file, message, "value", hints.a_value(leaf, kind))
            return
        name = kind.kind if kind else None
        try:
            operands(leaf.op, name, leaf.value)
        except ValueError as wrong:
            at = self._first_wrong(leaf, name, at)
            yield at.problem(self.file, str(wrong), "value", hints.a_value(leaf, kind))
            return
        if kind and kind.values is not None and (leaf.op.row.is_equal or kind.multiple):
            yield from self._among(items, leaf.field, kind.values, at, "value")

    def _first_wrong(self, leaf: FieldLeaf, kind: str | None, at: Node) -> Node:
        """The first unreadable item of a list; the value itself if it has the wrong shape."""
        if leaf.op.row.takes is not Takes.MANY or not isinstance(leaf.value, tuple):
            return at
        for index, item in enumerate(leaf.value):
            try:
                operand(leaf.op, kind, item)
            except ValueError:
                return at.at(index)
        return at

    def _among(
        self, items: Sequence[Scalar], field: str, values: Sequence[str], at: Node, key: str
    ) -> Iterator[Problem]:
        for index, item in enumerate(items):
            if item is not None and item not in values:
                message = f'{field} never is "{show(item)}"; its values: {listing(values, 20)}.'
                yield at.at(index).problem(self.file, message, key, nearest(show(item), values))

    def _documents(self, types: Sequence[Scalar], at: Node, key: str) -> Iterator[Problem]:
        known = self.own.documents if self.own else ()
        for index, name in enumerate(types):
            if known and name not in known:
                kind = f"document types of {self.rule.subject.workspace_type}"
                yield self._unknown(at.at(index), "document type", show(name), key, sorted(known), kind)

    def _events(self) -> Iterator[Problem]:
        for index, pattern in enumerate(self.rule.events):
            at = self.node.at("events", index, pattern.event.value)
            filters = pattern.filters
            if "type" in filters:
                yield from self._documents(filters["type"], at.at("type"), "type")
            for number, role in enumerate(filters.get("role", ())):
                yield from self._role(show(role), at.at("role", number), "role")
            attributes: list[Attribute] = []
            for number, name in enumerate(filters.get("field", ())):
                yield from self._event_field(name, at.at("field", number), attributes)
            if len(attributes) == 1 and (values := attributes[0].values) is not None:
                for key in ("from", "to"):
                    field = show(filters["field"][0])
                    yield from self._among(filters.get(key, ()), field, values, at.at(key), key)
            old, new = filters.get("from"), filters.get("to")
            if old is not None and len(set(old)) == 1 and old == new:
                message = f"a change from {show(old)} to itself never happens"
                yield at.at("to").problem(self.file, message, "to")

    def _event_field(self, name: Scalar, at: Node, attributes: list[Attribute]) -> Iterator[Problem]:
        if not isinstance(name, str) or not name.startswith("attr.") or name == "attr.":
            message = f'"{show(name)}" is no attribute; write attr.NAME or attr.CATEGORY.NAME.'
            hint = f'Did you mean "attr.{show(name)}"?'
            yield at.problem(self.file, message, "field", hint)
            return
        short = name.removeprefix("attr.")
        yield from self._attribute(short, self.own, at, "field")
        attributes += self.own.attributes(short) if self.own else ()

    def _due(self) -> Iterator[Problem]:
        if self.rule.due is None:
            return
        at = self.node.at("due")
        try:
            ref = FieldRef.parse(self.rule.due)
        except ValueError:
            message = f'"{self.rule.due}" is not a date field; write attr.NAME, created or modified.'
            yield at.problem(self.file, message, "due", self._meant(self.rule.due))
            return
        if ref.root not in ("attr", "created", "modified"):
            message = f"{self.rule.due} is not a date field; write attr.NAME, created or modified."
            yield at.problem(self.file, message, "due")
            return
        wrong = list(self._names("due", ref, at))
        yield from wrong
        kind = field_kind(ref, self.own, self.whole)
        if not wrong and kind is not None and (kind.kind not in ("date", "datetime") or kind.multiple):
            many = "a list" if kind.multiple else _a(kind.kind)
            dates = (
                [a.name for a in self.own.type.attributes if a.kind.startswith("date")] if self.own else []
            )
            message = f"{self.rule.due} is {many}, and a milestone needs one date; dates: {listing(dates)}."
            yield at.problem(self.file, message, "due")

    def _meant(self, name: str) -> str:
        return f'Did you mean "attr.{name}"?' if self.own and self.own.attributes(name) else ""

    def _recipients(self) -> Iterator[Problem]:
        if self.whole is None:
            return
        for path, to in recipients_placed(self.rule):
            at = self.node.at(*path)
            key = str(next(step for step in reversed(path) if isinstance(step, str)))
            if to.kind == "group":
                yield from self._group(to.value, at.at("group"), key, self.whole.people)
            elif to.kind == "user":
                yield from self._user(to.value, at.at("user"), key, self.whole.people)
            elif self.own is None:
                continue
            elif to.kind == "role":
                yield from self._role(to.value, at.at("role"), key)
            elif to.kind == "attr":
                yield from self._attribute(to.value, self.own, at.at("attr"), key)
                found = self.own.attributes(to.value)
                if len(found) == 1 and found[0].kind not in _PERSONS:
                    message = f"attr.{to.value} is {_a(found[0].kind)} and names nobody"
                    yield at.at("attr").problem(self.file, message, key)

    def _group(self, name: str, at: Node, key: str, people: People) -> Iterator[Problem]:
        if people.groups is None or name in people.groups:
            return
        if name in (people.users or ()):
            yield at.problem(self.file, f'"{name}" in `{key}` is a user; write user: {name}.', key)
        else:
            yield self._unknown(at, "group", name, key, sorted(people.groups), "groups")

    def _user(self, name: str, at: Node, key: str, people: People) -> Iterator[Problem]:
        if people.users is None or name in people.users:
            return
        if name in (people.groups or ()):
            yield at.problem(self.file, f'"{name}" in `{key}` is a group; write group: {name}.', key)
        else:
            message = f'unknown user "{name}" in `{key}`: nobody has this login'
            yield at.problem(self.file, message, key, nearest(name, people.users))

    def _role(self, name: str, at: Node, key: str) -> Iterator[Problem]:
        if self.own is not None and name not in self.own.roles:
            kind = f"roles of {self.own.type.name}"
            yield self._unknown(at, "role", name, key, self.own.type.roles, kind)

    def _unknown(
        self,
        at: Node,
        what: str,
        name: str,
        key: str,
        allowed: Iterable[str],
        kind: str,
        near: Iterable[str] | None = None,
    ) -> Problem:
        names = list(allowed)
        message = f'unknown {what} "{name}" in `{key}`; {kind}: {listing(names, 20)}.'
        return at.problem(self.file, message, key, nearest(name, names if near is None else near))

"""The clauses of a rule: leaves about a field, documents or missing documents, combined by all, any and not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
)

from vigil.compliance.rules.operands import found, show
from vigil.compliance.rules.operators import Op

Scalar = str | int | float | bool | date | datetime | None


def frozen(given: object) -> Scalar | tuple[Scalar, ...]:
    """A scalar, or a list of scalars as a tuple. Raises ValueError for anything else."""
    if isinstance(given, list | tuple):
        return tuple(_scalar(item) for item in given)
    return _scalar(given)


def _scalar(given: object) -> Scalar:
    if given is None or isinstance(given, str | int | float | bool | date):
        return given
    raise ValueError(f"a value is a text, a number, a date, true or false; found {found(given)}")


def _document_types(given: object) -> str | tuple[str, ...]:
    types = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not types or not all(isinstance(name, str) and name for name in types):
        raise ValueError(f"`document` takes a document type, or a list of them; found {found(given)}")
    return types if isinstance(given, list | tuple) else str(given)


_JsonScalar = str | int | float | bool | None
_AsItIs = PlainSerializer(lambda given: given, return_type=Any)
"""Serialises a value unchanged. By default pydantic tries every member of the union, and warns for each mismatch."""

FilterValue = Annotated[
    Scalar | tuple[Scalar, ...],
    PlainValidator(frozen, json_schema_input_type=_JsonScalar | tuple[_JsonScalar, ...]),
    _AsItIs,
]
DocumentTypes = Annotated[
    str | tuple[str, ...],
    PlainValidator(_document_types, json_schema_input_type=str | tuple[str, ...]),
    _AsItIs,
]


class RuleModel(BaseModel):
    """Base of every part of a rule: frozen, no unknown keys, keys reserved by Python under their YAML names."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class DocumentState(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    VALID = "valid"  # present and not expired
    EXPIRED = "expired"  # present, and none is valid


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A parsed field name. `root` determines which other fields are set.

    attr -> name (``status``, ``Contract.status``); role -> name; related -> type and name (of an attribute there); event -> name (the
    key); name, created and modified -> nothing more.
    """

    root: Literal["attr", "role", "related", "event", "name", "created", "modified"]
    name: str = ""
    type: str = ""

    @staticmethod
    @lru_cache(maxsize=4096)
    def parse(text: str) -> FieldRef:
        """Parse ``attr.Contract.status``. Raises ValueError with the allowed forms."""
        root, _, rest = text.partition(".")
        match root:
            case "name" | "created" | "modified" if not rest and "." not in text:
                return FieldRef(root)
            case "attr" | "role" | "event" if rest:
                return FieldRef(root, rest)
            case "related":
                kind, found, name = rest.partition(".attr.")
                if kind and found and name:
                    return FieldRef("related", name, kind)
        raise ValueError(
            f'"{text}" is not a field; write attr.NAME, attr.CATEGORY.NAME, name, created, modified, '
            "role.NAME, related.TYPE.attr.NAME, or event.KEY in a transition"
        )


def _field(text: str) -> str:
    FieldRef.parse(text)
    return text


class FieldLeaf(RuleModel):
    """Compares one field: ``{field: attr.status, op: in, value: [active, renewing]}``."""

    field: Annotated[str, BeforeValidator(lambda v: _field(v) if isinstance(v, str) else v)] = Field(
        description="attr.NAME, attr.CATEGORY.NAME, name, created, modified, role.NAME, "
        "related.TYPE.attr.NAME, or event.KEY in a transition"
    )
    op: Op
    value: FilterValue = Field(default=None, description="A value, a list, or nothing; by `op`")

    @property
    def ref(self) -> FieldRef:
        return FieldRef.parse(self.field)

    @property
    def text(self) -> str:
        """The leaf as a line of text."""
        return self.op.row.sentence.format(field=self.field, value=show(self.value))


class DocumentLeaf(RuleModel):
    """Checks the state of documents of one or more types; each type must be in the state."""

    document: DocumentTypes = Field(
        description="A document type, or a list of them: each must be in the state"
    )
    state: DocumentState = DocumentState.PRESENT

    @property
    def types(self) -> tuple[str, ...]:
        return self.document if isinstance(self.document, tuple) else (self.document,)

    @property
    def text(self) -> str:
        return f"document {show(self.types)} is {self.state}"


class MissingLeaf(RuleModel):
    """Checks Extended ECM's own list of missing documents."""

    missing_documents: Literal["any", "none"]

    @property
    def text(self) -> str:
        return f"Extended ECM's list of missing documents has {self.missing_documents}"


class All(RuleModel):
    """Met if every clause is met."""

    all: tuple[Clause, ...] = Field(min_length=1)


class Any_(RuleModel):
    """Met if at least one clause is met."""

    any: tuple[Clause, ...] = Field(min_length=1)


class Not(RuleModel):
    """Met if its clause is not met."""

    not_: Clause = Field(alias="not")


Leaf = FieldLeaf | DocumentLeaf | MissingLeaf

CLAUSE_KEYS: Mapping[str, type[RuleModel]] = {
    "all": All,
    "any": Any_,
    "not": Not,
    "not_": Not,
    "field": FieldLeaf,
    "document": DocumentLeaf,
    "missing_documents": MissingLeaf,
}
"""The key that tells which clause a mapping is."""


def _which(given: Any) -> str | None:
    """The kind of clause of a mapping, by its keys; None if they match none."""
    if isinstance(given, RuleModel):
        return type(given).__name__
    if isinstance(given, dict):
        return next((CLAUSE_KEYS[key].__name__ for key in given if key in CLAUSE_KEYS), None)
    return None


Clause = Annotated[
    Union[  # noqa: UP007  (Tag needs each member annotated)
        Annotated[All, Tag("All")],
        Annotated[Any_, Tag("Any_")],
        Annotated[Not, Tag("Not")],
        Annotated[FieldLeaf, Tag("FieldLeaf")],
        Annotated[DocumentLeaf, Tag("DocumentLeaf")],
        Annotated[MissingLeaf, Tag("MissingLeaf")],
    ],
    Discriminator(
        _which,
        custom_error_type="clause",
        custom_error_message="not a clause; write all, any, not, "
        "or a leaf with field, document or missing_documents",
    ),
]

for _model in (All, Any_, Not):
    _model.model_rebuild()


def leaves(clause: Clause | None) -> Iterator[Leaf]:
    """Every leaf below a clause, in the order of the file."""
    for _, leaf in leaves_placed(clause):
        yield leaf


def leaves_placed(
    clause: Clause | None, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Leaf]]:
    """Every leaf below a clause, each with the path of keys and indices to it, starting with `path`."""
    match clause:
        case None:
            return
        case All(all=parts):
            for index, part in enumerate(parts):
                yield from leaves_placed(part, (*path, "all", index))
        case Any_(any=parts):
            for index, part in enumerate(parts):
                yield from leaves_placed(part, (*path, "any", index))
        case Not(not_=part):
            yield from leaves_placed(part, (*path, "not"))
        case _:
            yield path, clause

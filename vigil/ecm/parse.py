"""Converts the server's JSON to plain values: pure functions, no calls. Contract: docs/contracts/ecm.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed

LARGEST = 2**63 - 1
"""The largest number that both of the ledger's databases can store."""

FOLDER, DOCUMENT, SHORTCUT, WORKSPACE = 0, 144, 1, 848
"""Node types (docs/contracts/ecm.md#nodes)."""


@contextmanager
def shaped(path: str) -> Iterator[None]:
    """Inside the block, a missing key or a value of the wrong type in a response raises Malformed."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        # What the error quotes may be the value of an attribute that must not be told.
        raise Malformed(path, f"not of the shape that is documented: {_what(error)}") from None


def _what(error: Exception) -> str:
    """The fault of a response's format, without its values: a missing key is named."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is not there"
    unreadable = isinstance(error, ValueError | ArithmeticError)
    return "a value cannot be read" if unreadable else "a value is of another kind"


def instant(text: object, zone: tzinfo) -> datetime | None:
    """An instant in UTC. Naive strings are in the server's `zone`; "" and null mean that there is none.

    In the hour that occurs twice, the first is used: ECM does not say which.
    """
    if not text or not isinstance(text, str):
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def day(text: object) -> date | None:
    """A date without a time: the day as written, in no zone."""
    if not text or not isinstance(text, str):
        return None
    return date.fromisoformat(text[:10])


def properties(row: Json) -> Json:
    """The properties of a list's row or of a single answer's `results`."""
    data = row.get("data") or {}
    found = data.get("properties")
    return found if isinstance(found, dict) else {}


def node_id(row: Json) -> int:
    """The id of a row, which identifies rows in a list of nodes."""
    return identity(properties(row)["id"])


def identity(value: object) -> int:
    """The id of a node or a member. Raises ValueError for an id that a ledger cannot store."""
    number = integer(value)
    if number is None or abs(number) > LARGEST:
        raise ValueError(f"{str(value)[:40]!r} is no id")
    return number


def rows(answer: Json, path: str) -> list[Json]:
    found = answer.get("results")
    if not isinstance(found, list):
        raise Malformed(path, "expected a list in `results`")
    return found


def single(answer: Json, path: str) -> Json:
    """`results` of a response about one item; some calls wrap it in a list of one."""
    found = answer.get("results")
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        raise Malformed(path, "one thing was asked for and `results` holds none")
    return found


def integer(value: object) -> int | None:
    """A number, also if given as text; None for "" and null."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    if isinstance(value, int | float | str):
        return int(value)
    return None


def integers(value: object) -> list[int]:
    """The numbers of a value that is one, a list of them, or nothing."""
    every = value if isinstance(value, list) else [value]
    return [number for one in every if (number := integer(one))]


def versions(row: Json) -> list[Json]:
    """The versions of a document's row, oldest first: all (`fields=versions`) or the newest (``.element(0)``)."""
    found = (row.get("data") or {}).get("versions") or []
    listed = found if isinstance(found, list) else [found]
    return sorted(listed, key=lambda one: integer(one.get("version_number")) or 0)


# -- members


@dataclass(frozen=True, slots=True)
class Member:
    """A user (`kind` 0) or a group (`kind` 1) of the directory; `name` is the login or the group's name."""

    id: int
    kind: int
    name: str
    full_name: str = ""
    email: str | None = None
    zone: str | None = None
    language: str | None = None
    deleted: bool = False
    complete: bool = True  # False: seen in passing, without e-mail and zone

    @property
    def principal(self) -> str:
        return f"group:{self.name}" if self.kind == 1 else f"user:{self.name}"


def member(found: Json) -> Member:
    """From `GET /v2/members/{id}`, a list of members, or the members of a role."""
    kind = integer(found.get("type")) or 0
    name = str(found["name"])
    if why := odd_text(name):
        raise ValueError(f"the name of a member {why}")
    full = str(found.get("name_formatted") or "").strip()
    if not full:
        full = " ".join(str(found.get(part) or "") for part in ("first_name", "last_name")).strip()
    zone = found.get("time_zone")
    return Member(
        id=identity(found["id"]),
        kind=1 if kind == 1 else 0,
        name=name,
        full_name=clean(full) or name,
        email=_text(found.get("business_email")),
        zone=_text(zone),
        language=_text(found.get("display_language")),
        deleted=bool(found.get("deleted")),
        complete=kind == 1 or "business_email" in found,
    )


def _text(value: object) -> str | None:
    """A text that can be stored, or nothing."""
    return value if isinstance(value, str) and value and not odd_text(value) else None


def clean(text: str) -> str:
    """A text that is only shown, without characters that cannot be stored."""
    return "".join("\ufffd" if odd_text(c) else c for c in text) if odd_text(text) else text


def odd_text(text: str) -> str:
    """The fault of a text; empty if it can be stored: PostgreSQL has no NUL, and half a surrogate pair is not a character."""
    if "\0" in text:
        return "holds a NUL character"
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        return "holds half a surrogate pair"
    return ""


@dataclass(frozen=True, slots=True)
class Role:
    id: int
    name: str
    members: tuple[Member, ...] | None  # None: this version of ECM did not give them in the same call


def role(row: Json) -> Role:
    """A row of `GET /v2/businessworkspaces/{id}/roles?fields=members`."""
    found = properties(row)
    listed = (row.get("data") or {}).get("members")
    held = None
    if isinstance(listed, list):
        held = tuple(member(entry.get("properties") or entry) for entry in listed)
    return Role(identity(found["id"]), str(found["name"]), held)


# -- audit


def audit_rows(answer: Json) -> list[Json]:
    """The audit rows. Raises KeyError or TypeError without a list of them: an empty one would mean that nothing happened."""
    found = answer["results"]["data"]["audit"]
    if not isinstance(found, list):
        raise TypeError(f"`audit` is {type(found).__name__} and no list")
    return found


def audit_names(answer: Json) -> dict[int, str]:
    """The names of event types, from the response itself."""
    kinds = ((answer.get("results") or {}).get("data") or {}).get("audit_event_types") or []
    return {int(kind["id"]): str(kind["name"]) for kind in kinds}


# -- document types


@dataclass(frozen=True, slots=True)
class DocType:
    name: str
    required: bool
    valid_months: int | None
    classification: int | None


def doc_types(answer: Json) -> list[DocType]:
    """Parse `GET /v2/businessworkspaces/{id}/doctypes`. Raises ValueError for an unknown format."""
    return [_doc_type(found) for found in _entries(answer, "doctypes", "document_types", "doc_types")]


def _doc_type(found: Json) -> DocType:
    return DocType(
        name=_named(found, "document_type_name", "doctype_name", "classification_name", "name"),
        required=_truth(_first(found, "required", "document_type_required", "is_required")),
        valid_months=integer(
            _first(found, "valid_months", "validity_months", "validity", "document_valid_months")
        ),
        classification=integer(_first(found, "classification_id", "id", "document_type_id")),
    )


def missing_types(answer: Json) -> list[str]:
    """The type names of `GET /v2/businessworkspaces/{id}/missingdocuments`.

    Raises ValueError for an unknown format: an empty list would mean that nothing is missing.
    """
    found = _entries(answer, "missingdocuments", "missing_documents", "documents")
    return [_named(entry, "document_type_name", "document_type", "doctype_name", "name") for entry in found]


def _entries(answer: Json, *names: str) -> Iterator[Json]:
    """The items of a list, however deeply this endpoint wraps them: the module's versions differ."""
    found: Any = answer.get("results")
    # {"results": {"data": {"<name>": [...]}}}, {"results": {"<name>": [...]}} and {"results": [...]} all occur.
    while isinstance(found, dict):
        inner = [found[name] for name in ("data", *names) if isinstance(found.get(name), list | dict)]
        found = inner[0] if inner else None
    if not isinstance(found, list):
        raise ValueError(f"no list of {names[0]} in the answer")
    for entry in found:
        data = entry.get("data", entry)
        things = [data[name] for name in ("properties", *names) if isinstance(data.get(name), dict)]
        yield things[0] if things else data


def _named(found: Json, *names: str) -> str:
    name = _first(found, *names)
    if name is None:
        raise ValueError(f"none of {', '.join(names)} in {sorted(found)}")
    return str(name)


def _first(found: Json, *names: str) -> Any:
    return next((found[name] for name in names if found.get(name) not in (None, "")), None)


def _truth(value: object) -> bool:
    return value in (True, 1, "1", "true", "True")


def chunks(ids: Iterable[int], size: int) -> list[Sequence[int]]:
    """The ids, each once, in their order, in sequences of at most `size`."""
    unique = list(dict.fromkeys(ids))
    return [unique[at : at + size] for at in range(0, len(unique), size)]

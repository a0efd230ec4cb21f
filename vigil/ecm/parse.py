"""Converts the server's JSON to plain values: pure functions, no calls. Contract: docs/contracts/ecm.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed

LARGEST = 2**63 - 1
"""The largest number that both of the ledger's databases can store."""

FOLDER, DOCUMENT, SHORTCUT, WORKSPACE = 0, 144, 1, 848
"""Node types (docs/contracts/ecm.md#nodes)."""

CONTAINERS = (FOLDER, WORKSPACE)


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


EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)
"""The first and last instants that have a date in every zone. What people write for "always" and "never" lies beyond them."""


def instant(text: object, zone: tzinfo) -> datetime | None:
    """An instant in UTC, between `EARLIEST` and `LATEST`. Naive strings are in the server's `zone`; "" and null mean that there is
    none. Raises ValueError or TypeError for what is no date.

    In the hour that occurs twice, the first is used: ECM does not say which.
    """
    if not (written := _written(text)):
        return None
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return min(max(moment.astimezone(UTC), EARLIEST), LATEST)
    except OverflowError:
        return LATEST if moment.year > 1 else EARLIEST


def _written(text: object) -> str:
    """A date as written, "" for none. Raises TypeError for anything else: a number is a date that cannot be read, not none."""
    if not text:
        return ""
    if not isinstance(text, str):
        raise TypeError("a date is written as text")
    return text


def day(text: object) -> date | None:
    """A date without a time: the day as written, in no zone."""
    written = _written(text)
    return date.fromisoformat(written[:10]) if written else None


def day_or_instant(text: object, zone: tzinfo) -> date | datetime | None:
    """A date of an attribute: a day where its time is midnight as written, in whatever zone; an instant otherwise."""
    if not _written(text):
        return None
    written = datetime.fromisoformat(_written(text))
    if (written.hour, written.minute, written.second, written.microsecond) == (0, 0, 0, 0):
        return written.date()
    return instant(text, zone)


def mapping(value: object) -> Json:
    """An object of a response; empty for what is not delivered: absent, null, "" or []. Raises TypeError for anything else."""
    if isinstance(value, dict):
        return value
    if value is None or value == "" or value == []:
        return {}
    raise TypeError("an object was expected")


def objects(value: object) -> list[Json]:
    """The objects of a list, of a single one, or of nothing. Raises TypeError for anything else."""
    if isinstance(value, list):
        return [mapping(one) for one in value]
    return [found] if (found := mapping(value)) else []


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


def workspace_type(answer: Json, path: str) -> int | None:
    """The id of a workspace's type in the answer to its own call; None where that does not tell it. Raises Malformed."""
    with shaped(path):
        data = mapping(single(answer, path).get("data"))
        return integer(mapping(data.get("business_properties")).get("workspace_type_id"))


def integer(value: object) -> int | None:
    """A number, also if given as text; None for "" and null."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    if isinstance(value, int | float | str):
        return int(value)
    return None


_TRUTHS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def truth(value: object) -> bool:
    """Yes or no, also if given as a number or a text; no for "" and null. Raises ValueError or TypeError for anything else."""
    if value is None or value == "":
        return False
    if not isinstance(value, bool | int | float | str):
        raise TypeError("yes or no is no object")
    written = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if (found := _TRUTHS.get(written.strip().lower())) is None:
        raise ValueError("neither yes nor no")
    return found


def name(value: object) -> str:
    """A name by which something is known. Raises TypeError for none: "" and null name nothing."""
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise TypeError("a name is not there")
    return str(value)


def integers(value: object) -> list[int]:
    """The numbers of a value that is one, a list of them, or nothing."""
    every = value if isinstance(value, list) else [value]
    return [number for one in every if (number := integer(one))]


def held(found: Json) -> int | None:
    """How many items a container has, from its properties: nodes call it `container_size`, lists of workspaces `size`."""
    size = found.get("container_size")
    return integer(found.get("size") if size is None else size)


def versions(row: Json) -> list[Json]:
    """The versions of a document's row, oldest first: all (`fields=versions`) or the newest (``.element(0)``)."""
    return _in_order(objects((row.get("data") or {}).get("versions")))


def version_list(answer: Json) -> list[Json]:
    """The versions of `/nodes/{id}/versions`, oldest first: rows in `results` (v2) or in `data` (v1), or a single one.

    Raises TypeError for another shape: a document without a version there is not.
    """
    results = answer.get("results")
    if results is None:
        listed = objects(answer["data"])
    else:
        listed = [
            one for row in objects(results) for one in objects(mapping(row.get("data")).get("versions"))
        ]
    if not listed:
        raise TypeError("no version of a document")
    return _in_order(listed)


def _in_order(listed: list[Json]) -> list[Json]:
    return sorted(listed, key=lambda one: integer(one.get("version_number")) or 0)


def owner(version: Json) -> object:
    """The id of the person who added a version: v1 has the whole person in its place."""
    found = version.get("owner_id")
    return found.get("id") if isinstance(found, dict) else found


# -- members


USER, GROUP, ROLE = 0, 1, 848
"""The kinds of members."""

_KINDS = {
    0: USER,
    17: USER,
    1: GROUP,
    101: GROUP,
}  # service users, signing groups; anything else is nobody to tell
_PREFIXES = {USER: "user:", GROUP: "group:", ROLE: "role:"}


@dataclass(frozen=True, slots=True)
class Member:
    """A user, a group or a workspace's role (`kind`) of the directory; `name` is the login, or the name of the group or role.

    It has no zone: Extended ECM's `time_zone` is a number that names none.
    """

    id: int
    kind: int
    name: str
    full_name: str = ""
    email: str | None = None
    language: str | None = None
    deleted: bool = False
    complete: bool = True  # False: seen in passing, without e-mail

    @property
    def principal(self) -> str:
        return f"{_PREFIXES[self.kind]}{self.name}"


def member(found: Json) -> Member:
    """From `GET /v2/members/{id}`, a list of members, or the members of a role."""
    kind = _KINDS.get(integer(found.get("type")) or 0, ROLE)
    known_by = name(found["name"])
    if why := odd_text(known_by):
        raise ValueError(f"the name of a member {why}")
    full = str(found.get("name_formatted") or found.get("display_name") or "").strip()
    if not full:
        full = " ".join(str(found.get(part) or "") for part in ("first_name", "last_name")).strip()
    return Member(
        id=identity(found["id"]),
        kind=kind,
        name=known_by,
        full_name=clean(full) or known_by,
        email=_text(found.get("business_email")),
        language=_text(found.get("display_language")),
        deleted=truth(found.get("deleted")),
        complete=kind != USER or "business_email" in found,
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
    return Role(identity(found["id"]), name(found["name"]), held)


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
    return {int(kind["id"]): str(kind["name"]) for kind in kinds if kind.get("name")}


# -- document types


@dataclass(frozen=True, slots=True)
class DocType:
    """A document type of a workspace type. `valid_months` None: documents of the type do not expire."""

    name: str
    required: bool
    valid_months: int | None
    classification: int | None


def doc_types(answer: Json) -> list[DocType]:
    """Parse `GET /v2/businessworkspaces/{id}/doctypes`. Raises LookupError, TypeError or ValueError for another shape."""
    found = answer["results"]
    if not isinstance(found, list):
        raise TypeError("no list of document types")
    return [_doc_type(mapping(row["data"]["properties"])) for row in found]


def _doc_type(found: Json) -> DocType:
    # 0 months, or a validity that is not required: such documents do not expire.
    months = integer(found.get("validity")) or 0
    told = found.get("validity_required")
    expires = months > 0 and (told in (None, "") or truth(told))
    return DocType(
        name=name(found["classification_name"]),
        required=truth(found.get("required")),
        valid_months=months if expires else None,
        classification=integer(found.get("classification_id")),
    )


def missing_types(answer: Json) -> list[str]:
    """The names of the types of `GET /v2/businessworkspaces/{id}/missingdocuments`.

    Raises LookupError, TypeError or ValueError for another shape, or if rows are lacking: an empty list would mean that nothing is
    missing.
    """
    found = answer["results"]
    rows_ = found["data"]
    if not isinstance(rows_, list):
        raise TypeError("no list of missing documents")
    total = integer(found.get("total_count"))
    if total is not None and total > len(rows_):
        raise ValueError(f"{total} documents are missing, and {len(rows_)} came")
    return [name(row["name"]) for row in rows_]


def classifications(answer: Json) -> list[tuple[int, str]]:
    """The ids and names of `GET /v1/nodes/{id}/classifications`. Raises LookupError or TypeError for another shape."""
    found = answer["data"]
    if not isinstance(found, list):
        raise TypeError("no list of classifications")
    return [(identity(row["id"]), name(row["name"])) for row in found]


def chunks(ids: Iterable[int], size: int) -> list[Sequence[int]]:
    """The ids, each once, in their order, in sequences of at most `size`."""
    unique = list(dict.fromkeys(ids))
    return [unique[at : at + size] for at in range(0, len(unique), size)]

"""The vendor's OpenAPI documents in ../shared, as calls with their parameters and the key paths of their answers.

Reading both documents takes a second: what is needed of them is kept in a file beside pytest's cache, so that later processes read
that. It holds parameter names of the vendor's, and like the cache it is no part of the project.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.shared import PROJECT, SHARED

VENDOR = SHARED / "contracts" / "vendor"
DOCUMENTS = ("content-server-2.0.2.yaml", "business-workspaces.yaml")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
KEPT = PROJECT / ".pytest_cache"
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD")

Json = dict[str, Any]
Values = Mapping[str, frozenset[str] | None]
"""Parameter name -> the values that it may have, None for any."""

_PARAMETER = re.compile(r"\{[^}]*\}")


@dataclass(slots=True)
class Operation:
    """One call as the documents have it. `query` and `form` map a parameter to its enumeration, None when it has none.

    `numbers` are the places of the path (counted by segment) that hold an integer. `answer` are the key paths of its answers of
    status 200, array levels dropped.
    """

    query: dict[str, list[str] | None] = field(default_factory=dict)
    form: dict[str, list[str] | None] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)


@cache
def operations() -> Mapping[tuple[str, str], Operation]:
    """Every call of both documents by (method, path), parameters of the path written `{}`. What both have is merged."""
    texts = [(VENDOR / name).read_bytes() for name in DOCUMENTS]
    version = hashlib.sha256(b"".join([*texts, Path(__file__).read_bytes()])).hexdigest()[:16]
    kept = KEPT / f"vendor-{version}.json"
    if kept.is_file():
        rows = json.loads(kept.read_bytes())
        return {(method, path): Operation(**row) for method, path, row in rows}
    found: dict[tuple[str, str], Operation] = {}
    for text in texts:
        _Document(yaml.load(text, yaml.CSafeLoader)).read(found)
    KEPT.mkdir(exist_ok=True)
    written = kept.with_suffix(f".{id(found)}")
    written.write_text(json.dumps([[*key, asdict(operation)] for key, operation in found.items()]))
    written.replace(kept)
    return found


def template(path: str) -> str:
    """The path with its parameters written `{}`."""
    return _PARAMETER.sub("{}", path)


class _Document:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._paths: dict[str, frozenset[str]] = {}

    def read(self, found: dict[tuple[str, str], Operation]) -> None:
        for path, calls in self._document["paths"].items():
            for method, call in calls.items():
                if method.upper() in METHODS:
                    operation = found.setdefault((method.upper(), template(path)), Operation())
                    self._add(
                        operation, path, [*calls.get("parameters", ()), *call.get("parameters", ())], call
                    )

    def _add(self, operation: Operation, path: str, parameters: Iterable[Json], call: Json) -> None:
        segments = path.split("/")
        for parameter in map(self._resolved, parameters):
            schema = self._resolved(parameter.get("schema", {}))
            if parameter["in"] == "query":
                operation.query[parameter["name"]] = self._enumeration(schema)
            elif parameter["in"] == "path" and schema.get("type") == "integer":
                operation.numbers += [
                    n
                    for n, s in enumerate(segments)
                    if s == f"{{{parameter['name']}}}" and n not in operation.numbers
                ]
        body = self._resolved(call.get("requestBody", {}))
        for kind, content in body.get("content", {}).items():
            if kind in FORMS:
                schema = self._resolved(content["schema"])
                for name, part in schema.get("properties", {}).items():
                    operation.form[name] = self._enumeration(self._resolved(part))
        answers = call["responses"]
        for content in self._resolved(answers.get(200, answers.get("200", {}))).get("content", {}).values():
            given = self._key_paths(content.get("schema", {}), ())
            operation.answer = sorted({*operation.answer, *given})

    def _enumeration(self, schema: Json) -> list[str] | None:
        values = schema.get("enum") or self._resolved(schema.get("items", {})).get("enum")
        return [str(v) for v in values] if values else None

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            found: Json = self._document
            for key in schema["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            schema = found
        return schema

    def _key_paths(self, schema: Json, within: tuple[str, ...]) -> frozenset[str]:
        """The key paths below a schema; one that contains itself is entered once."""
        name = schema.get("$ref", "")
        if name in self._paths:
            return self._paths[name]
        if name and name in within:
            return frozenset()
        inside = (*within, name) if name else within
        resolved = self._resolved(schema)
        found: set[str] = set()
        for part in self._parts(resolved):
            found |= self._key_paths(part, inside)
        for key, part in resolved.get("properties", {}).items():
            found.add(key)
            found |= {f"{key}.{below}" for below in self._key_paths(part, inside)}
        if name and not within:
            self._paths[name] = frozenset(found)
        return frozenset(found)

    def _parts(self, schema: Json) -> Iterator[Json]:
        """The schemas whose keys stand at the same place: of items, and of alternatives."""
        if "items" in schema:
            yield schema["items"]
        for word in ("allOf", "oneOf", "anyOf"):
            yield from schema.get(word, ())

"""What the vendor's documents and recordings (../shared/contracts) say against a request or an answer, with their known exceptions.

What can and cannot be checked by them is told in ../shared/contracts/vendor/README.md: paths, methods, names of parameters and their
enumerations; of answers the names of keys, no types and nothing that is required.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.shared import SHARED
from tests.support.vendor_documents import Operation, operations, template

RECORDED = SHARED / "contracts" / "recorded"
MOST_IDS = 250
"""Ids in one `POST /v2/nodes/list`; more are refused."""

Json = dict[str, Any]
NO_VALUES: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True, slots=True)
class KnownException:
    """A call, or parameters of a call, that neither document has. `seen` names the sources."""

    method: str
    path: str
    seen: str
    query: frozenset[str] = frozenset()
    form: frozenset[str] = frozenset()


def _exception(method: str, path: str, seen: str, query: str = "", form: str = "") -> KnownException:
    return KnownException(method, template(path), seen, frozenset(query.split()), frozenset(form.split()))


EXCEPTIONS = (
    _exception("GET", "/v1/nodes/{id}/classifications", "pyxecm, xecm"),
    _exception("GET", "/v2/businessworkspaces/{id}/missingdocuments", "recorded (Smart View), pyxecm"),
    _exception("GET", "/v2/businessworkspaces/{id}/inprocessdocuments", "recorded (Smart View), pyxecm"),
    _exception(
        "GET",
        "/v2/businessworkspaces/{id}/doctypes",
        "pyxecm, recorded/pyxecm-doctypes.json",
        query="skip_validation document_type_rule document_generation_only skip_docgen_upload_only sort_by",
    ),
    _exception("GET", "/v2/businessworkspace/{id}/reports", "pyxecm", query="type"),
    _exception("GET", "/v2/businessworkspace/myteamtodo", "pyxecm"),
    _exception(
        "POST",
        "/v2/nodes/list",
        "fields: pyxecm, in the form (in the URL nowhere yet, unproven); body: the document's description",
        query="fields",
        form="fields body",
    ),
    _exception(
        "POST",
        "/v2/search",
        "fields, cache_id: recorded; slice_id, location_id1: pyxecm",
        form="fields cache_id slice_id location_id1",
    ),
    _exception("GET", "/v2/workflows/status", "recorded; pyxecm", query="kind selectionType"),
    _exception("GET", "/v2/businessworkspaces/{id}", "recorded", query="metadata include_icon"),
    _exception(
        "GET",
        "/v2/members/{id}/members",
        "pyxecm; named in the document's own 400 text, not among its parameters",
        query="where_type",
    ),
)
"""The exceptions of ../shared/contracts/vendor/README.md, "What they are for". OTDS is another server, and is not asked here."""

_SAME_VALUES = {("GET", "/v2/workflows/status", "kind"): "Kind"}
"""Parameters of the exceptions that have the enumeration of one in the documents."""

EXTRA_KEYS: Mapping[str, str] = {
    r"(.*\.)?\w+_expand(\..*)?": "every expansion of an id",
    r"results\.data\.(categories|versions|followups|columns)(\..*)?": "groups of a node",
    r"results\.data\.properties\.(size|size_formatted|mime_type)": "columns of nodes",
    r"results\.data\.properties\.deleted": "members",
    r"results\.data\.audit_event_types(\..*)?": "audit: the table of event names",
    r"collection\.paging\.links(\..*)?": "search, children, audit: next and previous",
    r"results\.step_list\.stopped(\..*)?": "a stopped workflow",
    r"results\.wf_details\.stopped_date": "a stopped workflow",
    r"results\.data\.wfstatus\.assignee\.groupName": "rows of workflows",
    r"(results\.)?meta_data(\..*)?": "lists of workspaces",
    r"results\.data\.properties\.(wnf|wnd)_\w+": "columns of lists of workspaces",
    r"results\.data\.properties\.rel_type": "related items since CE",
    r"paging\.actions(\..*)?": "lists of workspaces: the document says paging.links",
    r"results\.data\.members(\..*)?": "members of roles",
    r"results\.data\.properties\.templates(\..*)?": "types of workspaces",
    # Of ../shared/contracts/ecm.md, where a client is the only source:
    r"results\.stepList\.WORKINFO\.SubWorkTask_\w+": "status/info: a client reads them there, the schema has WORK",
    r"results\.Comments(\..*)?": "status/info: a client writes it so, the schema `comments`",
    r"(.*\.)?assignedto(\.(groupId|groupName|assignees(\..*)?))?": "steps and rows of workflows that a group has",
    # Of recordings of some calls, while others of the same kind have none:
    r"(.*\.)?links(\.data)?(\.self(\.(body|content_type|href|method|name))?)?": "every answer of v2 with results",
    r"collection\.sorting\.sort\.(key|value)": "every list with a collection",
    r"results\.data\.properties\.(name|description)_multilingual\.\w+": "languages of a site",
    r"results\.data\.properties\.(permissions_model|reserved_shared_collaboration)": "nodes since 2019",
    r"results\.data\.regions\.\w+": "search: each site has regions of its own",
    r"collection\.searching\.regions_(metadata|order)(\..*)?": "search: the same regions",
    r"collection\.sorting\.links\.(asc|desc)_\w+(\..*)?": "search: the same regions",
}
"""Key paths of real answers that the schemas lack: the second list of the README, "What cannot"."""

_EXTRA = re.compile("|".join(EXTRA_KEYS))
_FOLDED = re.compile(r"-?\d+(_(\d+|x))*")
"""Keys that are ids (`153424`), or of an attribute (`123_4`, `123_9_x_2`)."""


def refused(
    method: str,
    path: str,
    query: Iterable[str],
    form: Iterable[str],
    values: Mapping[str, Sequence[str]] = NO_VALUES,
) -> list[str]:
    """Why a request is not one of the vendor's documents nor of EXCEPTIONS; empty when it is one.

    `path` begins with its version, and its parameters are values or names in braces. `query` and `form` are names, `values` what
    was sent under names of either.
    """
    found = _known(method, path)
    if found is None:
        return [f"{method} {path}: no such call in the vendor's documents"]
    place, operation, known = found
    extra_query = {name for e in known for name in e.query}
    extra_form = {name for e in known for name in e.form}
    reasons = [
        f"{method} {place}: no {kind} parameter {name!r}"
        for kind, given, ours, theirs in (
            ("query", query, operation.query, extra_query),
            ("form", form, operation.form, extra_form),
        )
        for name in dict.fromkeys(given)
        if name not in ours and name not in theirs
    ]
    reasons += _wrong_values(method, place, operation, values)
    if (method, place) == ("POST", "/v2/nodes/list") and len(_ids(values)) > MOST_IDS:
        reasons.append(f"{method} {place}: {len(_ids(values))} ids, {MOST_IDS} are allowed")
    return reasons


def call(method: str, path: str) -> str:
    """The call that a request makes, as the documents write it: ``GET /v2/nodes/{}/nodes``. An unknown one as it is."""
    return f"{method} {_place(method, path) or path}"


def parameters(method: str, path: str) -> frozenset[str]:
    """The names of query and form parameters that the documents have for a call; no exceptions. Empty for an unknown call."""
    found = operations().get((method, _place(method, path) or ""))
    return frozenset() if found is None else frozenset({*found.query, *found.form})


def key_paths(value: object) -> set[str]:
    """The dotted paths of all keys of a JSON value, `results.data.properties.id`: no array levels, ids and category keys as `*`."""
    found: set[str] = set()
    if isinstance(value, list):
        for item in value:
            found |= key_paths(item)
    elif isinstance(value, dict):
        for key, below in value.items():
            name = "*" if _FOLDED.fullmatch(key) else key
            found.add(name)
            found |= {f"{name}.{path}" for path in key_paths(below)}
    return found


def unknown_keys(method: str, path: str, answer: object) -> set[str]:
    """The key paths of an answer that are in no schema of the call, in no recording of it, and not in EXTRA_KEYS."""
    return {p for p in key_paths(answer) - _known_keys(method, template(path)) if not _EXTRA.fullmatch(p)}


def recordings(method: str, path: str) -> list[tuple[str, Json]]:
    """The recorded answers of a call: (name of the file, its JSON), in the order of INDEX.md. `path` as `refused` takes it."""
    place = _place(method, path)
    return [
        (file, json.loads((RECORDED / file).read_bytes()))
        for file, (its_method, its_path) in recorded_requests().items()
        if its_method == method and _place(its_method, its_path) == place
    ]


@cache
def recorded_requests() -> Mapping[str, tuple[str, str]]:
    """The method and path of every file in the table of recorded/INDEX.md."""
    rows = re.findall(r"^\| (\S+\.json) \| `([^`]*)`", (RECORDED / "INDEX.md").read_text(), re.MULTILINE)
    found: dict[str, tuple[str, str]] = {}
    for file, request in rows:
        if same := re.match(r"as ([\w-]+)", request):
            found[file] = found[f"{same[1]}.json"]
            continue
        asked = re.match(r"(GET|POST) (/v\d[^\s?:]*)", request)
        assert asked, f"{file}: the request {request!r} has no method and path"
        found[file] = (asked[1], asked[2])
    return found


@cache
def _known_keys(method: str, path: str) -> frozenset[str]:
    operation = operations().get((method, _place(method, path) or ""), Operation())
    recorded = set[str]().union(*(key_paths(answer) for _, answer in recordings(method, path)))
    return frozenset({*operation.answer, *recorded})


def _known(method: str, path: str) -> tuple[str, Operation, list[KnownException]] | None:
    """The call's path with its parameters written `{}`, what the documents say of it, and its exceptions."""
    place = _place(method, path)
    if place is None:
        return None
    known = [e for e in EXCEPTIONS if (e.method, e.path) == (method, place)]
    return place, operations().get((method, place), Operation()), known


def _place(method: str, path: str) -> str | None:
    """The path of the documents, or of an exception, that a request's path is; the one with the fewest parameters."""
    asked = template(path).split("/")
    found = [place for place, numbers in _places(method) if _matches(asked, place.split("/"), numbers)]
    return min(found, key=lambda place: place.count("{}"), default=None)


@cache
def _places(method: str) -> Sequence[tuple[str, frozenset[int]]]:
    """Every known path of a method, with the segments that hold a number."""
    documents = [(path, frozenset(o.numbers)) for (m, path), o in operations().items() if m == method]
    known = {path for path, _ in documents}
    ours = [e.path for e in EXCEPTIONS if e.method == method and e.path not in known]
    return [*documents, *((p, frozenset(n for n, s in enumerate(p.split("/")) if s == "{}")) for p in ours)]


def _matches(asked: Sequence[str], place: Sequence[str], numbers: frozenset[int]) -> bool:
    return len(asked) == len(place) and all(
        a == p or (p == "{}" and (a == "{}" or n not in numbers or re.fullmatch(r"-?\d+", a) is not None))
        for n, (a, p) in enumerate(zip(asked, place, strict=True))
    )


def _wrong_values(
    method: str, place: str, operation: Operation, values: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for name, given in values.items():
        same = _SAME_VALUES.get((method, place, name), name)
        allowed = operation.query.get(same) or operation.form.get(same)
        for value in given:
            if allowed and value not in allowed:
                yield f"{method} {place}: {name}={value!r} is none of {', '.join(allowed)}"


def _ids(values: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids of a `nodes/list`: repeated, with commas between, or in the JSON of `body`."""
    found = [i for text in values.get("ids", ()) for i in re.findall(r"-?\d+", text)]
    for text in values.get("body", ()):
        found += [str(i) for i in json.loads(text).get("ids", ())]
    return found

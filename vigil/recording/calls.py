"""Which parts of the address and the form of a call stay in a recording: what the contract (docs/contracts/ecm.md) names as a
constant, and ids where it has them. Everything else is replaced, numbers too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from vigil.recording.hosts import has_host_or_url
from vigil.recording.keys import are_words

SEGMENTS = frozenset({
    "actions", "active", "activities", "ancestors", "assignments", "audit", "auth", "businessworkspace",
    "businessworkspaces", "businessworkspacetypes", "categories", "classifications", "doctypes", "followups", "forms",
    "info", "inprocessdocuments", "list", "members", "missingdocuments", "myteamtodo", "nodes", "permissions", "ping",
    "processes", "properties", "recyclebin", "regions", "relateditems", "reports", "roles", "search", "serverinfo",
    "status", "subprocesses", "subworkflows", "v1", "v2", "versions", "volumes", "workflows",
})  # fmt: skip
"""The segments of the paths of the REST API's calls."""

_ID = r"(?:0|-?[1-9]\d{0,18})"
_DAY = r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z?)?"
_SEGMENT_ID = re.compile(_ID)

Kept = Callable[[str], bool]


def _of(pattern: str) -> Kept:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def is_list_of_words(text: str) -> bool:
    """Whether a text is a list of fields or columns of the API, such as ``properties{id,name}`` or ``desc_modify_date``."""
    is_list = re.fullmatch(r"[A-Za-z0-9_{}()',. -]{0,2000}", text) is not None
    return is_list and are_words(text) and not has_host_or_url(text)


_NUMBER = _of(_ID)
_FLAG = _of("|true|false|0|1")
_DATE = _of(_DAY)

PARAMETERS: Mapping[str, Kept] = {
    **dict.fromkeys(
        ("businessWorkspaceID", "cache_id", "limit", "limit_members", "mapObjId", "page", "wfretention", "where_type", "where_user_id",
         "where_workspace_type_id", "workid"),
        _NUMBER,
    ),
    **dict.fromkeys(
        ("add_recently_accessed", "displayable", "document_type_rule", "expand_templates", "expand_users", "expand_wksp_info",
         "expanded_view", "global_metadata", "include_disabled", "metadata", "queryable", "skip_validation"),
        _FLAG,
    ),
    **dict.fromkeys(("fromDate", "toDate", "where_audit_date_end", "where_audit_date_start"), _DATE),
    **dict.fromkeys(("action", "expand", "fields", "order", "select", "sort", "sort_by"), is_list_of_words),
    **dict.fromkeys(("Kind", "kind"), _of("Managed|Initiated|Both")),
    "ids": _of(rf"{_ID}(?:, ?{_ID})*"),
    "lookfor": _of("complexquery"),
    "mode": _of("(?:anyone|user)_deleted(?:_today)?"),
    "status": _of("NOARCHIVE|ARCHIVED"),
    "type": _of("documentsAdded|outdatedDocuments|recentDocuments"),
    "where_rel_types": _of("child,parent|\\{'child','parent'\\}|child|parent"),
    "where_relationtype": _of("child|parent"),
    "within": _of("all|content"),
    "wstatus": _of("ontime|workflowlate|completed|stopped"),
}  # fmt: skip
"""The parameters with constants, and which of their values stay."""


def is_constant(name: str, value: str) -> bool:
    """Whether a parameter's value is one that the contract names, or an id where it has one."""
    return name in PARAMETERS and PARAMETERS[name](value)


def segments(path: str) -> Iterator[tuple[str, bool]]:
    """The segments of a path, and whether each stays. Behind the first unknown one nothing does: it may be the name of a document."""
    known = True
    for segment in path.split("/"):
        known = known and (not segment or segment in SEGMENTS or _SEGMENT_ID.fullmatch(segment) is not None)
        yield segment, known

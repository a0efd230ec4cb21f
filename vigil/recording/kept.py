"""The words of the product that stay in a recording, by the keys whose values they are: Vigil reads an answer by them.

A key does not make a text such a word: a site, a module or a proxy may write anything there. So a value stays if it is in the key's
list, or is one word in small letters without blanks, dots and slashes. Sources: what readers compare, docs/contracts/ecm.md, and the
vendor's recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SMALL = r"[a-z]+(?:[_-][a-z]+)*"
_COLUMN = rf"{_SMALL}(?:_\d+)*|x\d+|\d+(?:_(?:\d+|x))*"  # also `wnf_att_7_2`, `x61031`, `12_3`, `12_5_x_2`
_LANGUAGE = r"_?[a-z]{2}(?:_[A-Z]{2})?|[A-Z]{3}"
_STATES = "OK|Late|Pending|Active|Archived|Completed|Stopped|Suspended|Ready|Waiting"
_MEDIA = (
    r"(?:application|audio|font|image|message|model|multipart|text|video)/"
    r"(?:vnd\.(?:ms|openxmlformats|oasis)[a-z0-9.+-]*|[a-z][a-z0-9+-]*)"
)
_TYPES = (
    "Attribute Set|Boolean|Business Workspace|Category|Classification|Classification Tree|Date|Document|Enterprise Workspace|Folder|"
    "GUID|Group|Integer|MicroPost|Personal Staging Folder|Project|Real|Service User|Shortcut|Signing Group|Smart Document Type|String|"
    "Task|User|Workflow Map|Workflow Step|Workspace Role"
)
_EVENTS = (
    "Attribute Value Changed|Classification Applied|Comment Added|Content Sharing - Share Coordinators Changed|Copy|Create|"
    "Create from Copy|Delete|Deployed from Warehouse|Generation Created|Move|Permission Changed|Rename|Reserve|Shortcut Created|"
    "Unreserve|Version Added|Version Deleted|Version Opened"
)


def _words(more: str = "", small: str = _SMALL) -> re.Pattern[str]:
    return re.compile(f"{small}|{more}" if more else small)


KEPT_KEYS: Mapping[str, re.Pattern[str]] = {
    "action": _words(),
    "content_type": _words(_MEDIA),
    "data_type": _words(),
    "display_language": _words(_LANGUAGE),
    "key": _words(small=_COLUMN),
    "language_code": _words(_LANGUAGE),
    "method": _words("GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"),
    "mime_type": _words(_MEDIA),
    "persona": _words(),
    "rel_type": _words("BO_Child|BO_Parent"),
    "sort": _words(small=_COLUMN),
    "sort_key": _words(small=_COLUMN),
    "source": _words(),
    "status": _words(_STATES),
    "status_key": _words(),
    "task_status": _words(_STATES),
    "type": _words("Text|Date|FileSize|missingDocuments|inProcessDocuments"),
    "type_name": _words(_TYPES),
    "version": _words(r"CE \d+(?:\.\d+){0,2}"),
}
"""The words of each key. Numbers and dates stay anyway."""

KEPT_WITHIN: Mapping[tuple[str, str], re.Pattern[str]] = {
    ("audit_event_types", "name"): _words(_EVENTS),
    ("sort", "value"): _words(small=_COLUMN),
}
"""The same for a key inside another: the names of event types, and the sort that a list echoes."""


def is_product_word(text: str, key: str, within: str = "") -> bool:
    """Whether a text that stands under `key`, in an object that stands under `within`, is a word of the product."""
    patterns = (KEPT_KEYS.get(key), KEPT_WITHIN.get((within, key)))
    return any(pattern.fullmatch(text) for pattern in patterns if pattern is not None)

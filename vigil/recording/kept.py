"""The words of the product that stay in a recording, by the keys whose values they are: Vigil reads an answer by them.

A key does not make a text such a word: a site, a module or a proxy may write anything there. So a value stays if it is in the key's
list. Sources: what readers compare, docs/contracts/ecm.md, and the vendor's recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vigil.recording.keys import is_key

_LANGUAGES = "ar|cs|da|de|el|en|es|et|fi|fr|he|hr|hu|it|ja|ko|lt|lv|nl|no|pl|pt|ro|ru|sk|sl|sv|tr|uk|zh"
_LANGUAGE = rf"_?(?:{_LANGUAGES})(?:_(?:AR|AT|BE|BR|CA|CH|CN|DE|DK|ES|FI|FR|GB|IT|JP|KR|MX|NL|NO|PL|PT|RU|SE|TW|US))?|USA|DEU|FRA|ENG"
_STATES = (
    "OK|Late|Pending|Active|Archived|Completed|Stopped|Suspended|Ready|Waiting|"
    "ok|late|ontime|workflowlate|pending|active|archived|completed|stopped|suspended|ready|waiting|current|inactive|open|overdue"
)
_OFFICE = (
    r"vnd\.(?:ms-(?:excel|powerpoint|outlook|word|project)|oasis\.opendocument\.(?:text|spreadsheet|presentation)|"
    r"openxmlformats-officedocument\.(?:wordprocessingml\.document|spreadsheetml\.sheet|presentationml\.presentation))"
)
MEDIA = (
    rf"application/(?:{_OFFICE}|gzip|javascript|json|msword|octet-stream|pdf|rtf|xhtml\+xml|xml|x-directory|x-zip-compressed|zip)|"
    "audio/(?:mpeg|wav)|image/(?:bmp|gif|jpeg|png|svg\\+xml|tiff|webp)|message/rfc822|text/(?:css|csv|html|plain|rtf|xml)|"
    "video/(?:mp4|mpeg|quicktime)"
)
"""The media types that stay."""
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


Kept = Callable[[str], bool]


def _words(some: str) -> Kept:
    pattern = re.compile(some)
    return lambda text: pattern.fullmatch(text) is not None


KEPT_KEYS: Mapping[str, Kept] = {
    "action": _words("sendon|forward|reply|review|disposition|start|attachment"),
    "content_type": _words(MEDIA),
    "data_type": _words("boolean|date|integer|real|string|text|user"),
    "display_language": _words(_LANGUAGE),
    "key": is_key,
    "language_code": _words(_LANGUAGE),
    "method": _words("GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"),
    "mime_type": _words(MEDIA),
    "persona": _words("category|categoryattribute|group|member|node|set|user"),
    "rel_type": _words("BO_Child|BO_Parent|child|parent"),
    "sort": is_key,
    "sort_key": is_key,
    "source": _words("core|classifications|categories"),
    "status": _words(_STATES),
    "status_key": _words(_STATES),
    "task_status": _words(_STATES),
    "type": _words(
        "Text|Date|FileSize|missingDocuments|inProcessDocuments|boolean|date|integer|real|string|text|user"
    ),
    "type_name": _words(_TYPES),
    "version": _words(r"CE \d+(?:\.\d+){0,2}"),
}
"""The words of each key. Numbers and dates stay anyway."""

KEPT_WITHIN: Mapping[tuple[str, str], Kept] = {
    ("audit_event_types", "name"): _words(_EVENTS),
    ("sort", "value"): is_key,
}
"""The same for a key inside another: the names of event types, and the sort that a list echoes."""


def is_product_word(text: str, key: str, within: str = "") -> bool:
    """Whether a text that stands under `key`, in an object that stands under `within`, is a word of the product."""
    return any(is_kept(text) for is_kept in (KEPT_KEYS.get(key), KEPT_WITHIN.get((within, key))) if is_kept)

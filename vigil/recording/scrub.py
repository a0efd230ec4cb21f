"""Where texts stand in requests and answers of Extended ECM, and which of them Vigil's reading depends on: those stay.

A text that no table here names is replaced (`Words.text`). Names of keys, numbers, dates and the structure stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from vigil.recording.hosts import HOST, has_address, has_host_or_url, host_within
from vigil.recording.kept import is_product_word
from vigil.recording.sensitive import SensitiveKeys
from vigil.recording.words import Words, stays
from vigil.redaction import redacted

Pairs = list[tuple[str, str]]
REMOVED = "(removed)"

NUMBERS = frozenset({"OTLocation", "value"})
"""Keys whose texts are ids with blanks between: a path, also inside `OTLocation_expand`."""

REGIONS = frozenset({
    "OTCreateDate", "OTCreatedBy", "OTDataID", "OTFileType", "OTLocation", "OTMIMEType", "OTModifyDate", "OTModifyTime", "OTName",
    "OTObjectDate", "OTObjectSize", "OTSubType",
})  # fmt: skip
"""The search's own regions. A site's own ones are replaced."""

PERSONAL = frozenset({
    "birth_date", "business_fax", "business_phone", "cell_phone", "gender", "home_address_1", "home_address_2", "home_fax",
    "home_phone", "pager", "phone",
})  # fmt: skip
"""Keys whose values are replaced also where they are numbers or dates."""

SECRETS = ("ticket", "token", "password", "secret", "authorization", "cookie", "apikey", "api_key")
"""Parts of keys and parameters whose values are removed."""

KEPT_PARAMETERS = frozenset({
    "Kind", "action", "actions", "cache_id", "document_type_rule", "expand", "expand_templates", "expand_users", "expand_wksp_info",
    "expanded_view", "fields", "format", "global_metadata", "ids", "kind", "limit", "lookfor", "metadata", "mode", "options", "order",
    "page", "queryable", "select", "selectionType", "sort", "sort_by", "status", "type", "where_rel_types", "where_relationtype",
    "where_type", "within", "wstatus",
})  # fmt: skip
"""Parameters whose values are words of the product."""

QUERIES = frozenset({"where", "where_column_query"})
"""Parameters that hold a query: its operators and columns stay, its texts are replaced."""

SENTENCES = (
    "The REST API URL could not be found in the mappings registry",
    "The requested URL is not known. Could not access task status. Authentication Required",
    "Could not get a member for this, Insufficient privileges, not have sufficient permissions",
    "Sorry, the item you requested could not be accessed. Either it does not exist or you do not have permission to access it.",
    "Too many items specified for parameter. The parameter is not specified. Invalid datatype specified for argument.",
    "Argument should be an integer. An error occurred; invalid node, no workspace types found. Error Evaluating Query",
    "An error has occurred, please try again later. Error Processing Request. Content Server Client Error",
    "Bad Gateway, Service Unavailable, Gateway Timeout, Internal Server Error, Bad Request, Not Found, Forbidden, Unauthorized",
    "The offset is beyond the number of rows that can be listed. Invalid username, password specified; login failed",
    "html head title body div p h1 h2 br script style doctype meta span form table tr td error message status code ok true false null",
)
"""What errors and pages are made of; any other word in one may be a name, and is replaced."""

_VOCABULARY = frozenset(word.casefold() for text in SENTENCES for word in re.findall(r"[^\W_]+", text))
_PARAMETER = re.compile(r"[\w ,.:;+()\[\]{}'\"/-]{0,2000}", re.ASCII)
_IDS = re.compile(r"-?\d+(?: -?\d+)*")
_KEY = re.compile(r"[\w.:$-]{1,80}", re.ASCII)
_QUOTED_HOST_OR_WORD = re.compile(rf"'[^'\n]*'|\"[^\"\n]*\"|{HOST}|[^\W_]+", re.IGNORECASE)
_QUERY_PART = re.compile(rf"\"[^\"]*\"|'[^']*'|{HOST}|[^\W\d]\w*", re.IGNORECASE)
_QUERY_WORD = re.compile(
    r"AND|OR|NOT|IN|LIKE|QLREGION|ASC|DESC|TRUE|FALSE|OT\w+|name|\w+_date|WNF_\w+", re.IGNORECASE
)
_SEGMENT = re.compile(r"[a-z]+|v\d|-?\d+|ExpandAssignments")
_NAME_PREFIXES = ("startswith_", "contains_")


class Scrubber:
    """Requests and answers without their names and texts, by one recording's words.

    `sensitive` are names of attributes, ``Category.attribute``, whose keys it learns from the answers that define them.
    """

    def __init__(self, words: Words, sensitive: Collection[str] = ()) -> None:
        self.words, self.sensitive = words, SensitiveKeys(sensitive)

    def body(self, body: bytes) -> Any:
        """An answer's JSON; a text where it is none: HTML, or JSON that was cut off."""
        text = body.decode("utf-8", "replace")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return self.sentence(text)
        return self.value(found) if isinstance(found, dict | list) else self.sentence(text)

    def value(self, value: Any, key: str = "", within: str = "") -> Any:
        """A JSON value that stands under `key`, in an object that stands under `within`."""
        if isinstance(value, dict):
            self.sensitive.learn(value)
            return {self._key(k): self.value(v, k, key) for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(v, key, within) for v in value]
        if isinstance(value, str):
            return self._string(value, key, within)
        if key in PERSONAL and isinstance(value, int | float) and not isinstance(value, bool):
            return 0
        return value

    def sentence(self, text: str) -> str:
        """An error's text, or a page: words of SENTENCES and numbers stay; what stands in quotes, and a host, is replaced whole."""

        def part(found: re.Match[str]) -> str:
            text = found[0]
            if text[0] in "'\"":
                return text if _is_known(text[1:-1]) else f"{text[0]}{self.words.text(text[1:-1])}{text[0]}"
            return text if _is_known(text) else self.words.text(text)

        return _QUOTED_HOST_OR_WORD.sub(part, redacted(text))

    def path(self, path: str) -> str:
        """The path of a call; a segment that is no word of the REST API, such as the name of a file, is replaced."""
        return "/".join(s if not s or _SEGMENT.fullmatch(s) else self.words.text(s) for s in path.split("/"))

    def parameters(self, path: str, pairs: Iterable[tuple[str, str]]) -> Pairs:
        """The parameters of a call to `path`, from its address or its form."""
        return [(name, self._parameter(path, name, value)) for name, value in pairs]

    def _parameter(self, path: str, name: str, value: str) -> str:
        if _is_secret(name):
            return REMOVED
        if name in KEPT_PARAMETERS and _is_parameter(value):
            return redacted(value)
        if name in QUERIES:
            return self._query(value)
        if name == "body":
            return self._json(value)
        if name == "where_name" and "/members" not in path:
            prefix = next((p for p in _NAME_PREFIXES if value.startswith(p)), "")
            return prefix + self.words.start(value.removeprefix(prefix))
        return self.words.text(value)

    def _json(self, text: str) -> str:
        try:
            return json.dumps(self.value(json.loads(text)), separators=(",", ":"))
        except ValueError:
            return self.words.text(text)

    def _query(self, text: str) -> str:
        def part(found: re.Match[str]) -> str:
            text = found[0]
            if text[0] in "'\"":
                inner = text[1:-1]
                known = found.string[: found.start()].rstrip().upper().endswith("QLREGION") or stays(inner)
                return text if known else f"{text[0]}{self.words.text(inner)}{text[0]}"
            column = text.partition(":")[0]  # "OTSubType:144" is a condition, "db7:1521" a host
            is_query = _QUERY_WORD.fullmatch(column) or re.fullmatch(r"T\d*", text)
            return text if is_query else self.words.text(text)

        return _QUERY_PART.sub(part, text)

    def _string(self, text: str, key: str, within: str) -> str:
        if _is_secret(key):
            return REMOVED if text else text
        if key in PERSONAL:
            return self.words.hidden(text)
        if key == "href":
            return self._href(text)
        if key in ("error", "errorDetail"):
            return self.sentence(text)
        if key == "fields" and _is_parameter(text):  # of a form's JSON
            return text
        if (key in NUMBERS and _IDS.fullmatch(text)) or text in REGIONS:
            return text
        if is_product_word(text, key, within):
            return redacted(text)
        return self.words.text(text)

    def _href(self, text: str) -> str:
        """An address of the REST API without its host; any other is replaced as a whole."""
        parts = urlsplit(text)
        before, api, below = parts.path.partition("api/")
        if not api or (before and not before.endswith("/")):
            return self.words.text(text)
        path = f"/{below}"
        query = urlencode(self.parameters(path, parse_qsl(parts.query, keep_blank_values=True)))
        return f"/api{self.path(path)}{f'?{query}' if query else ''}"

    def _key(self, key: str) -> str:
        return key if _KEY.fullmatch(key) and host_within(key) is None else self.words.text(key)


def _is_parameter(text: str) -> bool:
    return _PARAMETER.fullmatch(text) is not None and not has_host_or_url(text)


def _is_known(text: str) -> bool:
    words: Sequence[str] = re.findall(r"[^\W_]+", text)
    return not has_address(text) and all(word.isdecimal() or word.casefold() in _VOCABULARY for word in words)


def _is_secret(name: str) -> bool:
    low = name.casefold()
    return any(part in low for part in SECRETS)

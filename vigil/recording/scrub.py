"""Where texts stand in requests and answers of Extended ECM, and which of them Vigil's reading depends on: those stay.

A text that no table here, in `kept`, `keys` or `calls` names is replaced (`Words.text`). Numbers, dates and the structure stay in
answers; in addresses and forms only where the contract has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from vigil.recording.calls import is_constant, is_list_of_words, segments
from vigil.recording.hosts import HOST, has_address
from vigil.recording.kept import MEDIA, is_product_word
from vigil.recording.keys import is_key, is_personal
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

SECRETS = ("ticket", "token", "password", "secret", "authorization", "cookie", "apikey", "api_key")
"""Parts of keys and parameters whose values are removed."""

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
_IDS = re.compile(r"-?\d+(?: -?\d+)*")
_WHEN = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_TELEPHONE = r"\+\d[\d ()/.-]*\d|(?<![\w.,:-])\(?0\d[\d ()/-]+\d(?![\w:])|(?<![\w.,:-])\d{2,}(?:[ /-]\(?\d+\)?)+(?![\w:])"
_PIECE = re.compile(
    rf"(?P<when>{_WHEN})|'[^'\n]*'|\"[^\"\n]*\"|{HOST}|(?P<telephone>{_TELEPHONE})|[^\W_]+", re.IGNORECASE
)
_QUERY_PART = re.compile(
    rf"(?P<when>{_WHEN})|\"[^\"]*\"|'[^']*'|OT[A-Za-z]+:|{HOST}|[^\W\d]\w*|[+-]?\d[\w.,]*", re.IGNORECASE
)
_OPERATOR = re.compile(r"AND|OR|NOT|IN|LIKE|QLREGION|ASC|DESC|TRUE|FALSE", re.IGNORECASE)
_COLUMN = re.compile(r"name|(?:create|modify)_date|WNF_ATT_[A-Za-z]?\d+(?:_\d+)*", re.IGNORECASE)
_HEADER = re.compile(
    rf"(?:{MEDIA})(?:; ?charset=(?:utf-8|iso-8859-1|us-ascii|windows-1252))?|\d{{1,6}}|"
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
    re.IGNORECASE,
)
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

    def value(self, value: Any, key: str = "", within: str = "", personal: bool = False) -> Any:
        """A JSON value that stands under `key`, in an object that stands under `within`. `personal`: everything in it is hidden."""
        personal = personal or is_personal(key)
        if isinstance(value, dict):
            self.sensitive.learn(value)
            return {self._key(k): self.value(v, k, key, personal) for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(v, key, within, personal) for v in value]
        if isinstance(value, str):
            return self.words.hidden(value) if personal else self._string(value, key, within)
        if personal and isinstance(value, int | float) and not isinstance(value, bool):
            return 0
        return value

    def header(self, value: str) -> str:
        """The value of a header: a media type, a number and a date stay."""
        return value if _HEADER.fullmatch(value) else self._whole(value)

    def sentence(self, text: str) -> str:
        """An error's text, or a page: words of SENTENCES, numbers and dates stay; what stands in quotes, a host, and what may be a
        telephone number is replaced whole.
        """

        def part(found: re.Match[str]) -> str:
            text = found[0]
            if found["when"]:
                return text
            if found["telephone"]:
                return self.words.hidden(text)
            if text[0] in "'\"":
                return text if _is_known(text[1:-1]) else f"{text[0]}{self.words.text(text[1:-1])}{text[0]}"
            return text if _is_known(text) else self._whole(text)

        return _PIECE.sub(part, redacted(text))

    def path(self, path: str) -> str:
        """The path of a call, as far as it is one of the REST API: what is behind, such as the name of a file, is replaced."""
        return "/".join(
            segment if stays_there or not segment else self._whole(segment)
            for segment, stays_there in segments(path)
        )

    def parameters(self, path: str, pairs: Iterable[tuple[str, str]]) -> Pairs:
        """The parameters of a call to `path`, from its address or its form."""
        return [(self._key(name), self._parameter(path, name, value)) for name, value in pairs]

    def _parameter(self, path: str, name: str, value: str) -> str:
        if _is_secret(name):
            return REMOVED
        if is_constant(name, value):
            return value
        if name in QUERIES:
            return self._query(value)
        if name == "body":
            return self._json(value)
        if name == "where_name" and "/members" not in path:
            prefix = next((p for p in _NAME_PREFIXES if value.startswith(p)), "")
            return prefix + self.words.start(value.removeprefix(prefix))
        return self.words.text(value) if name == "where_name" else self._whole(value)

    def _whole(self, text: str) -> str:
        """The replacement of a text, also of one that is a number or a date."""
        return self.words.hidden(text) if stays(text) else self.words.text(text)

    def _json(self, text: str) -> str:
        try:
            return json.dumps(self.value(json.loads(text)), separators=(",", ":"))
        except ValueError:
            return self.words.text(text)

    def _query(self, text: str) -> str:
        """A query without its texts. Numbers and dates stay behind a column that the contract names."""
        column_known = False

        def part(found: re.Match[str]) -> str:
            nonlocal column_known
            text, before = found[0], found.string[: found.start()].rstrip().upper()
            inner = text[1:-1] if text[0] in "'\"" else ""
            is_region = before.endswith("QLREGION")
            name = inner if is_region else text.removesuffix(":")
            if _OPERATOR.fullmatch(text):
                return text
            if is_region or not (inner or text[0] in "'\"+-" or text[0].isdigit()):
                column_known = name in REGIONS or _COLUMN.fullmatch(name) is not None
                return text if column_known else text.replace(name, self._whole(name))
            if column_known and (found["when"] or stays(inner or text)):
                return text
            return f"{text[0]}{self._whole(inner)}{text[0]}" if inner else self._whole(text)

        return _QUERY_PART.sub(part, text)

    def _string(self, text: str, key: str, within: str) -> str:
        if _is_secret(key):
            return REMOVED if text else text
        if key == "href":
            return self._href(text)
        if key in ("error", "errorDetail"):
            return self.sentence(text)
        if key == "fields" and is_list_of_words(text):  # of a form's JSON
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
        return key if is_key(key) or key in REGIONS else self._whole(key)


def _is_known(text: str) -> bool:
    words: Sequence[str] = re.findall(r"[^\W_]+", text)
    return not has_address(text) and all(word.isdecimal() or word.casefold() in _VOCABULARY for word in words)


def _is_secret(name: str) -> bool:
    low = name.casefold()
    return any(part in low for part in SECRETS)

"""The meaning of one HTTP response. Contract: docs/contracts/ecm.md#errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html import unescape
from typing import Any

import orjson

from vigil.ecm.errors import EcmError, Malformed, NotReadable, Refused, Said, Unavailable
from vigil.ecm.retry import Retryable
from vigil.redaction import redacted
from vigil.retry_after import seconds_of

Json = dict[str, Any]

_LONGEST_MESSAGE = 300
LONGEST_ASKED = 60.0  # seconds that count of a Retry-After
_LOOKED_AT = 16_384
"""Bytes of a body that are searched for a message. Secrets are redacted before the text is cut."""
DEEPEST = 100
"""The maximum nesting of a response: Extended ECM's have ten levels, with a margin."""

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>([^<]+)</title", re.IGNORECASE)


def read(path: str, status: int, headers: Mapping[str, str], body: bytes) -> Json:
    """The JSON object of a successful response. Raises Retryable for a temporary failure, an EcmError for a permanent one."""
    parsed = _parsed(body)
    status = _meant(status, parsed)
    if 200 <= status < 300:
        if isinstance(parsed, dict):
            return parsed
        kind = "HTML" if _is_html(headers, body) else f"{len(body)} bytes that are no JSON object"
        raise Retryable(Malformed(path, f"{kind} instead of JSON", status))
    raise _failure(path, status, headers, parsed, body)


def _meant(status: int, parsed: object) -> int:
    """The status, or the error's in the body of a 200: with `suppress_response_codes` set for a site, the body has the real one."""
    said = parsed.get("statusCode") if isinstance(parsed, dict) and status < 300 else None
    if isinstance(said, bool) or not isinstance(said, int | str) or not re.fullmatch(r"[45]\d\d", str(said)):
        return status
    return int(said)


def _failure(
    path: str, status: int, headers: Mapping[str, str], parsed: object, body: bytes
) -> EcmError | Retryable:
    own_words = _error_text(parsed)
    said = own_words or (_page(body) if _is_html(headers, body) else _excerpt(body))
    message = Said(said) if said else "no message"
    if status == 401 or (status == 403 and not own_words):
        return Refused(path, message, status)
    if 300 <= status < 400:
        return Malformed(path, "redirected; the REST API never redirects, a login page does", status)
    if status == 500 and own_words and "try again" not in own_words.lower():
        # Children of a missing node, or no workspace types: 500 in ECM's own words. Repeated once, in case it
        # was a hiccup.
        return Retryable(NotReadable(path, message, status), times=1)
    if status < 500 and status != 429 and own_words:
        return NotReadable(path, message, status)
    # A 404 in HTML comes from the web server in front, while ECM restarts: it must not pass for a deleted
    # node.
    return Retryable(
        Unavailable(path, message, status),
        after=seconds_of(headers.get("retry-after"), datetime.now(UTC), LONGEST_ASKED),
    )


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _anyhow(body)


def _anyhow(body: bytes) -> object:
    """Parse JSON that orjson refuses, such as with half a surrogate pair or 1e400: one malformed value among thousands of rows.

    The value is refused where it is used, so that it affects only its own workspace.
    """
    if body.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(_shallow(body))
    except (ValueError, RecursionError):
        return None


def _shallow(body: bytes) -> bytes:
    """The JSON with null in place of what nests deeper than DEEPEST."""
    kept: list[bytes] = []
    depth = begins = 0
    for found in _BRACKETS.finditer(body):
        if found[0] in (b"[", b"{"):
            depth += 1
            if depth == DEEPEST + 1:
                kept += [body[begins : found.start()], b"null"]
        elif found[0] in (b"]", b"}"):
            if depth == DEEPEST + 1:
                begins = found.end()
            depth -= 1
    return b"".join([*kept, body[begins:]])


def _error_text(parsed: object) -> str:
    """ECM's own message, with its detail; empty without one."""
    if not isinstance(parsed, dict):
        return ""
    parts = [str(parsed[key])[:_LOOKED_AT] for key in ("error", "errorDetail") if parsed.get(key)]
    return redacted(": ".join(dict.fromkeys(parts)))[:_LONGEST_MESSAGE]


def _is_html(headers: Mapping[str, str], body: bytes) -> bool:
    return "html" in headers.get("content-type", "") or body.lstrip()[:1] == b"<"


def _page(body: bytes) -> str:
    """A web page in place of a response, by its title: its markup is useless in a log."""
    found = _TITLE.search(_text(body)[:_LONGEST_MESSAGE])
    return f'a web page "{" ".join(unescape(found[1]).split())}"' if found else "a web page"


def _excerpt(body: bytes) -> str:
    return " ".join(_text(body)[:_LONGEST_MESSAGE].split())


def _text(body: bytes) -> str:
    return redacted(body[:_LOOKED_AT].decode("utf-8", "replace"))

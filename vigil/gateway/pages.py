"""The page behind the link of a mail: it shows a button that acknowledges.

Opening the link changes nothing: mail scanners and previews open every link of a mail before its reader does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import HTMLResponse

from vigil.delivery.links import BadLink, ExpiredLink
from vigil.delivery.rendering.language import Language
from vigil.gateway.access import Now, Opened
from vigil.gateway.errors import documented
from vigil.gateway.settings import Gateway
from vigil.ledger.outbox import acknowledgements
from vigil.safe_text import html

CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>Vigil</title>
<style>body{{font:1.1rem system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}}button{{font:inherit;padding:.5em 1em}}</style>
</head><body><p>{text}</p>{form}</body></html>"""
FORM = '<form method="post"><button>{text}</button></form>'

ASK = "Please confirm that you have seen the notice."
SEEN = "I have seen it"
DONE = "Thank you. It is noted that you have seen the notice."
USED = "The notice was acknowledged before. There is nothing more to do."
EXPIRED = "This link has expired. Open the notice in your app instead."
WRONG = "This link is not complete. Open it from the mail again."


def _as_json(documented: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """JSON responses of a route that otherwise returns a page: FastAPI would document them as HTML, too."""
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": d["description"], "content": problem} for status, d in documented.items()}


router = APIRouter(prefix="/a", responses=_as_json(documented(408, 413, 422, 429, 503)), tags=["links"])
Wanted = Annotated[str, Header(alias="accept-language")]

_HTML = {"content": {"text/html": {"schema": {"type": "string"}}}}
_RESPONSES: dict[int | str, dict[str, object]] = {
    404: _HTML | {"description": "Not a link of ours"},
    410: _HTML | {"description": "Used before, or expired"},
}


@router.get("/{token}", response_class=HTMLResponse, responses=_RESPONSES)
def ask(gateway: Opened, token: str, accept_language: Wanted = "en") -> HTMLResponse:
    """Show the button. Changes nothing."""
    speaking = _speaking(gateway, accept_language)
    notice = _read(gateway, token, speaking)
    if isinstance(notice, HTMLResponse):
        return notice
    with gateway.ledger.read() as connection:
        known = acknowledgements.person_of(connection, notice)
        seen = acknowledgements.of_notices(connection, [notice])
    if known is None:
        return _page(speaking, WRONG, 404)
    if seen:
        return _page(speaking, USED, 410)
    return _page(speaking, ASK, 200, form=FORM.format(text=html(speaking.phrase(SEEN))))


@router.post("/{token}", response_class=HTMLResponse, responses=_RESPONSES)
def acknowledge(gateway: Opened, now: Now, token: str, accept_language: Wanted = "en") -> HTMLResponse:
    """Acknowledge the notice for its person. Works once."""
    speaking = _speaking(gateway, accept_language)
    notice = _read(gateway, token, speaking)
    if isinstance(notice, HTMLResponse):
        return notice
    with gateway.ledger.write() as connection:
        person = acknowledgements.person_of(connection, notice)
        if person is None:
            return _page(speaking, WRONG, 404)
        first = acknowledgements.acknowledge(connection, notice, person, now, "link")
    return _page(speaking, DONE, 200) if first else _page(speaking, USED, 410)


def _read(gateway: Gateway, token: str, speaking: Language) -> int | HTMLResponse:
    if gateway.links is None:
        return _page(speaking, WRONG, 404)
    try:
        return gateway.links.read(token)
    except ExpiredLink:
        return _page(speaking, EXPIRED, 410)
    except BadLink:
        return _page(speaking, WRONG, 404)


def _speaking(gateway: Gateway, accepted: str) -> Language:
    """The language of the browser's first preference."""
    return gateway.languages.of(accepted.split(",")[0].split(";")[0].strip()[:35])


def _page(speaking: Language, text: str, status: int, form: str = "") -> HTMLResponse:
    language = speaking.locale.language
    body = PAGE.format(language=language, text=html(speaking.phrase(text)), form=form)
    return HTMLResponse(body, status, {"Content-Security-Policy": CSP})

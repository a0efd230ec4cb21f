"""Builds a mail from a notice: plain text and HTML, with the replace key as Message-ID.

A mail cannot be replaced as a push can. The same key gives the same Message-ID, by which mail programs and servers recognise a
duplicate.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses

from vigil.delivery.email.words import OPEN, SEEN
from vigil.delivery.errors import InvalidMessage
from vigil.delivery.links import refuse_link
from vigil.delivery.transport import Outgoing
from vigil.safe_text import html, mail_header

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # none of them may begin another header
_LOCAL = re.compile(r"[!-~]{1,64}")  # accepted by every server; others need SMTPUTF8
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
LONGEST_ADDRESS = 600  # characters, with the name before it; RFC 5321 allows 254 for the address
_PRIORITY = {"high": "high", "critical": "high", "low": "low"}

PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="font-family:sans-serif;max-width:36rem">
<h1 style="font-size:1.2rem">{title}</h1>
<p style="white-space:pre-line">{body}</p>
<p><a href="{link}">{open}</a></p>
{acknowledge}</body></html>
"""


class SeveralAddresses(ValueError):
    """A field contains more than one address: using the first would silently leave out the others."""

    def __init__(self) -> None:
        super().__init__("there are several addresses in it: leave one, or a list of distribution")


def mailbox(text: str) -> Address:
    """An address with its name, with the domain in the form that servers use.

    Raises ValueError for text that is not an address, and SeveralAddresses.
    """
    if len(text) > LONGEST_ADDRESS or _CONTROL.search(text):
        raise ValueError("it is too long, or there are control characters in it")
    found = getaddresses([text.rstrip(",; ")])
    if len(found) != 1 or not found[0][1]:
        raise SeveralAddresses if text.count("@") > 1 else ValueError("not an address of a mailbox")
    name, spec = found[0]
    local, at, domain = spec.rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        raise ValueError("not a domain") from None
    if not at or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise ValueError("not an address of a mailbox")
    return Address(name, local, domain)


def message_id(key: str, domain: str) -> str:
    """The Message-ID of a replace key: the key if its characters are allowed, else 64 hexadecimal digits of its hash."""
    left = key if _KEY.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()
    return f"<{left}@{domain}>"


def recipient(out: Outgoing) -> Address:
    """The recipient of the mail. Raises InvalidMessage with code INVALID_ADDRESS or SEVERAL_ADDRESSES, without the address."""
    try:
        return mailbox(out.token)
    except SeveralAddresses as wrong:
        raise InvalidMessage(
            "SEVERAL_ADDRESSES", f"the person's e-mail address in Extended ECM: {wrong}"
        ) from None
    except ValueError as wrong:
        raise InvalidMessage(
            "INVALID_ADDRESS", f"the person's e-mail address in Extended ECM: {wrong}"
        ) from None


def compose(
    out: Outgoing, to: Address, sender: Address, acknowledge: str | None, now: datetime
) -> EmailMessage:
    """The mail. `acknowledge` is the link that acknowledges it, None for none.

    Raises InvalidMessage with code INVALID_TEXT if its text cannot be encoded as UTF-8, and INVALID_LINK if its link is not a web
    address.
    """
    refuse_link(out.link)
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"], mail["To"] = sender, to
        mail["Subject"] = mail_header(out.title)
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = message_id(out.key, sender.domain)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic replies
        mail["X-Auto-Response-Suppress"] = "All"
        if out.severity in _PRIORITY:
            mail["Importance"] = _PRIORITY[out.severity]
        mail.set_content(_plain(out, acknowledge), cte="quoted-printable")
        mail.add_alternative(_html(out, acknowledge), subtype="html", cte="quoted-printable")
        if out.mail.get("language"):
            mail["Content-Language"] = out.mail[
                "language"
            ]  # after the content, which takes such headers along
    except UnicodeEncodeError:
        raise InvalidMessage("INVALID_TEXT", "the message is not text that UTF-8 can hold") from None
    return mail


def _plain(out: Outgoing, acknowledge: str | None) -> str:
    said = [out.title, "", out.body, "", f"{out.mail.get('open', OPEN)}:", out.link]
    if acknowledge:
        said += ["", f"{out.mail.get('seen', SEEN)}:", acknowledge]
    return "\n".join(said) + "\n"


def _html(out: Outgoing, acknowledge: str | None) -> str:
    # Titles and bodies that were not rendered for HTML are plain text: the notice was queued as a push and now goes by mail.
    rendered = {"title", "body"} <= out.mail.keys()
    words = out.mail if rendered else {"title": html(out.title), "body": html(out.body)}
    seen = html(out.mail.get("seen", SEEN))
    return PAGE.format(
        language=html(out.mail.get("language", "en")),
        title=words["title"],
        body=words["body"],
        link=html(out.link),
        open=html(out.mail.get("open", OPEN)),
        acknowledge=f'<p><a href="{html(acknowledge)}">{seen}</a></p>\n' if acknowledge else "",
    )

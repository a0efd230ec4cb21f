"""Checks whether the mail server lets Vigil in. No mail is sent."""

from __future__ import annotations

from vigil.delivery.email.smtp import Smtp
from vigil.delivery.errors import CredentialRefused
from vigil.service.doctor.health import Check, fail, ok

NAME = "mail"


async def examine(transport: Smtp, where: str) -> Check:
    """Log in and leave again. `where` names server and user."""
    try:
        wrong = await transport.probe()
    except CredentialRefused as error:
        return fail(NAME, str(error), "correct user, password and security in the SMTP server block")
    if wrong is not None:
        return fail(
            NAME, f"{where}: {wrong.code} {wrong.detail}", "check host, port and firewall from this machine"
        )
    return ok(NAME, f"{where} accepts the login")

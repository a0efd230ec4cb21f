"""Checks whether webhooks can be signed and sent. Nothing is posted: whatever a receiver gets, it may show."""

from __future__ import annotations

from vigil.delivery.webhook.transport import Webhooks
from vigil.service.doctor.health import Check, fail, ok
from vigil.wording import counted

NAME = "webhooks"


async def examine(transport: Webhooks, secrets: int) -> Check:
    """Open the transport, which reads the certificate authority, and close it again. `secrets`: how many sign."""
    try:
        async with transport:
            return ok(NAME, f"posts are signed with {counted(secrets, 'secret')}; no receiver was asked")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return fail(
            NAME,
            f"the certificate authority cannot be read: {why}",
            "correct the PEM file in the Webhook sender block; it must be on the machine where flows run",
        )

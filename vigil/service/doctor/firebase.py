"""Checks whether the Firebase service account may send. FCM only validates the message, which is for no device."""

from __future__ import annotations

from datetime import timedelta

from vigil.delivery.errors import BadServiceAccount, CredentialRefused, CredentialUnavailable
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.transport import Outgoing
from vigil.service.doctor.health import Check, fail, ok, warn

NAME = "firebase"
NOBODY = Outgoing(
    key="vigil-doctor",
    token="vigil-doctor-asks-whether-it-may-send",
    address_kind="token",
    platform="android",
    title="vigil doctor",
    body="never delivered",
    link="https://example.org",
    severity="low",
    ttl=timedelta(),
)


async def examine(transport: FcmHttp, project: str) -> Check:
    """Let FCM validate a message for a device that does not exist: if it refuses the device, the account may send.

    Contract: docs/contracts/fcm.md#send and docs/contracts/fcm.md#errors.
    """
    try:
        async with transport:
            reading = await transport.validate(NOBODY)
    except CredentialRefused as error:
        return fail(
            NAME,
            str(error),
            "create a new key of the service account in the Firebase console and run `vigil connect` again",
        )
    except CredentialUnavailable as error:
        return fail(
            NAME,
            str(error),
            "check that this machine reaches the token endpoint; a proxy is set in the Firebase project block",
        )
    said = f"HTTP {reading.status} {reading.code} {reading.detail}".strip()
    if reading.outcome in ("accepted", "rejected"):
        return ok(
            NAME,
            f"the account may send for {project} (a message for no device: {reading.code or 'accepted'})",
        )
    if reading.action != "none":
        do = f"give the account the role Firebase Cloud Messaging API Admin in {project}, and enable the FCM API there"
        return fail(NAME, said, do)
    if reading.code == "CONNECT":
        return fail(
            NAME,
            f"FCM cannot be reached: {reading.detail}",
            "check DNS, proxy and firewall from this machine",
        )
    return warn(
        NAME,
        said,
        "FCM has a problem or is slow; no problem with the credentials was found. Run the doctor again",
    )


def unusable(error: BadServiceAccount) -> Check:
    """The failed check for an account whose JSON cannot be read."""
    return fail(
        NAME, str(error), "paste the complete JSON of the service account into the Firebase project block"
    )

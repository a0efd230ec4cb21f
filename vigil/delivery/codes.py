"""Codes that Vigil itself gives to attempts and rows, beside FCM's own. They are stored in the ledger and never change."""

from __future__ import annotations

from vigil.compliance.channels import CHANNELS

GONE = frozenset(code for c in CHANNELS for code in c.gone)
"""Codes that mean that the address no longer exists: retire it."""

HELD_DEVICE = "HELD_DEVICE"  # the device's own rate is used up
HELD_PROJECT = "HELD_PROJECT"  # the project's rate is, or FCM asked the sender to slow down
HELD_CREDENTIAL = "HELD_CREDENTIAL"  # no access token, or a refused credential
HELD_HOST = "HELD_HOST"  # the receiver's host did not answer several requests a moment ago
HELD = frozenset({HELD_DEVICE, HELD_PROJECT, HELD_CREDENTIAL, HELD_HOST})
"""Codes of messages without any request, which therefore had no first try either."""

NOT_FCM = "HTTP_"
"""The beginning of the code of an answer that FCM did not write; its status follows."""

UNFORESEEN = (
    "UNFORESEEN"  # Vigil failed on a message or its outcome: it is unknown whether the message was accepted
)

EXPIRED = "expired"  # of a row: its time was over before it was sent
REFUSED = "every device refused it"  # of a row: no device is left for it
WORDLESS = "it was queued without its words"  # of a row: it has no text

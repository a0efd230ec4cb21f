"""Codes that Vigil itself gives attempts and rows, beside FCM's own. They are kept in the ledger and never change."""

from __future__ import annotations

from vigil.compliance.channels import CHANNELS

GONE = frozenset(code for c in CHANNELS for code in c.gone)
"""Codes that say the address is gone: prune it."""

HELD_DEVICE = "HELD_DEVICE"  # the device's own rate is used up
HELD_PROJECT = "HELD_PROJECT"  # the project's rate is, or FCM asked the sender to slow down
HELD_CREDENTIAL = "HELD_CREDENTIAL"  # no access token, or a refused credential
HELD = frozenset({HELD_DEVICE, HELD_PROJECT, HELD_CREDENTIAL})
"""Codes of messages that were not sent at all: no request was made, so no first try was either."""

NOT_FCM = "HTTP_"
"""What the code of an answer begins with that FCM did not write; its status follows."""

UNFORESEEN = "UNFORESEEN"  # something in Vigil failed at a message or at its outcome: whether it was taken is not known

EXPIRED = "expired"  # a row: its time was over before it was sent
REFUSED = "every device refused it"  # a row: no device is left that it could go to
WORDLESS = "it was queued without its words"  # a row: it has nothing to say

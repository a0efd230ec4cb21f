"""One key per outbox row, in the form of each platform.

The keys make duplicates invisible (docs/contracts/fcm.md#replace-keys): a message sent again with the same key replaces the first one
on the device. A key that does not fit a platform's form is hashed, so that it stays the same for the same row for ever.
"""

from __future__ import annotations

import base64
import hashlib
import re

TAG = 64  # characters; Android states no limit
COLLAPSE_ID = 64  # bytes, header apns-collapse-id
TOPIC = 32  # characters of the URL-safe base64 alphabet, header Topic

_HEADER_SAFE = re.compile(r"[!-~]{1,64}")
_TOPIC_SAFE = re.compile(r"[A-Za-z0-9_\-]{1,32}")


def android_tag(key: str) -> str:
    """The Android notification tag: the key, or 64 hexadecimal digits for a longer one."""
    return key if len(key) <= TAG else hashlib.sha256(key.encode()).hexdigest()


def collapse_id(key: str) -> str:
    """The APNs collapse id: the key if it is printable ASCII of at most 64 bytes, else 64 hexadecimal digits."""
    return key if _HEADER_SAFE.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def web_topic(key: str) -> str:
    """The web push topic: the key if it fits, else 32 characters of its hash (192 bits)."""
    if _TOPIC_SAFE.fullmatch(key):
        return key
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()[:24]).decode()

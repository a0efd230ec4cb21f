"""What each platform makes of a message: what is shown, what replaces what, how long it may wait.

Contract: docs/contracts/fcm.md#replace-keys. The three platforms do not agree, and that is the point of
having them here: a sender that sets the key of one platform only must be seen to show a duplicate on the
others.

| platform | shown text | replaces what is shown | replaces what waits | waits until |
|---|---|---|---|---|
| android | android.notification | same notification.tag | same collapse_key | android.ttl |
| ios | aps.alert | same apns-collapse-id | same apns-collapse-id | apns-expiration |
| web | webpush.notification | same notification.tag | same header Topic | header TTL |

Text that a platform's part does not give comes from the common `notification`.
A message without a notification goes to the application, which shows `data.title` and `data.body` and
replaces by `data.event_id`; without these texts nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PLATFORMS = ("android", "ios", "web")
LONGEST_TTL = timedelta(days=28)

Json = Mapping[str, Any]
_NOTHING: Json = {}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as one platform reads it. `key` replaces a shown notice, `pending_key` a waiting one; None never does."""

    title: str
    body: str
    link: str
    key: str | None
    pending_key: str | None
    expires_at: datetime  # after this instant it is not handed to a device that was offline
    data: Mapping[str, str]


def read(platform: str, message: Json, now: datetime) -> Arrival:
    """The message (the `message` object of a send, validated) as `platform` reads it at `now`."""
    return _READERS[platform](message, now)


def seconds(ttl: str) -> float:
    """A protobuf duration such as ``3600s`` or ``3.5s`` in seconds. Raises ValueError for anything else."""
    if not ttl.endswith("s"):
        raise ValueError(f"{ttl!r} is not a duration: write seconds with an s, such as 3600s")
    return float(ttl[:-1])


def _android(message: Json, now: datetime) -> Arrival:
    config: Json = message.get("android") or _NOTHING
    own: Json = config.get("notification") or _NOTHING
    data = {**(message.get("data") or _NOTHING), **(config.get("data") or _NOTHING)}
    ttl = timedelta(seconds=seconds(config["ttl"])) if "ttl" in config else LONGEST_TTL
    return _arrival(
        message, own, data, key=own.get("tag"), pending_key=config.get("collapse_key"), expires_at=now + ttl
    )


def _ios(message: Json, now: datetime) -> Arrival:
    config: Json = message.get("apns") or _NOTHING
    headers: Json = config.get("headers") or _NOTHING
    payload: Json = config.get("payload") or _NOTHING
    alert = (payload.get("aps") or _NOTHING).get("alert") or _NOTHING
    own: Json = {"body": alert} if isinstance(alert, str) else alert
    custom = {k: v for k, v in payload.items() if k != "aps" and isinstance(v, str)}
    key = headers.get("apns-collapse-id")
    expires = now + LONGEST_TTL
    if "apns-expiration" in headers:  # 0: try once, do not store
        expires = max(now, datetime.fromtimestamp(int(headers["apns-expiration"]), UTC))
    data = {**(message.get("data") or _NOTHING), **custom}
    return _arrival(message, own, data, key=key, pending_key=key, expires_at=expires)


def _web(message: Json, now: datetime) -> Arrival:
    config: Json = message.get("webpush") or _NOTHING
    headers = {k.lower(): v for k, v in (config.get("headers") or _NOTHING).items()}
    own: Json = config.get("notification") or _NOTHING
    data = {**(message.get("data") or _NOTHING), **(config.get("data") or _NOTHING)}
    link = (config.get("fcm_options") or _NOTHING).get("link")
    if link:
        data = {**data, "link": link}
    ttl = timedelta(seconds=int(headers["ttl"])) if "ttl" in headers else LONGEST_TTL
    return _arrival(
        message, own, data, key=own.get("tag"), pending_key=headers.get("topic"), expires_at=now + ttl
    )


def _arrival(
    message: Json,
    own: Json,
    data: Mapping[str, str],
    *,
    key: str | None,
    pending_key: str | None,
    expires_at: datetime,
) -> Arrival:
    common: Json = message.get("notification") or _NOTHING
    if not common and not (own.get("title") or own.get("body")):
        # Nothing for the system to show: the application handles data and goes by its event id.
        return Arrival(
            title=data.get("title", ""),
            body=data.get("body", ""),
            link=data.get("link", ""),
            key=data.get("event_id"),
            pending_key=pending_key,
            expires_at=expires_at,
            data=data,
        )
    return Arrival(
        title=own.get("title") or common.get("title", ""),
        body=own.get("body") or common.get("body", ""),
        link=data.get("link", ""),
        key=key,
        pending_key=pending_key,
        expires_at=expires_at,
        data=data,
    )


_READERS = {"android": _android, "ios": _ios, "web": _web}

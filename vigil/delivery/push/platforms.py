"""What a message carries for each platform, in firebase-admin's own classes: the one table of severities.

| severity | Android priority, channel, importance | APNs priority, interruption | web urgency |
|---|---|---|---|
| low | normal, vigil_low, low | 5, passive, no sound | low, silent |
| normal | normal, vigil_normal, default | 10, active | normal |
| high | high, vigil_high, high | 10, time-sensitive | high |
| critical | high, vigil_critical, max | 10, critical (with Apple's entitlement) | high, stays until dismissed |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from firebase_admin import messaging

from vigil.compliance.notices import Severity

PLATFORMS = ("android", "ios", "web", "any")
ADDRESS_KINDS = ("token", "fid", "topic", "condition")


@dataclass(frozen=True, slots=True)
class Level:
    """One row of the table above."""

    priority: str
    channel: str
    importance: str
    apns_priority: str
    interruption: str
    urgency: str


LEVELS: Mapping[Severity, Level] = {
    Severity.LOW: Level("normal", "vigil_low", "low", "5", "passive", "low"),
    Severity.NORMAL: Level("normal", "vigil_normal", "default", "10", "active", "normal"),
    Severity.HIGH: Level("high", "vigil_high", "high", "10", "time-sensitive", "high"),
    Severity.CRITICAL: Level("high", "vigil_critical", "max", "10", "critical", "high"),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """The texts of one message, ready for insertion. `ttl` in whole seconds, `expires` in seconds since 1970."""

    address: str
    title: str
    body: str
    link: str
    web_link: str | None  # FCM opens https links only; others are left to the service worker and data.link
    tag: str
    collapse_id: str
    topic: str
    ttl: int
    expires: str
    data: Mapping[str, str]


def compose(parts: Parts, platform: str, severity: Severity, address_kind: str) -> messaging.Message:
    """The message with the part of its platform; with all three for ``any``, as a topic needs."""
    message = messaging.Message(
        data=dict(parts.data),
        notification=messaging.Notification(title=parts.title, body=parts.body),
        android=_android(parts, severity) if platform in ("android", "any") else None,
        apns=_apns(parts, severity) if platform in ("ios", "any") else None,
        webpush=_web(parts, severity) if platform in ("web", "any") else None,
    )
    # Set, not passed: the constructor warns that `token` is deprecated, and the registry has both kinds.
    setattr(message, address_kind, parts.address)
    return message


def data_only(
    address: str, address_kind: str, data: Mapping[str, str], ttl: timedelta, now: datetime
) -> messaging.Message:
    """A message for the app on a device, which the device does not show. iOS delivers such messages in the background, at priority
    5.
    """
    expires = str(int((now + ttl).timestamp()))
    message = messaging.Message(
        data=dict(data),
        android=messaging.AndroidConfig(priority="high", ttl=ttl),
        apns=messaging.APNSConfig(
            headers={"apns-push-type": "background", "apns-priority": "5", "apns-expiration": expires},
            payload=messaging.APNSPayload(messaging.Aps(content_available=True)),
        ),
        webpush=messaging.WebpushConfig(headers={"Urgency": "high", "TTL": str(int(ttl.total_seconds()))}),
    )
    setattr(message, address_kind, address)
    return message


def _android(parts: Parts, severity: Severity) -> messaging.AndroidConfig:
    level = LEVELS[severity]
    return messaging.AndroidConfig(
        priority=level.priority,
        ttl=timedelta(seconds=parts.ttl),
        notification=messaging.AndroidNotification(
            tag=parts.tag, channel_id=level.channel, priority=level.importance
        ),
    )


def _apns(parts: Parts, severity: Severity) -> messaging.APNSConfig:
    level = LEVELS[severity]
    sound: str | messaging.CriticalSound | None = "default"
    if severity is Severity.LOW:
        sound = None
    elif severity is Severity.CRITICAL:
        sound = messaging.CriticalSound("default", critical=True, volume=1.0)
    return messaging.APNSConfig(
        headers={
            "apns-push-type": "alert",
            "apns-priority": level.apns_priority,
            "apns-expiration": parts.expires,
            "apns-collapse-id": parts.collapse_id,
        },
        payload=messaging.APNSPayload(
            messaging.Aps(sound=sound, custom_data={"interruption-level": level.interruption})
        ),
    )


def _web(parts: Parts, severity: Severity) -> messaging.WebpushConfig:
    return messaging.WebpushConfig(
        headers={"Topic": parts.topic, "Urgency": LEVELS[severity].urgency, "TTL": str(parts.ttl)},
        notification=messaging.WebpushNotification(
            tag=parts.tag,
            silent=True if severity is Severity.LOW else None,
            require_interaction=True if severity is Severity.CRITICAL else None,
        ),
        fcm_options=messaging.WebpushFCMOptions(parts.web_link) if parts.web_link else None,
    )

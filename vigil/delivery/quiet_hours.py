"""When a notice may be sent to its person: after the quiet hours of both the person and the rule, in the person's time zone.

This is checked twice: when a notice is queued, to set when its row is due, and by the worker for each row that it claims. A row may
become due in quiet hours in many ways (a guard releases it, a backfill is approved, no run delivered for hours), and the worker's
check covers them all.
"""

from __future__ import annotations

from datetime import datetime

from vigil.compliance.calendar import zones
from vigil.compliance.quiet_hours import QuietSpan, opens
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import Preferences


def in_message(message: NoticeMessage, asked: Preferences, at: datetime, site_zone: str) -> datetime:
    """The first instant from `at` on at which a queued message may be sent, by its person's current preferences."""
    return said_from(at, asked, message.quiet, asked.zone or message.zone or site_zone, site_zone)


def said_from(
    at: datetime, asked: Preferences, rule: QuietSpan | None, zone: str, site_zone: str
) -> datetime:
    """The first instant from `at` on outside both quiet hours, by the clocks of `zone`, or of `site_zone` if `zone` is unknown."""
    spans = []
    if asked.quiet_from is not None and asked.quiet_to is not None:
        spans.append(QuietSpan(asked.quiet_from, asked.quiet_to))
    if rule is not None:
        spans.append(rule)
    if not spans:
        return at
    # An unknown zone of an account must not lose its person's quiet hours or the notice.
    return opens(at, spans, zone if zone in zones() else site_zone)


__all__ = ["in_message", "said_from"]

"""When a notice may be said to its person: after the quiet hours of both the person and the rule, by the person's clock.

Asked twice: when a notice is queued, so that its row says when it is due; and by the worker for each row that it claims. A row may
become due at night in many ways (a guard lets it go, a backfill is approved, nobody delivered for hours), and all of them end there.
"""

from __future__ import annotations

from datetime import datetime

from vigil.compliance.calendar import zones
from vigil.compliance.quiet import Span, opens
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import Preferences


def in_message(message: NoticeMessage, asked: Preferences, at: datetime, site_zone: str) -> datetime:
    """The first instant from `at` on at which a queued message may be said, by what its person asks for now."""
    return said_from(at, asked, message.quiet, asked.zone or message.zone or site_zone, site_zone)


def said_from(at: datetime, asked: Preferences, rule: Span | None, zone: str, site_zone: str) -> datetime:
    """The first instant from `at` on outside of both quiet hours, by the clocks of `zone`, or of `site_zone` where nobody knows it."""
    spans = []
    if asked.quiet_from is not None and asked.quiet_to is not None:
        spans.append(Span(asked.quiet_from, asked.quiet_to))
    if rule is not None:
        spans.append(rule)
    if not spans:
        return at
    # A zone that an account gives and nobody knows must not cost its person the quiet, nor the notice.
    return opens(at, spans, zone if zone in zones() else site_zone)


__all__ = ["in_message", "said_from"]

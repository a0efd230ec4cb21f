"""The notices that can escalate: when their people were notified, and whether somebody acknowledged."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import BigInteger, Connection, case, cast, func, or_, select

from vigil.compliance.evaluation import escalations
from vigil.compliance.evaluation.escalations import EscalatableNotice, EscalationRow
from vigil.ledger.engine import chunks
from vigil.ledger.tables import AcknowledgementRow, AttemptRow, NoticeRow, table
from vigil.ledger.values import HEARD, IN_DIGEST

_notice = table(NoticeRow)
_attempt = table(AttemptRow)
_acknowledgement = table(AcknowledgementRow)


def notices(connection: Connection, rules: Collection[str], since: datetime) -> list[EscalatableNotice]:
    """The notices of some rules that were queued or sent since `since`, one for each (rule, workspace, occurrence, step), with the
    escalations of each.

    A notice that went out with a digest was received with it: attempts and acknowledgement are those of the digest.
    """
    carrier = _notice.alias("carrier")  # the row that was delivered: the digest's, or the notice's own
    carried = _notice.c.reason.startswith(IN_DIGEST, autoescape=True)
    number = case(
        (carried, cast(func.substr(_notice.c.reason, len(IN_DIGEST) + 1), BigInteger)), else_=_notice.c.id
    )
    accepted = select(func.min(_attempt.c.ended_at)).where(
        _attempt.c.notice == carrier.c.id, _attempt.c.outcome == "accepted"
    )
    query = select(
        _notice.c.rule,
        _notice.c.workspace,
        _notice.c.occurrence,
        _notice.c.step,
        _notice.c.fire_at,
        carrier.c.as_of,
        accepted.scalar_subquery().label("told_at"),
        carrier.c.state,
        _acknowledgement.c.at,
    ).select_from(
        _notice.join(carrier, carrier.c.id == number).outerjoin(
            _acknowledgement, _acknowledgement.c.notice == carrier.c.id
        )
    )
    # A device accepts a notice within an hour of its first try, which is less than the margin of `since`.
    recent = or_(carrier.c.as_of >= since, carrier.c.first_tried_at >= since)
    return escalations.escalatable(
        EscalationRow(
            rule=r.rule,
            workspace=r.workspace,
            occurrence=r.occurrence,
            step=r.step,
            fire_at=r.fire_at,
            queued_at=r.as_of,
            told_at=r.told_at,
            heard=r.state in HEARD,
            acknowledged=r.at is not None,
        )
        for some in chunks(sorted(rules))
        for r in connection.execute(query.where(_notice.c.rule.in_(some), recent))
    )

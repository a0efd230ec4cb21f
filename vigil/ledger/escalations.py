"""The notices that may escalate: who could have reacted, and whether anybody did."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from vigil.compliance import escalations
from vigil.compliance.escalations import Row, Said
from vigil.ledger.engine import chunks
from vigil.ledger.tables import Acknowledgement, Notice, table
from vigil.ledger.values import HEARD

_notice = table(Notice)
_acknowledgement = table(Acknowledgement)


def said(connection: Connection, rules: Collection[str], since: datetime) -> list[Said]:
    """The notices of some rules from `since` on, one for each (rule, workspace, occurrence, step), with what escalated of each."""
    query = select(
        _notice.c.rule,
        _notice.c.workspace,
        _notice.c.occurrence,
        _notice.c.step,
        _notice.c.fire_at,
        _notice.c.state,
        _acknowledgement.c.at,
    ).outerjoin_from(_notice, _acknowledgement, _acknowledgement.c.notice == _notice.c.id)
    return escalations.said(
        Row(r.rule, r.workspace, r.occurrence, r.step, r.fire_at, r.state in HEARD, r.at is not None)
        for some in chunks(sorted(rules))
        for r in connection.execute(query.where(_notice.c.rule.in_(some), _notice.c.fire_at >= since))
    )

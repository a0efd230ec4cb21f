"""The notices that may escalate: who could have reacted, and whether anybody did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from vigil.compliance.escalations import MARK, Said
from vigil.ledger.engine import chunks
from vigil.ledger.tables import Acknowledgement, Notice, table

_notice = table(Notice)
_acknowledgement = table(Acknowledgement)

HEARD = frozenset({"sent", "no_device", "failed"})
"""States after which one may wait for a reaction. To a notice that could not be delivered there will be none."""


def said(connection: Connection, rules: Collection[str], since: datetime) -> list[Said]:
    """The notices of some rules from `since` on, one for each (rule, workspace, occurrence, step), with what escalated of each.

    It counts as acknowledged when one of its people acknowledged it.
    """
    groups: dict[tuple[str, int, str, str], list[tuple[datetime, bool]]] = defaultdict(list)
    escalated: dict[tuple[str, int, str, str], set[int]] = defaultdict(set)
    query = select(
        _notice.c.rule,
        _notice.c.workspace,
        _notice.c.occurrence,
        _notice.c.step,
        _notice.c.fire_at,
        _notice.c.state,
        _acknowledgement.c.at,
    ).outerjoin_from(_notice, _acknowledgement, _acknowledgement.c.notice == _notice.c.id)
    for some in chunks(sorted(rules)):
        for r in connection.execute(query.where(_notice.c.rule.in_(some), _notice.c.fire_at >= since)):
            base, mark, number = r.occurrence.partition(MARK)
            if mark:
                escalated[r.rule, r.workspace, base, r.step].add(int(number) - 1)
            elif r.state in HEARD:
                groups[r.rule, r.workspace, base, r.step].append((r.fire_at, r.at is not None))
    return [
        Said(
            rule=key[0],
            workspace=key[1],
            occurrence=key[2],
            step=key[3] or None,
            fire_at=min(at for at, _ in rows),
            acknowledged=any(seen for _, seen in rows),
            escalated=frozenset(escalated.get(key, ())),
        )
        for key, rows in groups.items()
    ]

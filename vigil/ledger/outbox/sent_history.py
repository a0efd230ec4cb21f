"""The sent history: the occurrences of a rule's steps for which a notice was sent or is queued."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, select

from vigil.compliance.notices import NoticeState
from vigil.ledger.engine import chunks
from vigil.ledger.tables import NoticeRow, table

_notice = table(NoticeRow)


def occurrences(
    connection: Connection, rule: str, workspaces: Collection[int]
) -> dict[tuple[int, str], set[str]]:
    """(workspace, step) -> occurrences with a notice that was sent or is queued."""
    out: dict[tuple[int, str], set[str]] = defaultdict(set)
    for some in chunks(sorted(workspaces)):
        where = (
            (_notice.c.rule == rule)
            & _notice.c.workspace.in_(some)
            & _notice.c.state.in_((NoticeState.SENT, NoticeState.QUEUED))
        )
        query = select(_notice.c.workspace, _notice.c.step, _notice.c.occurrence).where(where).distinct()
        for r in connection.execute(query):
            out[r.workspace, r.step].add(r.occurrence)
    return dict(out)

"""The sent history: the occurrences of a rule's steps for which a notice was sent, alone or with a digest, or is queued."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, select

from vigil.ledger.engine import chunks
from vigil.ledger.tables import NoticeRow, table
from vigil.ledger.values import went_out

_notice = table(NoticeRow)


def occurrences(
    connection: Connection, rule: str, workspaces: Collection[int]
) -> dict[tuple[int, str], set[str]]:
    """(workspace, step) -> occurrences with a notice that went out: see `values.went_out`."""
    out: dict[tuple[int, str], set[str]] = defaultdict(set)
    for some in chunks(sorted(workspaces)):
        where = (_notice.c.rule == rule) & _notice.c.workspace.in_(some)
        columns = (
            _notice.c.workspace,
            _notice.c.step,
            _notice.c.occurrence,
            _notice.c.state,
            _notice.c.reason,
        )
        for r in connection.execute(select(*columns).where(where).distinct()):
            if went_out(r.state, r.reason):
                out[r.workspace, r.step].add(r.occurrence)
    return dict(out)

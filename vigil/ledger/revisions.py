"""The texts of rules: each that was ever in force is kept, so that a rule goes on by its last one while its file is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, select, update

from vigil.compliance.in_force import Revision
from vigil.compliance.texts import hash_of
from vigil.ledger.engine import upsert
from vigil.ledger.tables import RuleRevision, table

_revision = table(RuleRevision)


def in_force(connection: Connection) -> list[Revision]:
    """The text of each rule that nobody has edited, retired or deleted since it was evaluated, by the rule's name."""
    found = connection.execute(select(_revision).where(_revision.c.in_force).order_by(_revision.c.rule))
    return [Revision(r.rule, r.text, r.file, r.first_at, r.last_at) for r in found]


def kept(connection: Connection) -> bool:
    """Whether the ledger has the text of any rule."""
    return connection.execute(select(_revision.c.rule).limit(1)).first() is not None


def keep(
    connection: Connection, texts: Iterable[tuple[str, str, str]], left_out: Collection[str], as_of: datetime
) -> None:
    """Note the texts (rule, text, file) by which rules were evaluated at `as_of`.

    Those of rules that were `left_out` stay in force as they were; of all the others only these are.
    """
    others = _revision.c.in_force & _revision.c.rule.not_in(left_out)
    connection.execute(update(_revision).where(others).values(in_force=False))
    rows = [
        {
            "rule": rule,
            "hash": hash_of(text),
            "text": text,
            "file": file,
            "first_at": as_of,
            "last_at": as_of,
            "in_force": True,
        }
        for rule, text, file in texts
    ]
    upsert(connection, _revision, rows, ("text", "file", "last_at", "in_force"))

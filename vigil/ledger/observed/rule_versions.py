"""The texts of rules. Every text that was ever in force is stored, so that the last one stays in force while its file is invalid."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, select, update

from vigil.compliance.rules.in_force import Revision
from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import RuleVersionRow, table

_revision = table(RuleVersionRow)


def in_force(connection: Connection) -> list[Revision]:
    """The text of each rule that was not edited, retired or deleted since its evaluation, by the rule's name."""
    found = connection.execute(select(_revision).where(_revision.c.in_force).order_by(_revision.c.rule))
    return [Revision(r.rule, r.hash, r.text, r.file, r.first_at, r.last_at) for r in found]


def kept(connection: Connection) -> bool:
    """Whether the ledger has the text of any rule."""
    return connection.execute(select(_revision.c.rule).limit(1)).first() is not None


def use(
    connection: Connection, hashes: Mapping[str, str], left_out: Collection[str], as_of: datetime
) -> set[str]:
    """Record the texts (rule -> hash) of an evaluation at `as_of`. Returns the rules whose text must be added.

    The text of a rule that was `left_out` stays in force; of all other rules only the given texts are in force.
    """
    before = {r.rule: r.hash for r in in_force(connection)}
    same = {rule for rule, hash in hashes.items() if before.get(rule) == hash}
    over = before.keys() - same - set(left_out)
    for some, now in ((same, {"last_at": as_of}), (over, {"in_force": False})):
        for part in chunks(sorted(some)):
            here = _revision.c.in_force & _revision.c.rule.in_(part)
            connection.execute(update(_revision).where(here).values(now))
    return hashes.keys() - same


def add(connection: Connection, texts: Iterable[Revision]) -> None:
    """Put texts in force and store them for ever. A text that was in force before is so again."""
    rows = [asdict(r) | {"in_force": True} for r in texts]
    upsert(connection, _revision, rows, ("text", "file", "last_at", "in_force"))

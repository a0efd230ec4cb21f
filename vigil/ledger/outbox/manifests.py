"""Manifests of backfills, stored as they were shown, so that an approval sends exactly their notices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select, update

from vigil.ledger.engine import upsert
from vigil.ledger.tables import ManifestRow, table

_manifest = table(ManifestRow)


@dataclass(frozen=True, slots=True)
class StoredManifest:
    id: str
    created_at: datetime
    approved_at: datetime | None
    rows: tuple[Mapping[str, Any], ...]


def keep(connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """Store a manifest and return its id. The same rows have the same id, and keep their approval."""
    body = orjson.dumps(list(rows), option=orjson.OPT_SORT_KEYS)
    id = hashlib.blake2b(body, digest_size=6).hexdigest()
    upsert(
        connection, _manifest, [{"id": id, "created_at": now, "approved_at": None, "body": body.decode()}], ()
    )
    return id


def find(connection: Connection, id: str) -> StoredManifest | None:
    """A stored manifest, by id."""
    row = connection.execute(select(_manifest).where(_manifest.c.id == id)).first()
    return (
        None
        if row is None
        else StoredManifest(row.id, row.created_at, row.approved_at, tuple(orjson.loads(row.body)))
    )


def approve(connection: Connection, id: str, now: datetime) -> bool:
    """Mark a manifest as approved. Returns False if it was approved before: then nothing is to be sent."""
    where = (_manifest.c.id == id) & _manifest.c.approved_at.is_(None)
    return connection.execute(update(_manifest).where(where).values(approved_at=now)).rowcount == 1

"""The key of a notice, and the lookup of rows by many keys at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, ColumnElement, Connection, FromClause, and_, cast, column, func, select

from vigil.compliance.notices import NoticeKey
from vigil.ledger.tables import NoticeRow, table

_notice = table(NoticeRow)
_NAMES = ("rule", "workspace", "occurrence", "step", "person")


def key_columns() -> tuple[ColumnElement[Any], ...]:
    """The columns of a key, in its order."""
    return tuple(_notice.c[name] for name in _NAMES)


def keys_wanted(connection: Connection, keys: Sequence[NoticeKey]) -> FromClause:
    """Keys as a table for a join, in one parameter: each probes the unique index, and the statement is always the same."""
    if connection.dialect.name == "sqlite":
        given = func.json_each(orjson.dumps(keys).decode()).table_valued("value")
        fields = [func.json_extract(given.c.value, f"$[{n}]").label(name) for n, name in enumerate(_NAMES)]
        return select(*fields).cte("wanted")
    types = [_notice.c[name].type for name in _NAMES]
    arrays = [cast(list(values), ARRAY(t)) for t, values in zip(types, zip(*keys, strict=True), strict=True)]
    columns = [column(name, t) for name, t in zip(_NAMES, types, strict=True)]
    return func.unnest(*arrays).table_valued(*columns, name="wanted").render_derived()


def is_wanted(wanted: FromClause) -> ColumnElement[bool]:
    """The condition of the join with `keys_wanted`."""
    return and_(*(_notice.c[name] == wanted.c[name] for name in _NAMES))

"""Alembic's entry: runs the migrations against the URL that vigil.ledger.engine gives, in one transaction, one process at a time."""

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

from vigil.ledger.engine import MIGRATIONS, in_turn, open_engine, writer
from vigil.ledger.tables import Instant


def plain(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Types as SQLAlchemy's own in a new migration: what it says must not change when the tables do."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return False


url = context.config.get_main_option("sqlalchemy.url")
if url is None:
    raise RuntimeError("no database URL: run migrations through vigil.ledger.engine.migrate")

engine = open_engine(url)
try:
    with writer(engine).begin() as connection:
        in_turn(connection, MIGRATIONS)
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
            render_item=plain,
            transactional_ddl=True,  # on SQLite too: a migration that is killed leaves nothing behind
        )
        with context.begin_transaction():
            context.run_migrations()
finally:
    engine.dispose()

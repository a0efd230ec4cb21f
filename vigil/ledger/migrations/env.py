"""Alembic's entry: runs the migrations against the URL that vigil.ledger.engine gives."""

from alembic import context
from sqlmodel import SQLModel

import vigil.ledger.tables  # noqa: F401  fills the metadata
from vigil.ledger.engine import open_engine

url = context.config.get_main_option("sqlalchemy.url")
if url is None:
    raise RuntimeError(
        "no database URL: run migrations through vigil.ledger.engine.migrate or `vigil ledger upgrade`"
    )

with open_engine(url).connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()

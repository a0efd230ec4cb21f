"""folders have stamps"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "folder",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("modified", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_folder_workspace"), ["workspace"], unique=False)
    _fill()


def _fill() -> None:
    """Until now observations of workspaces had their folders, as pairs of id and number of items. Their changes must not be missed."""
    newest = sa.table(
        "newest", sa.column("kind"), sa.column("seq"), sa.column("workspace"), sa.column("hash")
    )
    observation = sa.table("observation", sa.column("seq"), sa.column("body"))
    folder = sa.table("folder", sa.column("id"), sa.column("workspace"), sa.column("items"))
    query = (
        sa.select(newest.c.workspace, observation.c.body)
        .join(observation, observation.c.seq == newest.c.seq)
        .where(newest.c.kind == "workspace", newest.c.hash.is_not(None))
        .where(observation.c.body.not_like('%"folders":[]%'))
    )
    connection = op.get_bind()
    found = {
        id: {"id": id, "workspace": workspace, "items": items}
        for workspace, body in connection.execute(query)
        for id, items in json.loads(body).get("folders", ())
    }
    if found:
        connection.execute(sa.insert(folder), list(found.values()))


def downgrade() -> None:
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_folder_workspace"))

    op.drop_table("folder")

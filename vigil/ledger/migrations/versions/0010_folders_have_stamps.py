"""folders have stamps"""

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
    _take_folders_over()


def _take_folders_over() -> None:
    """Until now observations of workspaces had their folders, as pairs of id and number of items. Their changes must not be missed."""
    newest = sa.table(
        "newest", sa.column("kind"), sa.column("seq"), sa.column("workspace"), sa.column("hash")
    )
    observation = sa.table("observation", sa.column("seq"), sa.column("body", sa.Text()))
    folder = sa.table("folder", sa.column("id"), sa.column("workspace"), sa.column("items"))
    connection = op.get_bind()
    decode = sa.type_coerce if connection.dialect.name == "sqlite" else sa.cast
    query = (
        sa.select(newest.c.workspace, decode(observation.c.body, sa.JSON()).label("body"))
        .join(observation, observation.c.seq == newest.c.seq)
        .where(newest.c.kind == "workspace", newest.c.hash.is_not(None))
        .where(observation.c.body.not_like('%"folders":[]%'))
    )
    found = {
        id: {"id": id, "workspace": workspace, "items": items}
        for workspace, body in connection.execute(query)
        for id, items in body.get("folders", ())
    }
    if found:
        connection.execute(sa.insert(folder), list(found.values()))


def downgrade() -> None:
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_folder_workspace"))

    op.drop_table("folder")

"""what is gone and may be there again, and what lists do not show"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

GONE = sa.text("hash IS NULL")


def upgrade() -> None:
    op.create_index("ix_newest_gone", "newest", ["seq"], sqlite_where=GONE, postgresql_where=GONE)
    op.create_table(
        "short_list",
        sa.Column("workspace", sa.BigInteger(), nullable=False),
        sa.Column("lacking", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace"),
    )


def downgrade() -> None:
    op.drop_table("short_list")
    op.drop_index("ix_newest_gone", table_name="newest")

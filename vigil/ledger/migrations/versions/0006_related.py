"""which workspaces are related to one is found without reading every relation"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "relation",
        sa.Column("workspace", sa.BigInteger(), nullable=False),
        sa.Column("other", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "other"),
    )
    op.create_index("ix_relation_other", "relation", ["other"], unique=False)


def downgrade() -> None:
    op.drop_table("relation")

"""what waits for a digest or a guard is found without reading every notice"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    suppressed = sa.text("state = 'suppressed'")
    op.create_index(
        "ix_notice_suppressed",
        "notice",
        ["reason", "person"],
        unique=False,
        sqlite_where=suppressed,
        postgresql_where=suppressed,
    )


def downgrade() -> None:
    op.drop_index("ix_notice_suppressed", table_name="notice")

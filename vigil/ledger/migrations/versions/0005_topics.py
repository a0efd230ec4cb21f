"""topics: who is meant to have them, and what FCM was told of which device"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topic_member",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("topic", "person"),
    )
    op.create_index("ix_topic_member_person", "topic_member", ["person"], unique=False)
    op.create_table(
        "topic_subscription",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("device", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "device"),
    )
    op.create_index("ix_topic_subscription_device", "topic_subscription", ["device"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_topic_subscription_device", table_name="topic_subscription")
    op.drop_table("topic_subscription")
    op.drop_index("ix_topic_member_person", table_name="topic_member")
    op.drop_table("topic_member")

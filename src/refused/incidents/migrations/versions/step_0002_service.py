"""Which service an incident was about, for the figures by service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of older incidents the service is not known."""
    op.add_column(
        "incidents", sa.Column("service", sa.String(20), nullable=False, server_default="redis")
    )


def downgrade() -> None:
    """Take the column away."""
    with op.batch_alter_table("incidents") as table:
        table.drop_column("service")
